"""Everything that pages, read lazily: each page once, and an error where a cursor would lead round in a circle."""

from collections.abc import AsyncIterator, Callable, Hashable
from typing import TypeVar

from bitrix_chat.errors import CursorStalled
from bitrix_chat.rest.call import Call

Page = TypeVar("Page")
Cursor = TypeVar("Cursor", bound=Hashable)


async def pages_by_next(
    make: Callable[[int], Call[Page]], offset: int = 0, count: Callable[[Page], int] | None = None
) -> AsyncIterator[Page]:
    """Yield the pages of a method whose envelope names the next offset in `next`.

    Args:
        make: makes the call for an offset.
        offset: where to begin.
        count: how many a page holds; an empty page is the last, whatever `next` says.

    Raises:
        CursorStalled: the next offset lies not beyond the last one.
    """
    while True:
        call = make(offset)
        page = await call
        yield page
        following = call.response.next if call.response is not None else None
        if following is None or (count is not None and count(page) == 0):
            return
        if following <= offset:
            raise _stalled(call, following)
        offset = following


async def pages_by_cursor(
    make: Callable[[Cursor | None], Call[Page]],
    following: Callable[[Page], Cursor | None],
    cursor: Cursor | None = None,
) -> AsyncIterator[Page]:
    """Yield the pages of a method whose pages tell where the next one begins: LAST_ID, FIRST_ID, an offset of ours.

    Args:
        make: makes the call for a cursor, the first one for `cursor`.
        following: the cursor after a page, None after the last.
        cursor: where to begin.

    Raises:
        CursorStalled: a cursor comes again.
    """
    used: set[Cursor | None] = {cursor}
    while True:
        call = make(cursor)
        page = await call
        yield page
        cursor = following(page)
        if cursor is None:
            return
        if cursor in used:
            raise _stalled(call, cursor)
        used.add(cursor)


def _stalled(call: Call[Page], cursor: Hashable) -> CursorStalled:
    return CursorStalled(
        f"the page after this one would begin at {cursor!r}, which was read", method=call.request.method
    )
