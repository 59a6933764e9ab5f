"""What was announced leaves soon or is announced anew: others take a process that stands still for dead."""

import asyncio

import pytest

from bitrix_chat.transport import announcing, flights


@pytest.fixture
def stand_still(monkeypatch):
    """Have the process stand still for so many seconds, as a stopped one does, or one whose machine sleeps."""
    passed = [0.0]
    for module in (announcing, flights):
        monkeypatch.setattr(module, "uptime", lambda: passed[0])

    def stand_still(seconds):
        passed[0] += seconds

    return stand_still


@pytest.mark.parametrize(("seconds", "announcements"), [(29, 1), (31, 2)])
async def test_a_departure_holds_for_a_quarter_of_the_quiescence(
    portal, unlimited, stand_still, seconds, announcements
):
    told = []

    async def departing(requests):
        told.append([request.params["TITLE"] for request in requests])
        if len(told) == 1:
            stand_still(seconds)

    async with portal.client(limiter=unlimited, departing=departing, quiescence=120) as b24:
        await b24.im.chat.add(title="Shelf")

    assert told == [["Shelf"]] * announcements
    assert portal.executions["im.chat.add"] == 1


async def test_who_overtook_it_meanwhile_is_heard_before_anything_leaves(portal, unlimited, stand_still):
    told = []

    async def announce(exchanges):
        told.append(len(exchanges))
        if len(told) == 2:
            raise RuntimeError("another has sent it")
        stand_still(1000)

    async with portal.client(limiter=unlimited) as b24:
        with pytest.raises(RuntimeError, match="another has sent it"):
            await b24.im.chat.add(title="Shelf").announced(announce)

    assert told == [1, 1]
    assert not portal.chats


async def test_a_long_body_that_has_begun_to_leave_goes_on(portal, unlimited, stand_still):
    async def announce(exchanges):
        asyncio.get_running_loop().call_later(0.001, stand_still, 1000)

    async with portal.client(limiter=unlimited) as b24:
        chat_id = await b24.im.chat.add(title="Shelf", message="x" * 3_000_000).announced(announce)

    assert portal.chats[chat_id].title == "Shelf"


async def test_those_who_keep_books_are_told_at_the_same_time(portal, unlimited):
    """Fifty journals' parts write together: one after the other, a batch would wait for fifty commits."""
    waiting, everybody = [], asyncio.Event()

    async def each(exchanges):
        waiting.append(exchanges)
        if len(waiting) == 3:
            everybody.set()
        await everybody.wait()

    async with portal.client(limiter=unlimited, max_in_flight=1) as b24:
        await b24.im.chat.add(title="first")  # so that the others travel together

        async def one(exchanges):
            await each(exchanges)

        async def two(exchanges):
            await each(exchanges)

        async def three(exchanges):
            await each(exchanges)

        calls = [b24.im.chat.add(title=name.__name__).announced(name) for name in (one, two, three)]
        await asyncio.gather(*calls)

    assert [len(exchanges) for exchanges in waiting] == [1, 1, 1]
    assert len(portal.chats) == 4
