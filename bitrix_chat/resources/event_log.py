"""The log that bots and users fetch events from: every page acknowledges the one before."""

import re
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.errors import UnexpectedAnswer
from bitrix_chat.models.event import EventPage
from bitrix_chat.resources import arguments
from bitrix_chat.resources.pagination import pages_by_cursor
from bitrix_chat.rest.call import Call

MAX_PAGE: Final = 1000
_ID: Final = re.compile("[0-9]{1,18}")


def event_page(method: str) -> Callable[[Any], EventPage]:
    """Make the decoder of a page of events."""
    decode = decoder(CAMEL_ANSWERS, EventPage, method)

    def page(raw: Any) -> EventPage:
        try:
            return decode(_with_next_offset(raw))
        except UnexpectedAnswer as error:
            error.result = raw
            del raw
            raise

    return page


def _with_next_offset(raw: Any) -> Any:
    # Before March 2026 portals named the last event instead of the one to ask for.
    if isinstance(raw, dict) and "nextOffset" not in raw and _ID.fullmatch(last := str(raw.get("lastEventId") or "")):
        return {**raw, "nextOffset": int(last) + 1}
    return raw


def page_params(offset: int | None, limit: int | None) -> dict[str, Any]:
    """Return the parameters of a page, checked."""
    return {
        "offset": None if offset is None else arguments.whole_number("offset", offset, 0),
        "limit": arguments.limit(limit, MAX_PAGE),
    }


def event_pages(make: Callable[[int | None], Call[EventPage]], offset: int | None) -> AsyncGenerator[EventPage, None]:
    """Yield the pages from `offset` on, as far as there are any now."""
    return pages_by_cursor(make, lambda page: page.next_offset if page.has_more else None, offset)
