"""Handlers at work: one dialog's events in order, those of different dialogs side by side, and none lost at the end.

Theory of operation. A reader for each source puts deliveries into lanes, one for each dialog, and stops at a bound. A
lane that has events has a task; the task of a lane handles one event after the other, and holds one of `concurrency`
slots while it does. An event whose handler fails keeps its lane waiting, but no slot, until it is tried again; when it
has failed for good it becomes a dead letter, and the lane goes on. An event is acknowledged once it is handled or
buried, never before.

The end, by cancellation or by an error that concerns everybody: readers stop, handlers that work get `drain` seconds,
what has ended is acknowledged. What has not begun, waits for another attempt or did not end in time comes again, to
the next process. A second cancellation ends the waiting at once.
"""

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Final

from attrs import evolve

from bitrix_chat.events.bot_events import JoinedChat
from bitrix_chat.events.dead_letters import error_line, error_text, letter_of
from bitrix_chat.events.delivery import Delivery, Settlement, Source
from bitrix_chat.events.event import Event, UnknownEvent
from bitrix_chat.events.intake import pause
from bitrix_chat.events.polling import EventStream
from bitrix_chat.events.router import EventRouter
from bitrix_chat.events.run_options import RunCounts, RunOptions
from bitrix_chat.events.sightings import Sightings
from bitrix_chat.events.store import EventStore
from bitrix_chat.resources.imbot.handle import BotHandle

logger: Final = logging.getLogger("bitrix_chat")

BACKLOG: Final = 1000
"""Deliveries in hand: as many events as the portal shows behind one that is not finished."""
STUBBORN: Final = 5.0
"""Seconds that handlers have to end after they were cancelled."""


class Running:
    """One run of a router over sources."""

    def __init__(
        self,
        router: EventRouter,
        sources: Sequence[Source],
        store: EventStore,
        options: RunOptions,
        *,
        bot: BotHandle | None = None,
        secrets: Sequence[str] = (),
        sightings: Sightings | None = None,
        counts: RunCounts | None = None,
    ) -> None:
        self.counts = RunCounts() if counts is None else counts
        self._router = router
        self._sources = sources
        self._store = store
        self._options = options
        self._bot = bot
        self._secrets = secrets
        self._sightings = sightings
        self._lanes: dict[str | None, deque[Delivery]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(BACKLOG)
        self._slots = asyncio.Semaphore(options.concurrency)
        self._ending = asyncio.Event()
        self._failure: BaseException | None = None
        self._changed = asyncio.Event()

    async def run(self) -> RunCounts:
        """Work until the sources end, something fails that concerns everybody, or the run is cancelled.

        Raises:
            BitrixError: what a source or the store failed with.
        """
        readers = [asyncio.create_task(self._read(source)) for source in self._sources]
        for reader in readers:
            reader.add_done_callback(self._ended)
        try:
            while self._failure is None and (self._workers or not all(reader.done() for reader in readers)):
                self._changed.clear()
                await self._changed.wait()
        finally:
            await self._end(readers)
        if self._failure is not None:
            raise self._failure
        return self.counts

    async def _read(self, source: Source) -> None:
        while True:
            await self._room.acquire()
            try:
                delivery = await anext(source)
            except StopAsyncIteration:
                self._room.release()
                return
            delivery = self._bound(delivery)
            if self._sightings is not None and not isinstance(source, EventStream):  # a stream has looked itself
                await self._look(delivery.event, self._sightings)
            await self._put(delivery)

    async def _look(self, event: Event, sightings: Sightings) -> None:
        if isinstance(event, JoinedChat):
            await sightings.see(event)

    def _bound(self, delivery: Delivery) -> Delivery:
        bot = self._bot
        return delivery if bot is None or delivery.bot or not delivery.concerns(bot) else delivery.bound_to(bot)

    async def _put(self, delivery: Delivery) -> None:
        event = delivery.event
        if isinstance(event, JoinedChat) and event.user is not None and event.user.id == event.bot.id:
            await self._tell("on_joined", self._options.on_joined, event)
        lane = self._lanes.get(event.dialog_id)
        if lane is not None:
            lane.append(delivery)
            return
        self._lanes[event.dialog_id] = deque([delivery])
        worker = asyncio.create_task(self._work(event.dialog_id))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)
        worker.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None and self._failure is None:
            self._failure = error
        self._changed.set()

    async def _work(self, dialog: str | None) -> None:
        lane = self._lanes[dialog]
        try:
            while lane and not self._ending.is_set():
                await self._see_through(lane.popleft())
                self._room.release()
        finally:
            del self._lanes[dialog]

    async def _see_through(self, delivery: Delivery) -> None:
        """Handle an event until it is settled, or the run ends."""
        for attempt in count(1):
            # What a handler gives back is a failed attempt here: elsewhere it would come again behind later events.
            settlement = Settlement(delivery.ack, _stay)
            current = evolve(delivery, attempt=delivery.attempt + attempt - 1, settlement=settlement)
            error = await self._attempt(current)
            if error is None and not current.was_given_back:
                await delivery.ack()
                return
            if error is None:
                error = RuntimeError("the handler gave the event back")
            elif delivery.is_settled:
                said = error_text(error, self._secrets)
                logger.error("the handler of %s failed after it had acknowledged it:\n%s", current.key, said)
                return
            if attempt >= self._options.attempts:
                await self._give_up(evolve(delivery, attempt=current.attempt), error)
                return
            said = error_line(error, self._secrets)
            logger.warning("the handler of %s failed, attempt %d: %s", current.key, current.attempt, said)
            self.counts.retried += 1
            if not await self._rest(pause(attempt, self._options.backoff)):
                return

    async def _attempt(self, delivery: Delivery) -> Exception | None:
        try:
            async with self._slots:
                if self._ending.is_set():
                    raise asyncio.CancelledError  # noqa: TRY301  # it has not begun, and is not to
                is_handled = await self._router.dispatch(delivery)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the handler's
            return error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._ending.is_set() or (task is not None and task.cancelling()):
                raise
            return RuntimeError("the handler was cancelled from within")
        self._count(delivery, is_handled=is_handled)
        return None

    def _count(self, delivery: Delivery, *, is_handled: bool) -> None:
        if is_handled:
            self.counts.handled += 1
            return
        event = delivery.event
        if isinstance(event, UnknownEvent) and not self.counts.unmatched[event.type]:
            logger.info("events of the type %s are not known here, or cannot be read: %s", event.type, event.fault)
        self.counts.unmatched[event.type] += 1

    async def _give_up(self, delivery: Delivery, error: Exception) -> None:
        text = error_text(error, self._secrets)
        await self._store.bury(delivery.key, letter_of(delivery.event), text)
        self.counts.buried += 1
        logger.error("the handler of %s failed for good; it is a dead letter now:\n%s", delivery.key, text)
        await delivery.ack()
        await self._tell("on_dead_letter", self._options.on_dead_letter, delivery, error)

    async def _tell(self, name: str, hook: Callable[..., object] | None, *values: object) -> None:
        if hook is None:
            return
        try:
            said = hook(*values)
            if inspect.isawaitable(said):
                await said
        except Exception as error:  # noqa: BLE001  # the caller's hook
            logger.error("`%s` failed:\n%s", name, error_text(error, self._secrets))  # noqa: TRY400  # without secrets

    async def _rest(self, seconds: float) -> bool:
        """Wait before another attempt; False if the run ends meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        return not self._ending.is_set()

    async def _end(self, readers: "Sequence[asyncio.Task[None]]") -> None:
        self._ending.set()
        try:
            await _cancelled(readers, None)
            if self._workers:
                await asyncio.wait(self._workers, timeout=self._options.drain)
        finally:
            await self._abandon()

    async def _abandon(self) -> None:
        try:
            if left := list(self._workers):
                logger.warning("%d handlers did not end in time; their events come again", len(left))
                await _cancelled(left, STUBBORN)
        finally:
            closing: list[Awaitable[None]] = [source.aclose() for source in self._sources]
            for outcome in await asyncio.gather(*closing, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    logger.warning("a source did not close: %s", error_line(outcome, self._secrets))


def _stay() -> None:
    """Leave an event where it is."""


async def _cancelled(tasks: "Sequence[asyncio.Task[None]]", patience: float | None) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=patience)
