"""What processes of one host put up for each other."""

import asyncio
import json

import pytest

from bitrix_chat.limits.errors import LimiterFileError
from bitrix_chat.limits.file_board import FileBoard
from bitrix_chat.limits.shared_operating import REMEMBERED, Posted, SharedOperatingBudget
from bitrix_chat.models.time import Time
from bitrix_chat.storage.file_lock import try_lock, unlock
from bitrix_chat.testing import on_virtual_clock


def now():
    return asyncio.get_running_loop().time()


@pytest.fixture
def board(tmp_path):
    """Makes boards that are as far apart as those of two processes."""
    return lambda: FileBoard(tmp_path / "acme.operating", now)


@on_virtual_clock
async def test_each_sees_what_the_others_have_put_up_and_how_long_ago(board):
    one, other, third = board(), board(), board()

    assert await one.swap("first") == []
    await asyncio.sleep(3.0)
    assert await other.swap("second") == [Posted(3.0, "first")]
    await asyncio.sleep(1.0)

    assert await one.swap("first, again") == [Posted(1.0, "second")]
    assert sorted(posted.facts for posted in await third.swap("third")) == ["first, again", "second"]


@on_virtual_clock
async def test_an_empty_text_takes_down_what_was_put_up(board):
    one, other = board(), board()
    await one.swap("something much longer than nothing")

    await one.swap("")

    assert await other.swap("") == []


@on_virtual_clock
async def test_what_is_old_or_from_before_the_host_started_anew_is_gone(board, tmp_path):
    one, other = board(), board()
    await one.swap("old")
    await asyncio.sleep(REMEMBERED + 1)
    assert await other.swap("") == []

    (tmp_path / "acme.operating").write_text(json.dumps({"somebody": [now() + 100, "from before"]}))

    assert await other.swap("") == []


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"a":1}', '{"a":["x","y"]}', '{"a":[1]}', "[" * 100_000])
@on_virtual_clock
async def test_a_damaged_board_counts_as_empty(board, tmp_path, damage):
    (tmp_path / "acme.operating").write_text(damage)

    assert await board().swap("first") == []
    assert [posted.facts for posted in await board().swap("")] == ["first"]


@on_virtual_clock
async def test_it_waits_for_others_and_not_for_ever(board, tmp_path):
    one = board()
    await one.swap("")
    with (tmp_path / "acme.operating").open("r+b") as file:
        assert try_lock(file.fileno())
        asyncio.get_running_loop().call_later(0.5, unlock, file.fileno())
        assert await one.swap("") == []

        assert try_lock(file.fileno())
        with pytest.raises(LimiterFileError, match=r"acme\.operating: another process holds it locked"):
            await one.swap("")


@on_virtual_clock
async def test_what_one_process_was_told_of_a_methods_time_holds_for_the_other(board):
    one, other = (SharedOperatingBudget(480.0, board=board()) for _ in range(2))
    told = Time.of({"operating": 475.0, "operating_reset_at": 1300, "finish": 1000.0, "duration": 30.0})

    one.depart("im.chat.add")
    one.learn("im.chat.add", told, now())
    one.land("im.chat.add")
    await asyncio.sleep(0.2)
    other.opens_at("im.chat.add", now())
    await asyncio.sleep(0.2)

    assert other.opens_at("im.chat.add", now()) > now() + 250
    await one.close()
    await other.close()
