"""A router at work without a portal: feed it events, look at what it sent, and crash it at will."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import count
from types import TracebackType
from typing import Final, Self

from attrs import evolve

from bitrix_chat.events.bot import BotClient
from bitrix_chat.events.delivery import Delivery
from bitrix_chat.events.event import Event
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.router import EventRouter
from bitrix_chat.events.run_options import RunCounts
from bitrix_chat.events.store import DeadLetter, EventStore
from bitrix_chat.rest.request import Request
from bitrix_chat.testing.event_builders import BOT_ID
from bitrix_chat.testing.fed_events import FedEvents, Life, future_of
from bitrix_chat.testing.scripted import Answer, ScriptedTransport

_SENDS: Final = ("imbot.v2.Chat.Message.send", "imbot.v2.Command.answer")
_DONE: Final = ("imbot.v2.Command.answer", "imbot.v2.Chat.InputAction.notify", "imbot.v2.Chat.leave")


class FakeBot:
    """Runs a router as `bot.run` does: in order within a dialog, with retries and dead letters, at least once.

        async with FakeBot(router) as bot:
            await bot.feed(message_added("Hello"))
            assert bot.said == ["You said: Hello"]

    Args:
        router: the handlers.
        bot_id: whose events they are.
        answers: what calls of handlers are answered with, by method, as for `ScriptedTransport`; messages,
            answers to commands and typing are answered already.
        store: where finished events and dead letters are written down.
        attempts: how often a handler is called for an event that it fails on.
        concurrency: handlers that work at a time.

    Attributes:
        requests: all that handlers have sent, in order.
        counts: what became of events.
    """

    def __init__(
        self,
        router: EventRouter,
        *,
        bot_id: int = BOT_ID,
        answers: Mapping[str, Answer | list[Answer]] | None = None,
        store: EventStore | None = None,
        attempts: int = 3,
        concurrency: int = 16,
    ) -> None:
        numbers = count(2001)
        known: dict[str, Answer] = {method: {"result": True} for method in _DONE}
        known["imbot.v2.Chat.Message.send"] = lambda _: {"id": next(numbers), "uuidMap": {}}
        self._scripted = ScriptedTransport({**known, **(answers or {})})
        self._router = EventRouter()
        self._router.around(self._watched)
        self._router.include(router)
        self._bot_id = bot_id
        self._store = MemoryEventStore() if store is None else store
        self._attempts = attempts
        self._concurrency = concurrency
        self._queue: list[Event] = []
        self._last_id = 0
        self._endings: dict[str, asyncio.Future[None]] = {}
        self._failures: dict[str, Exception] = {}
        self._life: Life | None = None
        self._source: FedEvents | None = None
        self._working: asyncio.Task[RunCounts] | None = None
        self.counts = RunCounts()

    def __repr__(self) -> str:
        return f"<FakeBot {self._bot_id}: {len(self._queue)} events>"

    @property
    def requests(self) -> list[Request]:
        """What handlers have sent, in order; what a crashed process would have sent is not among it."""
        return self._scripted.requests

    @property
    def said(self) -> list[str]:
        """The texts of all messages and answers that were sent, in order."""
        sent = [request for request in self.requests if request.method in _SENDS]
        return [str(request.params["fields"].get("message") or "") for request in sent]

    async def dead_letters(self) -> list[DeadLetter]:
        """Return the events that were given up."""
        return list(await self._store.buried(limit=len(self._queue) + 1))

    async def feed(self, event: Event) -> None:
        """Let an event happen, and wait until it is finished, after a crash and a restart if need be.

        Raises:
            Exception: what its handler failed with the last time; the event is a dead letter then.
        """
        key = self.put(event)
        await asyncio.shield(self._endings[key])
        if letter := next((letter for letter in await self.dead_letters() if letter.key == key), None):
            raise self._failures.get(key) or RuntimeError(letter.error)

    def put(self, event: Event) -> str:
        """Let an event happen without waiting, and return the key of its delivery."""
        if self._source is None:
            raise RuntimeError("it is not started: `async with FakeBot(router) as bot`")
        self._last_id += 1
        self._queue.append(evolve(event, id=self._last_id))
        key = f"poll:{self._bot_id}:{self._last_id}"
        self._endings[key] = future_of(asyncio.get_running_loop())
        self._source.wake()
        return key

    async def settled(self) -> None:
        """Wait until all events so far are finished; what handlers failed with is in the dead letters."""
        await asyncio.gather(*map(asyncio.shield, self._endings.values()))

    async def start(self) -> None:
        """Begin to work, or begin anew after a crash: events that were not finished come again."""
        if self._working is not None:
            raise RuntimeError("it works already")
        self._life = Life(self._scripted)
        bot = BotClient(self._life, self._bot_id, None)
        self._source = FedEvents(self._queue, self._store, bot, self._life, self._settle)
        self._last_id = self._last_id or await self._source.last_handled()
        running = bot.run(
            self._router,
            store=self._store,
            source=self._source,
            attempts=self._attempts,
            concurrency=self._concurrency,
            backoff=0.0,
            drain=0.0,
            counts=self.counts,
        )
        self._working = asyncio.get_running_loop().create_task(running)
        self._working.add_done_callback(self._stopped)

    async def crash(self) -> None:
        """End as a killed process does: nothing more is sent or acknowledged, and handlers stop where they wait."""
        if self._life is not None:
            self._life.is_over = True
        await self._stop()

    async def restart(self) -> None:
        """Crash, and start again."""
        await self.crash()
        await self.start()

    async def close(self) -> None:
        """End the work."""
        await self._stop()
        for ending in self._endings.values():
            ending.cancel()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _stop(self) -> None:
        working, self._working = self._working, None
        if working is not None:
            working.cancel()
            await asyncio.wait([working])

    def _stopped(self, working: "asyncio.Task[RunCounts]") -> None:
        if working.cancelled() or (error := working.exception()) is None or self._working is not working:
            return
        for ending in self._endings.values():
            if not ending.done():
                ending.set_exception(error)

    def _settle(self, key: str) -> None:
        if not self._endings[key].done():
            self._endings[key].set_result(None)

    async def _watched(self, delivery: Delivery) -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            self._failures[delivery.key] = error
            raise
