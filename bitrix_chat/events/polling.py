"""A bot's queue of events, fetched again and again: the portal keeps an event until it was told that it is finished.

Theory of operation. Asking with an offset makes the portal forget everything below it. So the first request has
none, and each later one has the id of the oldest event that is not finished: whatever happens to this process, the
portal still has all that was not handled. What it therefore sends again is dropped by its id. Ids are written to the
store as their events end, before a request acknowledges them; a new process drops those, and handles only what
the former one had not finished. What may be acknowledged at all is for `progress` to say.

A page holds a thousand events at most. Behind one that is never finished others still come, as pages grow to that
size; then the stream waits for an acknowledgement. A poll is one small request that travels alone: the queue before
the portal lets it pass long ones, and leaves a tenth of the request limit to such.
"""

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from attrs import frozen

from bitrix_chat import errors
from bitrix_chat.errors import BitrixError, InvalidParameter
from bitrix_chat.events.bot_events import JoinedChat
from bitrix_chat.events.decode import decode_polled
from bitrix_chat.events.event import Event
from bitrix_chat.events.intake import LONGEST, Intake, pause
from bitrix_chat.events.leases import NameLease
from bitrix_chat.events.progress import SETTLING, Page, Progress
from bitrix_chat.events.sightings import Sightings
from bitrix_chat.events.store import EventStore, Release
from bitrix_chat.events.stores import Keeping, opened_store
from bitrix_chat.models.event import EventPage
from bitrix_chat.resources import arguments
from bitrix_chat.resources.event_log import MAX_PAGE
from bitrix_chat.resources.imbot.handle import BotHandle
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Transport
from bitrix_chat.transport.portal import PortalTransport

logger: Final = logging.getLogger("bitrix_chat")

PAGE: Final = 100
"""Events a page holds by default, as on the portal."""
IDLE: Final = (5.0, 30.0)
BUSY: Final = 2.0
FAREWELL: Final = 10.0
"""Seconds for the last requests, which acknowledge what was finished since the ones before."""
PARTING: Final = 1.0
"""Seconds after which no event is expected to turn up late, where waiting longer has a price."""

_FATAL: Final = (
    errors.InvalidParameter,
    errors.WrongEventLoop,
    errors.ClientClosed,
    errors.UntrustedCertificate,
    errors.AuthError,
    errors.PermissionDeniedError,
    errors.BotError,
    errors.RequestError,
    errors.PortalDeleted,
    errors.UntrustedRedirect,
)
"""What no waiting helps against."""

_taken: set[str] = set()


@frozen(kw_only=True)
class Pace:
    """How often to ask.

    Attributes:
        limit: events a page holds, until one that is not finished makes them grow.
        idle: seconds between requests while nothing happens: after an event, and growing to at most.
        busy: seconds between requests while there is more.
    """

    limit: int = PAGE
    idle: tuple[float, float] = IDLE
    busy: float = BUSY

    def __attrs_post_init__(self) -> None:
        arguments.limit(self.limit, MAX_PAGE)
        shortest, longest = self.idle
        if not 0 < self.busy <= shortest <= longest:
            raise InvalidParameter(f"`busy` and `idle` are {self.busy} and {self.idle}, but seconds that ascend from 0")


class EventStream(Intake):
    """Deliveries of one bot's events, without end: `async for delivery in stream`, then `await stream.aclose()`.

    It begins with the first delivery that is asked for, and takes the consumer's lease then. A dropped
    stream acknowledges nothing more; `async with` closes it, which acknowledges what is finished.

    Raises:
        ConsumerBusy: another stream takes this bot's events, in this process or by the same store.
        EventStoreError: the store cannot be read.
        BotNotFound: and any other refusal that waiting does not help against; network errors and limits are waited for.
    """

    def __init__(
        self, bot: BotHandle, transport: Transport, store: Keeping | None, *, pace: Pace, with_user_events: bool
    ) -> None:
        super().__init__()
        self._bot = bot
        self._transport = transport
        self._store, self._owns_store = opened_store(store)
        self._remembers = store is not None
        self._pace = pace
        self._with_user_events = with_user_events or None
        self._sightings = Sightings(transport, bot)
        self._consumer = ""
        self._leases: list[Release] = []
        self._progress = Progress()
        self._limit = pace.limit
        self._asked_with = 0
        self._idle = pace.idle[0]
        self._failures = 0
        self._is_stalled = False

    @property
    def store(self) -> EventStore:
        """Where finished events are written down."""
        return self._store

    def __repr__(self) -> str:
        return f"<EventStream of bot {self._bot.id}: {len(self._progress.unfinished)} not finished>"

    async def _open(self) -> None:
        self._release()
        host = await self._transport.host() if isinstance(self._transport, PortalTransport) else ""
        self._consumer = f"{host or 'a portal'}/bot/{self._bot.id}"
        try:
            if host:
                self._leases.append(NameLease(self._consumer, _taken).take())
            self._leases.append(await self._store.lease(self._consumer))
            self._progress = Progress.after(await self._store.handled(self._consumer))
        except BaseException:
            self._release()
            raise

    async def _close(self) -> None:
        try:
            await self._say_farewell()
        finally:
            self._release()
            if self._owns_store:
                await self._store.close()

    def _release(self) -> None:
        for release in self._leases:
            release()
        self._leases.clear()

    async def _say_farewell(self) -> None:
        if not self._progress.is_behind:
            return
        try:
            async with asyncio.timeout(FAREWELL):
                if not self._remembers:
                    await self._fill_holes()
                if self._may_acknowledge():
                    await self._get(self._progress.offset, 1)
        except (BitrixError, TimeoutError) as error:
            logger.info("bot %s: what is finished was not acknowledged (%s), and comes again", self._bot.id, error)

    async def _fill_holes(self) -> None:
        """Look once more for what may have turned up late: what is finished would come again, and nobody would know."""
        if self._progress.holes:
            youngest = max(hole.since for hole in self._progress.holes)
            await asyncio.sleep(max(0.0, youngest + PARTING - asyncio.get_running_loop().time()))
            await self._looked(self._progress.offset, MAX_PAGE, PARTING)

    async def _finish(self, event: Event, key: str) -> None:  # noqa: ARG002  # told by its id
        if event.id is None:
            return
        await self._store.mark_handled(self._consumer, (event.id,))
        self._progress.finish(event.id)
        if self._is_stalled and self._may_acknowledge():
            self._is_stalled = False
            self._due = asyncio.get_running_loop().time() + self._pace.busy
            self._woken.set()

    def _get(self, offset: int, limit: int) -> Call[EventPage]:
        # Packed into a batch it would wait for the slowest of fifty, and fail with them.
        asked = offset if offset > 1 else None
        return self._bot.event.get(offset=asked, limit=limit, with_user_events=self._with_user_events).alone()

    async def _fetch(self) -> None:
        try:
            page, fresh = await self._looked(self._progress.offset, self._limit)
        except _FATAL:
            raise
        except BitrixError as error:
            self._wait_out(error)
            return
        self._failures = 0
        await self._take(page, fresh)
        self._due = asyncio.get_running_loop().time() + self._pause(page, is_fresh=bool(fresh))

    async def _looked(self, offset: int, limit: int, settling: float = SETTLING) -> tuple[EventPage, list[int]]:
        """Ask for a page, and return it with the ids that are new on it."""
        asked_at = asyncio.get_running_loop().time()
        call = self._get(offset, limit)
        page = await call
        now = None if call.response is None else call.response.time.start
        ages = {record.event_id: _age(record.date, now) for record in page.events}
        self._asked_with = offset
        self._progress.confirm(offset)
        return page, self._progress.admit(Page(ages, offset, asked_at, not page.has_more), settling)

    async def _take(self, page: EventPage, fresh: Iterable[int]) -> None:
        wanted, arrivals = set(fresh), list[JoinedChat]()
        for record in page.events:
            if record.event_id in wanted:
                wanted.discard(record.event_id)
                event = decode_polled(record).bound_to(self._bot)
                self._hand_out(event, f"poll:{self._bot.id}:{record.event_id}", self._bot)
                arrivals += [event] if isinstance(event, JoinedChat) else []
        for arrival in arrivals:  # once all are handed out, so that a cancellation here loses none
            await self._sightings.see(arrival)

    def _pause(self, page: EventPage, *, is_fresh: bool) -> float:
        """Return how long to wait now; full pages without anything new grow, and so do pauses."""
        shortest, longest = self._pace.idle
        self._idle = shortest if is_fresh else self._idle
        self._is_stalled = False
        if not page.has_more:
            self._limit = self._limit if len(page.events) > self._pace.limit else self._pace.limit
            if is_fresh:
                return shortest
        elif page.events:
            if is_fresh or self._may_acknowledge():
                return self._pace.busy
            if self._limit < MAX_PAGE:
                self._limit = MAX_PAGE
                return self._pace.busy
            if self._progress.holes:
                return self._pace.busy
            self._is_stalled = True
        idle, self._idle = self._idle, min(longest, self._idle * 2)
        return idle

    def _may_acknowledge(self) -> bool:
        return self._progress.offset > max(1, self._asked_with)

    def _wait_out(self, error: BitrixError) -> None:
        self._failures += 1
        seconds = pause(self._failures, self._pace.busy, max(LONGEST, self._pace.idle[1]))
        self._due = asyncio.get_running_loop().time() + seconds
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        logger.log(
            level, "bot %s: its events cannot be fetched now (%s); again in %.0f s", self._bot.id, error, seconds
        )


def _age(date: datetime | None, now: float | None) -> float:
    """Return how old an event was by the portal's own clock, which dates it by the second; 0 if nobody knows."""
    return 0.0 if date is None or date.tzinfo is None or now is None else max(0.0, now - date.timestamp() - 1.0)
