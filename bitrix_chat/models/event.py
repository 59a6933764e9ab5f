"""Events as the portal's log keeps them, a day at most."""

from datetime import datetime
from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class EventRecord:
    """An event that waits to be fetched; it may be fetched more than once, always with the same `event_id`.

    Attributes:
        event_id: ascends from one event to the next.
        type: the event's name, `ONIMBOTV2MESSAGEADD`.
        date: when it happened.
        data: what it tells, as the portal wrote it.
    """

    event_id: int
    type: str = ""
    date: datetime | None = None
    data: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class EventPage:
    """One page of events (`imbot.v2.Event.get`, `im.v2.Event.get`).

    Attributes:
        events: in the order in which they happened. One that cannot be read makes the page an `UnexpectedAnswer`:
            left out, it would be acknowledged with the others and lost.
        next_offset: what acknowledges this page: asked for with it, the portal forgets these events. None where a
            portal from before March 2026 has no event to tell of.
        has_more: the page is full; the next one may be empty all the same.
    """

    events: list[EventRecord] = field(factory=list, metadata={"strict": True})
    next_offset: int | None = None
    has_more: bool = False
