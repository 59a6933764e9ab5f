"""Pages are read lazily and once, and a cursor that leads back is an error instead of a loop without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.converters import SNAKE_ANSWERS, decoder
from bitrix_chat.errors import CursorStalled, Outcome
from bitrix_chat.resources.pagination import pages_by_cursor, pages_by_next
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Request, Response
from bitrix_chat.testing import ScriptedTransport, run_on_virtual_clock

_numbers = decoder(SNAKE_ANSWERS, list[int], "x.list")


class Pages:
    """Calls of a method whose answers are scripted, by what they ask for."""

    def __init__(self, *answers: Response) -> None:
        self.transport = ScriptedTransport({"x.list": list(answers)})

    def __call__(self, cursor: int | None) -> Call[list[int]]:
        return Call(Request("x.list", {"at": cursor}), _numbers, self.transport)

    @property
    def asked(self) -> list[int | None]:
        return [request.params["at"] for request in self.transport.requests]


def last(page: list[int]) -> int | None:
    return page[-1] if page else None


async def test_offsets_follow_the_envelope_until_it_names_none():
    pages = Pages(Response([1, 2], next=2), Response([3, 4], next=4), Response([5]))
    assert [page async for page in pages_by_next(pages)] == [[1, 2], [3, 4], [5]]
    assert pages.asked == [0, 2, 4]


async def test_the_next_page_is_asked_for_when_it_is_needed():
    pages = Pages(Response([1, 2], next=2))
    async for page in pages_by_next(pages):
        assert page == [1, 2]
        break
    assert pages.asked == [0]


async def test_an_empty_page_that_announces_another_is_not_the_last():
    pages = Pages(Response([], next=2), Response([], next=4), Response([5], next=6), Response([], next=8), Response([]))
    assert [page async for page in pages_by_next(pages, count=len)] == [[], [], [5], [], []]
    assert pages.asked == [0, 2, 4, 6, 8]


async def read_by_next(pages):
    return [page async for page in pages_by_next(pages, count=len)]


async def read_by_cursor(pages):
    cursors = iter(range(1, 9))
    return [page async for page in pages_by_cursor(pages, lambda _: next(cursors), count=len)]


@pytest.mark.parametrize("read", [read_by_next, read_by_cursor])
async def test_three_empty_pages_in_a_row_are_given_up(read):
    pages = Pages(Response([5], next=2), *[Response([], next=following) for following in (4, 6, 8)])
    with pytest.raises(CursorStalled, match=r"^x\.list: 3 empty pages in a row, and each announces another one$"):
        await read(pages)
    assert len(pages.asked) == 4


async def test_pages_that_nobody_counts_may_all_be_empty():
    pages = Pages(*[Response([], next=offset) for offset in range(1, 6)], Response([]))
    assert len([page async for page in pages_by_next(pages)]) == 6


@pytest.mark.parametrize("iterate", [pages_by_next, lambda pages: pages_by_cursor(pages, last)])
async def test_reading_can_be_given_up_between_pages(iterate):
    reading = iterate(Pages(Response([1], next=1)))
    assert await anext(reading) == [1]
    await reading.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(reading)


@pytest.mark.parametrize("following", [0, 1, 2])
async def test_an_offset_that_does_not_grow_is_an_error_after_its_page(following):
    pages = Pages(Response([1, 2], next=2), Response([3], next=following))
    reading = pages_by_next(pages)
    assert [await anext(reading), await anext(reading)] == [[1, 2], [3]]
    with pytest.raises(CursorStalled, match=r"x\.list: .*begin at") as caught:
        await anext(reading)
    assert caught.value.outcome is Outcome.DONE


async def test_cursors_follow_the_pages_until_one_tells_none():
    pages = Pages(Response([9, 8]), Response([7, 6]), Response([]))
    assert [page async for page in pages_by_cursor(pages, last)] == [[9, 8], [7, 6], []]
    assert pages.asked == [None, 8, 6]


async def test_a_cursor_may_begin_somewhere():
    pages = Pages(Response([]))
    assert [page async for page in pages_by_cursor(pages, last, 40)] == [[]]
    assert pages.asked == [40]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_any_cursor_that_comes_again_is_an_error_before_it_is_asked_twice(cursors):
    pages = Pages(*[Response([cursor]) for cursor in [*cursors, cursors[0]]])

    async def read() -> None:
        async for _ in pages_by_cursor(pages, last):
            pass

    with pytest.raises(CursorStalled):
        run_on_virtual_clock(read())
    assert len(pages.asked) == len(set(pages.asked))
