"""A bounded producer over the client's one queue: takes specs as there is room, and gives results as they end.

Theory of operation. Packing, pacing and repeating are the queue's; what is added here is a bound on what is under way.
So many items are taken that the queue always sees enough to fill its requests, and no more until somebody has taken
results: a slow consumer thus stops the pulling of specs, and then the sending. Items are taken in lumps, since one that
is taken alone would leave alone. What is not about one chat (the network, the token, the journal) stops the run, once
waiting has not helped; what has left by then is waited for, and what has not is not started.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final, Generic, Literal, TypeVar

from attrs import frozen

from bitrix_chat.bulk import lumps
from bitrix_chat.bulk.creator import Creator
from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.items import Item
from bitrix_chat.bulk.progress import Meter
from bitrix_chat.bulk.recorder import Recorder
from bitrix_chat.bulk.results import BulkResult, BulkState
from bitrix_chat.bulk.sender import Sender, is_on_the_ground
from bitrix_chat.bulk.source import Source

T = TypeVar("T")

WINDOW: Final = 2400
"""Items under way or not yet taken by the consumer: three times what sixteen requests of fifty carry."""
_SWEEP: Final = 0.25
"""Seconds between two looks at what has come back while a run is stopping."""
_LESSONS: Final = 3
"""Chats of a bot that are created one after the other at first, to see whether the portal keeps their entity."""


@frozen(kw_only=True)
class Options:
    """How a run goes.

    Attributes:
        on_error: whether it goes on after a chat that failed or may have been created.
        order: whether results come as they end, or as their specs were given.
        deadline: seconds after which nothing more leaves, None for none.
    """

    on_error: Literal["collect", "stop"] = "collect"
    order: Literal["completion", "input"] = "completion"
    deadline: float | None = None


class Engine(Generic[T]):
    """One pass over a source."""

    def __init__(
        self,
        creator: Creator[T],
        source: Source[T],
        recorder: Recorder,
        options: Options,
        on_result: Callable[[BulkResult[T]], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._creator = creator
        self._source = source
        self._recorder = recorder
        self._options = options
        self._on_result = on_result
        self._clock = loop.time
        self._sender = Sender(creator, recorder, loop.time, self._has_ended, self._fail)
        self._under_way: dict[int, Item[T]] = {}
        self._places: dict[int, int] = {}
        self._ready: deque[BulkResult[T]] = deque()
        self._held: dict[int, BulkResult[T]] = {}
        self._taken = self._given = self._next = 0
        self._has_result, self._has_room, self._has_landed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._producer: asyncio.Task[None] | None = None
        self._postponed: deque[Item[T]] = deque()
        self._is_pulling = False
        self._lessons = 0
        self.meter = Meter(loop.time, total=source.total)
        self.stopped_by: BaseException | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self.is_stopping = False
        self.is_exhausted = False

    @property
    def limited_by(self) -> Literal["requests", "operating", "latency", "consumer"] | None:
        """What the run waits for."""
        waits_for = self._creator.waits_for
        if waits_for is None and self._under_way:
            return "latency"
        is_full = self._taken - self._given > WINDOW - 2 * lumps.LUMP
        return waits_for or ("consumer" if is_full else None)

    async def results(self) -> AsyncGenerator[BulkResult[T], None]:
        """Yield results; when they end, `stopped_by` tells whether something has stopped the run."""
        loop = asyncio.get_running_loop()
        self._producer = loop.create_task(self._produce())
        self._producer.add_done_callback(self._wake)
        deadline = self._options.deadline
        alarm = None if deadline is None else loop.call_later(deadline, partial(self.stop, drain=False))
        try:
            while (result := await self._take_result()) is not None:
                yield result
        finally:
            if alarm is not None:
                alarm.cancel()
            await self._finish()

    def stop(self, *, drain: bool = True) -> None:
        """Take nothing more, and let what has left land; without `drain`, give that up too."""
        self.is_stopping = self._sender.is_stopping = True
        self._has_room.set()
        if not drain:
            for item in list(self._under_way.values()):
                _recall(item)
        elif self._sweeping is None:
            self._sweep()
        if self._is_pulling and self._source.total is None and self._producer is not None:
            self._producer.cancel()  # the next spec may be long in coming

    def _sweep(self) -> None:
        """Recall what has left and came back to wait for the limits, perhaps for minutes, while the run is stopping."""
        for item in list(self._under_way.values()):
            if is_on_the_ground(item):
                _recall(item)
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP, self._sweep) if self._under_way else None

    async def landed(self) -> None:
        """Wait until nothing is under way, whether or not anybody takes the results."""
        while self._under_way or self._is_producing():
            self._has_landed.clear()
            await self._has_landed.wait()

    def _is_producing(self) -> bool:
        producer = self._producer
        return producer is not None and not producer.done() and producer is not asyncio.current_task()

    async def end(self) -> None:
        """Let others have the journal; if it fails now, that has stopped the run."""
        try:
            await self._recorder.close()
        except JournalError as error:
            self._fail(error)

    async def _take_result(self) -> BulkResult[T] | None:
        while not self._ready:
            if self._producer is not None and self._producer.done() and not self._under_way:
                return None
            self._has_result.clear()
            await self._has_result.wait()
        result = self._ready.popleft()
        self._given += 1
        if self._taken - self._given <= WINDOW - 2 * lumps.LUMP:
            self._has_room.set()
        return result

    async def _produce(self) -> None:
        try:
            await self._take_items()
        except asyncio.CancelledError:
            self.stop()
        except Exception as error:  # noqa: BLE001  # the caller's iterator, or journal, may raise anything
            self._fail(error)
        finally:
            while self._postponed:
                self._end_at_once(self._postponed.popleft())

    def _wake(self, _: object) -> None:
        self._has_result.set()
        self._has_landed.set()

    async def _take_items(self) -> None:
        async with aclosing(self._source.items(self._recorder)) as items:
            while (lump := await self._pulled(items)) is not None:
                await self._take(lump)
                if not await self._has_room_for_more():
                    return
        self.is_exhausted = True
        self.meter.total = self._taken + len(self._postponed)
        while self._postponed:
            await self._room()
            await self._start(self._postponed.popleft())

    async def _pulled(self, items: AsyncGenerator[list[Item[T]], None]) -> list[Item[T]] | None:
        self._is_pulling = True
        try:
            return await anext(items, None)
        finally:
            self._is_pulling = False

    async def _take(self, lump: Sequence[Item[T]]) -> None:
        """Start items, but for those that are to be postponed."""
        self.meter.took(len(lump))
        for number, item in enumerate(lump):
            try:
                if item.lost is not None and await self._postpones(item):
                    self._postponed.append(item)
                else:
                    await self._start(item)
            except asyncio.CancelledError:
                self._postponed.extend(each for each in lump[number:] if each.index not in self._under_way)
                raise

    async def _postpones(self, item: Item[T]) -> bool:
        """Return whether an item has to wait until it is known whether the portal keeps the entity of a bot's chat."""
        is_open = item.lost is not None and item.result is None and not self.is_stopping
        return is_open and not await self._creator.is_taught()

    async def _start(self, item: Item[T]) -> None:
        if item.result is not None or self.is_stopping:
            self._end_at_once(item)
            return
        self._place(item)
        self._sender.start(item)
        if item.task is not None and item.key is not None:
            await self._learn(item.task)

    def _end_at_once(self, item: Item[T]) -> None:
        self._place(item)
        if item.call is not None:
            item.call.close()
        result = item.result or self._sender.unsent(item)
        self._deliver(item, result)
        if item.number is None:  # what a journal tells of an earlier run stops no later one
            self._judge(result)

    def _place(self, item: Item[T]) -> None:
        self._places[item.index] = self._taken
        self._taken += 1
        self._under_way[item.index] = item
        item.taken_at = self._clock()

    async def _learn(self, task: "asyncio.Task[None]") -> None:
        """Let the first of a bot's chats show whether the portal keeps their entity, before many depend on it."""
        if self._lessons < _LESSONS and not await self._creator.is_taught():
            self._lessons += 1
            await asyncio.wait([task])
            if await self._creator.is_taught():
                await self._recorder.note(keeps_entities=True)

    async def _has_room_for_more(self) -> bool:
        """Wait until there is room; False where nothing more is to be taken from the source."""
        await self._room()
        return self._source.total is not None or not self.is_stopping

    async def _room(self) -> None:
        while self._taken - self._given > WINDOW - lumps.LUMP and not self.is_stopping:
            self._has_room.clear()
            await self._has_room.wait()

    def _has_ended(self, item: Item[T], result: BulkResult[T]) -> None:
        if item.index in self._under_way:
            self._deliver(item, result)
            self._judge(result)

    def _judge(self, result: BulkResult[T]) -> None:
        if result.error is not None and result.state is not BulkState.DONE and self._options.on_error == "stop":
            self.stop()

    def _fail(self, error: BaseException) -> None:
        if self.stopped_by is None and (not self.is_stopping or isinstance(error, JournalError)):
            self.stopped_by = error
        self.stop()

    def _deliver(self, item: Item[Any], result: BulkResult[T]) -> None:
        self._on_result(result)
        self.meter.ended(result.state)
        del self._under_way[item.index]
        place = self._places.pop(item.index)
        if self._options.order == "completion":
            self._ready.append(result)
        else:
            self._held[place] = result
            while (following := self._held.pop(self._next, None)) is not None:
                self._ready.append(following)
                self._next += 1
        self._has_result.set()
        self._has_landed.set()

    async def _finish(self) -> None:
        """End what is left when nobody takes results any more."""
        self.stop(drain=False)
        if self._producer is not None and not self._producer.done():
            self._producer.cancel()
        interrupted: asyncio.CancelledError | None = None
        while self._under_way or self._is_producing():
            try:
                await self.landed()
            except asyncio.CancelledError as error:
                interrupted = error
        if interrupted is not None:
            raise interrupted


def _recall(item: Item[Any]) -> None:
    if item.recall is not None:
        item.recall()
