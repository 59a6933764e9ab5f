"""Bulk runs begin at the resource that creates a single chat, for users and for bots alike."""

from typing import Any

import pytest

from bitrix_chat import InvalidParameter
from bitrix_chat.limits import MemoryRateLimiter
from bitrix_chat.limits import Plan as Limit
from bitrix_chat.portal import Plan, Portal
from bitrix_chat.testing import on_virtual_clock


async def chats_of(kind: str, b24: Any) -> Any:
    if kind == "user":
        return b24.im.chat
    registered = await b24.imbot.bot.register("rooms", name="Rooms", token="a_bot_token")
    return b24.bot(registered.bot.id, token="a_bot_token").chat


@pytest.mark.parametrize("kind", ["user", "bot"])
def test_a_run_creates_its_chats_and_is_gone_on_with_by_its_journal(kind: str, tmp_path: Any) -> None:
    @on_virtual_clock
    async def run_twice() -> None:
        async with (
            Portal(plan=Plan.UNLIMITED) as portal,
            portal.client(limiter=MemoryRateLimiter(Limit(1e9, 1e8))) as b24,
        ):
            chats = await chats_of(kind, b24)
            report = await chats.bulk(["Attic", "Cellar"], journal=tmp_path / "run.sqlite").run()
            assert sorted(result.chat_id for result in report.done) == sorted(portal.chats)
            resumed = await chats.resume(tmp_path / "run.sqlite").run()
            assert [result.chat_id for result in resumed.skipped] == [result.chat_id for result in report.results]

    run_twice()


@pytest.mark.parametrize("kind", ["user", "bot"])
def test_what_cannot_be_run_is_refused_before_anything_is_sent(kind: str) -> None:
    @on_virtual_clock
    async def refuse() -> None:
        async with Portal(plan=Plan.UNLIMITED) as portal, portal.client() as b24:
            chats = await chats_of(kind, b24)
            hits = portal.hits
            with pytest.raises(InvalidParameter, match="`on_error`"):
                chats.bulk(["Attic"], on_error="ignore")
            with pytest.raises(InvalidParameter, match="`journal`"):
                chats.resume(None)
            assert portal.hits == hits

    refuse()
