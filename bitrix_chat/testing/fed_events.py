"""A portal's queue of events without a portal, and a process that may end between any two steps."""

import asyncio
from collections.abc import Callable, Sequence

from attrs import define

from bitrix_chat.errors import ClientClosed
from bitrix_chat.events.errors import EventStoreError
from bitrix_chat.events.event import Event
from bitrix_chat.events.intake import Intake
from bitrix_chat.events.progress import Page, Progress
from bitrix_chat.events.store import EventStore, Release
from bitrix_chat.resources.imbot.handle import BotHandle
from bitrix_chat.rest.request import Exchange, Response, Transport


@define(eq=False)
class Life:
    """From a start to a crash: what would be sent after that is not sent."""

    _transport: Transport
    is_over: bool = False

    async def send(self, exchange: Exchange) -> Response:
        """Send, while there is a process to be answered."""
        if self.is_over:
            raise ClientClosed("this process has crashed", method=exchange.request.method)
        return await self._transport.send(exchange)


class FedEvents(Intake):
    """Hands out what a list holds and a store does not know as finished, as `EventStream` does with a queue."""

    def __init__(
        self, queue: Sequence[Event], store: EventStore, bot: BotHandle, life: Life, settled: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._queue = queue
        self._store = store
        self._bot = bot
        self._life = life
        self._settled = settled
        self._consumer = f"a fake portal/bot/{bot.id}"
        self._progress = Progress()
        self._lease: Release | None = None

    def wake(self) -> None:
        """Look at the list again."""
        self._due = 0.0
        self._woken.set()

    async def last_handled(self) -> int:
        """Return the highest id that the store knows, behind which new ones begin."""
        return max(await self._store.handled(self._consumer), default=0)

    async def _open(self) -> None:
        self._lease = await self._store.lease(self._consumer)
        self._progress = Progress.after(await self._store.handled(self._consumer))

    async def _fetch(self) -> None:
        self._due = None
        ages = {event.id: 0.0 for event in self._queue if event.id is not None}
        fresh = self._progress.admit(Page(ages, 0, asyncio.get_running_loop().time(), is_whole=True))
        for event in self._queue:
            if event.id in fresh:
                self._hand_out(event.bound_to(self._bot), f"poll:{self._bot.id}:{event.id}", self._bot)

    async def _finish(self, event: Event, key: str) -> None:
        if self._life.is_over:
            raise EventStoreError("this process has crashed")
        await self._store.mark_handled(self._consumer, () if event.id is None else (event.id,))
        self._settled(key)

    async def _close(self) -> None:
        if self._lease is not None:
            self._lease()


def future_of(loop: asyncio.AbstractEventLoop) -> "asyncio.Future[None]":
    """Return a future whose failure need not be looked at."""
    future: asyncio.Future[None] = loop.create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future
