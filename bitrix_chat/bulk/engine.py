"""A bounded producer over the client's one queue: takes specs as there is room, and gives results as they end.

Theory of operation. Packing, pacing and repeating are the queue's; what is added here is a bound on what is under way.
So many items are taken that the queue always sees enough to fill its requests, and no more until somebody has taken
results: a slow consumer thus stops the pulling of specs, and then the sending. Items are taken in lumps, since one that
is taken alone would leave alone. What is not about one chat (the network, the token, the journal) stops the run, once
waiting has not helped; what has left by then is waited for, and what has not is not started.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, Final, Generic, Literal, TypeVar

from attrs import frozen

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
LUMP: Final = 400
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
        self._sender = Sender(creator, recorder, loop.time, self._fail)
        self._tasks: dict[asyncio.Task[None], Item[T]] = {}
        self._places: dict[int, int] = {}
        self._ready: deque[BulkResult[T]] = deque()
        self._held: dict[int, BulkResult[T]] = {}
        self._taken = self._given = self._next = 0
        self._has_result, self._has_room = asyncio.Event(), asyncio.Event()
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
        if waits_for is None and self._tasks:
            return "latency"
        is_full = self._taken - self._given >= WINDOW - LUMP
        return waits_for or ("consumer" if is_full else None)

    async def results(self) -> AsyncGenerator[BulkResult[T], None]:
        """Yield results; when they end, `stopped_by` tells whether something has stopped the run."""
        loop = asyncio.get_running_loop()
        self._producer = loop.create_task(self._produce())
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
            for task in self._tasks:
                task.cancel()
        elif self._sweeping is None:
            self._sweep()
        if self._is_pulling and self._source.total is None and self._producer is not None:
            self._producer.cancel()  # the next spec may be long in coming

    def _sweep(self) -> None:
        """Recall what has left and came back to wait for the limits, perhaps for minutes, while the run is stopping."""
        for task, item in list(self._tasks.items()):
            if is_on_the_ground(item):
                task.cancel()
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP, self._sweep) if self._tasks else None

    async def landed(self) -> None:
        """Wait until nothing is under way, whether or not anybody takes the results."""
        while left := self._under_way():
            await asyncio.wait(left)

    def _under_way(self) -> "list[asyncio.Task[None]]":
        own, left = asyncio.current_task(), list(self._tasks)
        if self._producer is not None and not self._producer.done():
            left.append(self._producer)
        return [task for task in left if task is not own]

    async def end(self) -> None:
        """Let others have the journal; if it fails now, that has stopped the run."""
        try:
            await self._recorder.close()
        except JournalError as error:
            self._fail(error)

    async def _take_result(self) -> BulkResult[T] | None:
        while not self._ready:
            if self._producer is not None and self._producer.done() and not self._tasks:
                return None
            self._has_result.clear()
            await self._has_result.wait()
        result = self._ready.popleft()
        self._given += 1
        if self._taken - self._given <= WINDOW - LUMP:
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
            self._has_result.set()

    async def _take_items(self) -> None:
        async with aclosing(self._source.items(self._recorder)) as items:
            while (item := await self._pulled(items)) is not None:
                if not await self._take(item):
                    return
        self.is_exhausted = True
        self.meter.total = self._taken + len(self._postponed)
        while self._postponed:
            await self._room()
            await self._start(self._postponed.popleft())

    async def _pulled(self, items: AsyncGenerator[Item[T], None]) -> Item[T] | None:
        self._is_pulling = True
        try:
            return await anext(items, None)
        finally:
            self._is_pulling = False

    async def _take(self, item: Item[T]) -> bool:
        """Start an item, or postpone it; False where nothing more is to be taken from the source."""
        try:
            await self._room()
            self.meter.took()
            if await self._postpones(item):
                self._postponed.append(item)
                return True
        except asyncio.CancelledError:
            self._postponed.append(item)
            raise
        await self._start(item)
        return self._source.total is not None or not self.is_stopping

    async def _postpones(self, item: Item[T]) -> bool:
        """Return whether an item has to wait until it is known whether the portal keeps the entity of a bot's chat."""
        is_open = item.lost is not None and item.result is None and not self.is_stopping
        return is_open and not await self._creator.is_taught()

    async def _start(self, item: Item[T]) -> None:
        if item.result is not None or self.is_stopping:
            self._end_at_once(item)
            return
        self._place(item)
        task = asyncio.get_running_loop().create_task(self._create(item))
        self._tasks[task] = item
        # A callback and not a `finally`: a task that is cancelled before its first step runs none.
        task.add_done_callback(self._has_landed)
        if item.key is not None:
            await self._learn(task)

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
        item.taken_at = self._clock()

    async def _learn(self, task: "asyncio.Task[None]") -> None:
        """Let the first of a bot's chats show whether the portal keeps their entity, before many depend on it."""
        if self._lessons < _LESSONS and not await self._creator.is_taught():
            self._lessons += 1
            await asyncio.wait([task])
            if await self._creator.is_taught():
                await self._recorder.note(keeps_entities=True)

    async def _room(self) -> None:
        while self._taken - self._given >= WINDOW and not self.is_stopping:
            self._has_room.clear()
            await self._has_room.wait()

    async def _create(self, item: Item[T]) -> None:
        result = await self._sender.send(item)
        self._deliver(item, result)
        self._judge(result)

    def _has_landed(self, task: "asyncio.Task[None]") -> None:
        item = self._tasks.pop(task)
        if item.index in self._places:
            self._deliver(item, self._sender.unsent(item))
        self._has_result.set()

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
        place = self._places.pop(item.index)
        if self._options.order == "completion":
            self._ready.append(result)
        else:
            self._held[place] = result
            while (following := self._held.pop(self._next, None)) is not None:
                self._ready.append(following)
                self._next += 1
        self._has_result.set()

    async def _finish(self) -> None:
        """End what is left when nobody takes results any more."""
        self.stop(drain=False)
        if self._producer is not None and not self._producer.done():
            self._producer.cancel()
        interrupted: asyncio.CancelledError | None = None
        while self._under_way():
            try:
                await self.landed()
            except asyncio.CancelledError as error:
                interrupted = error
        if interrupted is not None:
            raise interrupted
