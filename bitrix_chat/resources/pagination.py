"""Everything that pages, read lazily: each page once, and an error where a cursor would lead round in a circle."""

from collections.abc import AsyncGenerator, Callable, Hashable
from typing import Final, TypeVar

from bitrix_chat.errors import CursorStalled
from bitrix_chat.rest.call import Call

Page = TypeVar("Page")
Cursor = TypeVar("Cursor", bound=Hashable)
Count = Callable[[Page], int]

MAX_EMPTY: Final = 3
"""Empty pages in a row, each announcing another, after which reading on is given up."""


async def pages_by_next(
    make: Callable[[int], Call[Page]], offset: int = 0, count: Count[Page] | None = None
) -> AsyncGenerator[Page, None]:
    """Yield the pages of a method whose envelope names the next offset in `next`.

    Args:
        make: makes the call for an offset.
        offset: where to begin.
        count: how many a page holds. The portal leaves out what the caller may not see, so that an empty page need
            not be the last; but `MAX_EMPTY` of them in a row are taken for a circle.

    Raises:
        CursorStalled: the next offset lies not beyond the last one, or too many pages were empty.
    """
    empty = 0
    while True:
        call = make(offset)
        page = await call
        yield page
        following = call.response.next if call.response is not None else None
        if following is None:
            return
        if following <= offset:
            raise _stalled(call, following)
        empty = _empty_in_a_row(empty, call, page, count)
        offset = following


async def pages_by_cursor(
    make: Callable[[Cursor | None], Call[Page]],
    following: Callable[[Page], Cursor | None],
    cursor: Cursor | None = None,
    count: Count[Page] | None = None,
) -> AsyncGenerator[Page, None]:
    """Yield the pages of a method whose pages tell where the next one begins: LAST_ID, FIRST_ID, an offset of ours.

    Args:
        make: makes the call for a cursor, the first one for `cursor`.
        following: the cursor after a page, None after the last.
        cursor: where to begin.
        count: how many a page holds, as for `pages_by_next`.

    Raises:
        CursorStalled: a cursor comes again, or too many pages were empty.
    """
    empty = 0
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
        empty = _empty_in_a_row(empty, call, page, count)
        used.add(cursor)


def _empty_in_a_row(before: int, call: Call[Page], page: Page, count: Count[Page] | None) -> int:
    empty = 0 if count is None or count(page) else before + 1
    if empty == MAX_EMPTY:
        raise CursorStalled(f"{empty} empty pages in a row, and each announces another one", method=call.request.method)
    return empty


def _stalled(call: Call[Page], cursor: Hashable) -> CursorStalled:
    return CursorStalled(
        f"the page after this one would begin at {cursor!r}, which was read", method=call.request.method
    )
