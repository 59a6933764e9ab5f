"""One item on its way to its end: sent once it is written down, and whatever ends it, its end is written down too."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
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
from bitrix_chat.rest.request import Exchange

T = TypeVar("T")


class Withdrawn(Exception):
    """What was about to leave is not to leave any more, since the run is stopping."""


class Sender(Generic[T]):
    """Sends the items of a run.

    Args:
        creator: makes their calls.
        recorder: writes down what leaves and what becomes of it.
        clock: seconds of a monotonic clock.
        fail: told what stops the run.

    Attributes:
        is_stopping: whether nothing is to leave any more.
    """

    def __init__(
        self,
        creator: Creator[T],
        recorder: Recorder,
        clock: Callable[[], float],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.is_stopping = False
        self._creator = creator
        self._recorder = recorder
        self._clock = clock
        self._fail = fail
        self._outage = Outage(clock)

    async def send(self, item: Item[T]) -> BulkResult[T]:
        """Create a chat and return what became of it; cancelled, return what is known by then."""
        try:
            result = await self._outcome(item)
        except asyncio.CancelledError:
            result = self._given_up(item)
        except Exception as error:  # noqa: BLE001  # a limiter, strategy or hook of the user's may raise anything
            result = self._given_up(item)
            self._fail(error)
        if item.attempts > item.attempts_before or result.state is not BulkState.NOT_STARTED:
            await self._record(item, result)
        return result

    def unsent(self, item: Item[T]) -> BulkResult[T]:
        """Return the result of what did not leave in this run; an earlier process may have sent it."""
        if item.lost is None:
            return self._ended(item, BulkState.NOT_STARTED)
        return self._ended(item, BulkState.UNKNOWN, error=item.lost)

    async def _outcome(self, item: Item[T]) -> BulkResult[T]:
        call = item.call
        while call is not None:
            try:
                value = await self._sent(item, call)
            except Withdrawn:
                break
            except BitrixError as error:
                if not await self._waits_out(error):
                    return await self._failed(item, error)
                call = item.call = self._creator.call(item.spec, item.key, is_new=False)
            else:
                self._outage.is_over()
                return self._ended(item, BulkState.DONE, value=value, chat_id=self._creator.chat_id_of(value))
        return self.unsent(item)

    async def _sent(self, item: Item[T], call: Call[T]) -> T:
        request = call.request
        self._recorder.expect(request, item)
        try:
            # It may wait for as long as the run goes on: a bound of the client's is meant for one call.
            return await call.within(None).announced(self._announce)
        except NotWritten as error:
            raise error.why from error.why.__cause__
        finally:
            self._recorder.forget(request)
            item.is_leaving = False

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
