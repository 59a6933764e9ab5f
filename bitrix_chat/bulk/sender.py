"""One item on its way to its end: sent once it is written down, and whatever ends it, its end is written down too."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

from bitrix_chat.bulk.creator import Creator
from bitrix_chat.bulk.items import Item, meets_all, passes, state_of
from bitrix_chat.bulk.outage import Outage
from bitrix_chat.bulk.recorder import NotWritten, Recorder
from bitrix_chat.bulk.results import BulkResult, BulkState
from bitrix_chat.errors import BitrixError, ConnectionLost, InvalidParameter, RestError
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.evidence import unknown_outcome
from bitrix_chat.rest.keys import created_id
from bitrix_chat.rest.request import Exchange, Response

T = TypeVar("T")


_Failed = tuple[Exchange, BaseException]
"""An exchange, and what its first attempt has failed with."""


class Withdrawn(Exception):
    """What was about to leave is not to leave any more, since the run is stopping."""


class Sender(Generic[T]):
    """Sends the items of a run.

    Args:
        creator: makes their calls.
        recorder: writes down what leaves and what becomes of it.
        clock: seconds of a monotonic clock.
        ended: told what became of each, once that is written down.
        fail: told what stops the run.

    Attributes:
        is_stopping: whether nothing is to leave any more.
    """

    def __init__(
        self,
        creator: Creator[T],
        recorder: Recorder,
        clock: Callable[[], float],
        ended: Callable[[Item[T], BulkResult[T]], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.is_stopping = False
        self._creator = creator
        self._recorder = recorder
        self._clock = clock
        self._report_end = ended
        self._fail = fail
        self._outage = Outage(clock)
        self._announcing = self._announce
        self._unwritten: dict[asyncio.Task[None], list[tuple[Item[T], BulkResult[T]]]] = {}

    def start(self, item: Item[T]) -> None:
        """Begin to create a chat; what has no key needs a task only when its first attempt fails."""
        queue = self._creator.queue
        if item.call is None or item.key is not None or queue is None:
            self._start_task(item)
            return
        # It may wait for as long as the run goes on: a bound of the client's is meant for one call.
        exchange = item.call.within(None).announced(self._announcing).claim()
        try:
            ticket = queue.begin(exchange)
        except BitrixError as error:
            self._start_task(item, (exchange, error))
            return
        self._recorder.expect(exchange.request, item)
        item.recall = partial(queue.queue.abandon, ticket)
        ticket.future.add_done_callback(partial(self._land, item, exchange))

    def _start_task(self, item: Item[T], failed: "_Failed | None" = None) -> None:
        task = item.task = asyncio.get_running_loop().create_task(self._send(item, failed))
        item.recall = task.cancel
        # A callback and not a `finally`: a task that is cancelled before its first step runs none.
        task.add_done_callback(partial(self._ensure_end, item))

    def _ensure_end(self, item: Item[T], task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)
        if error is not None or task.cancelled():
            self._end(item, self._given_up(item))

    def _land(self, item: Item[T], exchange: Exchange, future: "asyncio.Future[Response]") -> None:
        """Take what became of a first attempt."""
        self._recorder.forget(exchange.request)
        if future.cancelled() or item.call is None:
            self._end_written(item, self._given_up(item))
        elif (error := future.exception()) is not None:
            self._start_task(item, (exchange, error))
        else:
            self._outage.is_over()
            self._end_written(item, self._arrived(item, item.call, future.result().result))

    def _end_written(self, item: Item[T], result: BulkResult[T]) -> None:
        """Write down what became of an item, together with what else ends in this turn of the loop, and report it."""
        if item.number is None or not self._is_worth_writing(item, result):
            self._end(item, result)
            return
        writing = self._recorder.finishing(item.number, result)
        together = self._unwritten.get(writing)
        if together is None:
            together = self._unwritten[writing] = []
            writing.add_done_callback(self._written)
        together.append((item, result))

    def _written(self, writing: "asyncio.Task[None]") -> None:
        if not writing.cancelled() and (error := writing.exception()) is not None:
            self._fail(error)
        for item, result in self._unwritten.pop(writing):
            self._end(item, result)

    def _end(self, item: Item[T], result: BulkResult[T]) -> None:
        item.recall = None
        self._report_end(item, result)

    def _is_worth_writing(self, item: Item[T], result: BulkResult[T]) -> bool:
        return item.attempts > item.attempts_before or result.state is not BulkState.NOT_STARTED

    async def _send(self, item: Item[T], failed: "_Failed | None") -> None:
        """Create a chat; cancelled, report what is known by then."""
        try:
            result = await self._outcome(item, failed)
        except asyncio.CancelledError:
            result = self._given_up(item)
        except Exception as error:  # noqa: BLE001  # a limiter, strategy or hook of the user's may raise anything
            result = self._given_up(item)
            self._fail(error)
        if self._is_worth_writing(item, result):
            await self._record(item, result)
        self._end(item, result)

    def unsent(self, item: Item[T]) -> BulkResult[T]:
        """Return the result of what did not leave in this run; an earlier process may have sent it."""
        if item.lost is None:
            return self._ended(item, BulkState.NOT_STARTED)
        return self._ended(item, BulkState.UNKNOWN, error=item.lost)

    async def _outcome(self, item: Item[T], failed: "_Failed | None") -> BulkResult[T]:
        call = item.call
        while call is not None:
            try:
                value = await self._sent(item, call, failed)
            except Withdrawn:
                break
            except BitrixError as error:
                if not await self._waits_out(error):
                    return await self._failed(item, error)
                call, failed = self._creator.call(item.spec, item.key, is_new=False), None
                item.call = call
            else:
                self._outage.is_over()
                return self._ended(item, BulkState.DONE, value=value, chat_id=self._creator.chat_id_of(value))
        return self.unsent(item)

    async def _sent(self, item: Item[T], call: Call[T], failed: "_Failed | None") -> T:
        request = call.request if failed is None else failed[0].request
        self._recorder.expect(request, item)
        try:
            if failed is not None:
                return call.decode((await self._gone_on(*failed)).result)
            return await call.within(None).announced(self._announcing)
        except NotWritten as error:
            raise error.why from error.why.__cause__
        finally:
            self._recorder.forget(request)

    async def _gone_on(self, exchange: Exchange, error: BaseException) -> Response:
        if self._creator.queue is None or not isinstance(error, BitrixError):
            raise error
        return await self._creator.queue.go_on(exchange, error)

    async def _announce(self, exchanges: Sequence[Exchange]) -> None:
        if self.is_stopping:  # also what proved not to have run, and would leave once more
            raise Withdrawn
        await self._recorder.announce(exchanges)

    async def _waits_out(self, error: BitrixError) -> bool:
        """Wait where that may help; False where it would not."""
        if passes(error):
            return not self.is_stopping and await self._outage.passes()
        if isinstance(error, RestError):
            self._outage.is_over()
        return False

    async def _failed(self, item: Item[T], error: BitrixError) -> BulkResult[T]:
        state = state_of(error)
        if meets_all(error) or (isinstance(error, InvalidParameter) and await self._refuses_key(item)):
            self._fail(error)
            state = BulkState.NOT_STARTED if state is BulkState.FAILED else state
        if state is BulkState.NOT_STARTED and item.lost is not None and item.attempts == item.attempts_before:
            return self.unsent(item)
        return self._ended(item, state, error=error, chat_id=error.chat_id or _id_in(item.call))

    async def _refuses_key(self, item: Item[T]) -> bool:
        return item.key is not None and await self._creator.refuses_keys()

    def _given_up(self, item: Item[T]) -> BulkResult[T]:
        """Return what is known of an item that nobody waits for any more."""
        call = item.call
        if call is None or call.outcome not in {Outcome.UNKNOWN, Outcome.DONE}:
            return self.unsent(item)
        if call.outcome is Outcome.DONE and call.response is not None:
            return self._arrived(item, call, call.response.result)
        lost = ConnectionLost("the run was stopped before the answer", method=self._creator.method)
        unknown = call.attested(unknown_outcome(lost, self._creator.method), call.request)
        return self._ended(item, BulkState.UNKNOWN, error=unknown)

    def _arrived(self, item: Item[T], call: Call[T], raw: Any) -> BulkResult[T]:
        try:
            value = call.decode(raw)
        except BitrixError as error:
            return self._ended(item, BulkState.DONE, error=error, chat_id=_id_in(call))
        return self._ended(item, BulkState.DONE, value=value, chat_id=self._creator.chat_id_of(value))

    def _ended(self, item: Item[T], state: BulkState, **known: Any) -> BulkResult[T]:
        return item.ended(state, elapsed=self._clock() - item.taken_at, **known)

    async def _record(self, item: Item[T], result: BulkResult[T]) -> None:
        """Write down what became of an item; whoever gives up meanwhile waits until it is written, since it is so."""
        if item.number is None:
            return
        writing = self._recorder.finishing(item.number, result)
        while not writing.done():
            # What it fails with is looked at below, whoever else waits for it.
            with suppress(asyncio.CancelledError, Exception):
                await asyncio.shield(writing)
        if not writing.cancelled() and (error := writing.exception()) is not None:
            self._fail(error)


def _id_in(call: Call[Any] | None) -> int | None:
    """Return the id in an answer that cannot be read as a whole."""
    response = None if call is None else call.response
    return None if response is None else created_id(response.result)


def is_on_the_ground(item: Item[Any]) -> bool:
    """Return whether nothing of an item is on its way, so that giving it up leaves nothing open."""
    if item.call is None or item.call.outcome is Outcome.REFUSED_TEMPORARY:
        return True
    return item.call.outcome is Outcome.NOT_SENT and not item.is_leaving
