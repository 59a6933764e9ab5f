"""What was posted and kept, as deliveries: the web server answers at once, and handlers work here in their own time."""

import asyncio
from collections.abc import Iterable
from typing import Final

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.decode import decode_posted
from bitrix_chat.events.event import BotEvent, Event
from bitrix_chat.events.intake import Intake
from bitrix_chat.events.store import EventStore, Release
from bitrix_chat.events.stores import Keeping, opened_store
from bitrix_chat.resources.imbot.handle import BotHandle

PAGE: Final = 100
PAUSE: Final = 0.5
"""Seconds after which to look for what another process has kept."""


class Inbox(Intake):
    """Deliveries of posted events, in the order in which a `WebhookReceiver` has kept them in the store.

    One consumer takes them, whichever bots they are for; what is kept by this very store object is delivered at once.

    Args:
        store: where the receiver keeps them.
        bots: the bots that their events are bound to; `bot.run` binds its own.
        pause: seconds after which to look for what other processes have kept.

    Raises:
        ConsumerBusy: another inbox of this store is open.
        EventStoreError: the store cannot be read.
    """

    def __init__(self, store: Keeping, *, bots: Iterable[BotHandle] = (), pause: float = PAUSE) -> None:
        super().__init__()
        if store is None or not pause > 0:
            raise InvalidParameter("`store` and a `pause` above 0 are needed: what is posted waits in a store")
        self._store, self._owns_store = opened_store(store)
        self._bots = {bot.id: bot for bot in bots}
        self._pause = pause
        self._after = 0
        self._lease: Release | None = None

    @property
    def store(self) -> EventStore:
        """Where the receiver keeps events."""
        return self._store

    def __repr__(self) -> str:
        return f"<Inbox of {self._store!r}>"

    async def _open(self) -> None:
        self._lease = await self._store.lease("the inbox")

    async def _fetch(self) -> None:
        kept = await self._store.pending(self._after, PAGE)
        for each in kept:
            event = decode_posted(each.body)
            bot = self._bots.get(event.bot.id) if isinstance(event, BotEvent) else None
            self._hand_out(event if bot is None else event.bound_to(bot), each.key, bot)
            self._after = each.number
        if not kept:
            await self._store.arrival(self._pause if not self._later else self._until_later())

    def _until_later(self) -> float:
        return max(0.0, min(self._pause, self._later[0][0] - asyncio.get_running_loop().time()))

    async def _finish(self, event: Event, key: str) -> None:  # noqa: ARG002  # told by its key
        await self._store.finish(key)

    async def _close(self) -> None:
        if self._lease is not None:
            self._lease()
        if self._owns_store:
            await self._store.close()
