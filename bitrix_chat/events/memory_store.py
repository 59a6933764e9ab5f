"""A store that lives as long as its process: enough where the portal's own queue is all that has to survive."""

import asyncio
import copy
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from attrs import define

from bitrix_chat.events.errors import InboxFull
from bitrix_chat.events.leases import NameLease
from bitrix_chat.events.store import DeadLetter, KeptEvent, Release

INBOX: Final = 10_000
"""Posted events that may wait by default."""
HANDLED: Final = 10_000
"""Ids that are remembered for each consumer: the portal shows 1,000 events behind an unfinished one at most."""


@define(eq=False)
class _Posted:
    event: KeptEvent
    expires_at: float
    is_done: bool = False


class MemoryEventStore:
    """Keeps everything in this object; a crash loses posted events that wait, never polled ones.

    Args:
        inbox: how many posted events may wait.
        clock: tells unix seconds.
    """

    def __init__(self, *, inbox: int = INBOX, clock: Callable[[], float] = time.time) -> None:
        self._limit = inbox
        self._clock = clock
        self._leased: set[str] = set()
        self._handled: dict[str, OrderedDict[int, None]] = {}
        self._posted: OrderedDict[str, _Posted] = OrderedDict()
        self._waiting: OrderedDict[int, _Posted] = OrderedDict()
        self._buried: dict[str, DeadLetter] = {}
        self._last_number = 0
        self._arrivals: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        return f"<MemoryEventStore: {len(self._waiting)} waiting, {len(self._buried)} buried>"

    async def lease(self, name: str) -> Release:
        """Take a consumer of this object."""
        return NameLease(name, self._leased).take()

    async def handled(self, consumer: str) -> Collection[int]:
        """Return the ids that were handled last."""
        return frozenset(self._handled.get(consumer, ()))

    async def mark_handled(self, consumer: str, event_ids: Collection[int]) -> None:
        """Remember that these events were handled."""
        ids = self._handled.setdefault(consumer, OrderedDict())
        for event_id in event_ids:
            ids[event_id] = None
            ids.move_to_end(event_id)
        while len(ids) > HANDLED:
            ids.popitem(last=False)

    async def keep(self, key: str, body: Mapping[str, Any], *, ttl: float) -> bool:
        """Keep a posted event."""
        now = self._clock()
        self._forget_expired(now)
        known = self._posted.get(key)
        if known is not None and (not known.is_done or known.expires_at > now):
            return False
        if len(self._waiting) >= self._limit:
            raise InboxFull(f"{len(self._waiting)} posted events wait for their handlers")
        self._last_number += 1
        moment = datetime.fromtimestamp(now, UTC)
        event = KeptEvent(number=self._last_number, key=key, body=copy.deepcopy(dict(body)), kept_at=moment)
        self._posted[key] = self._waiting[event.number] = _Posted(event, now + ttl)
        self._posted.move_to_end(key)
        self._announce()
        return True

    async def pending(self, after: int = 0, limit: int = 100) -> Sequence[KeptEvent]:
        """Return posted events that wait."""
        return [posted.event for number, posted in self._waiting.items() if number > after][:limit]

    async def finish(self, key: str) -> None:
        """Remember that a posted event was handled."""
        posted = self._posted.get(key)
        if posted is not None:
            posted.is_done = True
            self._waiting.pop(posted.event.number, None)

    async def arrival(self, timeout: float) -> None:  # noqa: ASYNC109  # the protocol's
        """Wait for `keep`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals.add(future)
        try:
            await asyncio.wait([future], timeout=timeout)
        finally:
            self._arrivals.discard(future)

    async def bury(self, key: str, body: Mapping[str, Any], error: str) -> None:
        """Keep an event that was given up."""
        self._last_number += 1
        self._buried[key] = DeadLetter(
            number=self._last_number,
            key=key,
            body=copy.deepcopy(dict(body)),
            error=error,
            buried_at=datetime.fromtimestamp(self._clock(), UTC),
        )

    async def buried(self, after: int = 0, limit: int = 100) -> Sequence[DeadLetter]:
        """Return what was given up."""
        letters = sorted(self._buried.values(), key=lambda letter: letter.number)
        return [letter for letter in letters if letter.number > after][:limit]

    async def exhume(self, key: str) -> bool:
        """Forget a dead letter."""
        return self._buried.pop(key, None) is not None

    async def close(self) -> None:
        """Keep what there is: a restarted consumer of this process goes on with it."""

    def _forget_expired(self, now: float) -> None:
        # In the order in which they came, so the oldest stand first; one that lasts longer holds back a few, no more.
        while self._posted:
            posted = next(iter(self._posted.values()))
            if not posted.is_done or posted.expires_at > now:
                return
            self._posted.popitem(last=False)

    def _announce(self) -> None:
        for future in self._arrivals:
            if not future.done():
                future.set_result(None)
