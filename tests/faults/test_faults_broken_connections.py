"""Rows 6 to 10: a connection that ends before or after the work, which looks the same from here."""

import asyncio
import struct
from typing import Any, TypeVar

import pytest

from bitrix_chat import ConnectionLost, OutcomeUnknown
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.faults.scenes import QUIESCENCE, at, behind
from tests.faults.trouble import End, Moment, Trouble

T = TypeVar("T")

LARGE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + bytes(5_000_000)
# Of the real clock: so many bytes take their time, in which virtual time might jump.
BEFORE_THE_BODY_IS_READ = pytest.mark.parametrize(
    "trouble",
    [Trouble(moment=Moment.HEADERS), Trouble(moment=Moment.BODY, after=70_000)],
    ids=["none of it read", "a piece of it read"],
)
RESET_ON_ACCEPT = Trouble(moment=Moment.ACCEPT, end=End.RESET)
FIN_ON_ACCEPT = Trouble(moment=Moment.ACCEPT, end=End.FIN)
RESET_AFTER_THE_BODY = Trouble(moment=Moment.REQUEST, end=End.RESET)
FIN_AFTER_THE_BODY = Trouble(moment=Moment.REQUEST, end=End.FIN)


async def lost(trouble: Trouble, seen: Seen, *, later: float = 150.0, **fields: Any) -> int:
    """Create a chat whose connection breaks; nobody may send it again, and the error tells where to look for it.

    Returns how many bytes of bodies the proxy has read. After `later` seconds nothing more has been sent.
    """
    async with behind(trouble) as (portal, proxy, b24):
        call = b24.im.chat.add(title="Shelf", **fields)
        with pytest.raises(OutcomeUnknown, match="look before sending it again") as raised:
            await call
        error = raised.value
        assert (error.method, error.marker) == ("im.chat.add", None)
        assert error.host == proxy.url.removeprefix("http://")
        assert error.sent_at is not None
        assert isinstance(error.__cause__, ConnectionLost)
        assert call.outcome is error.outcome
        await asyncio.sleep(later)
        executions = portal.executions["im.chat.add"]
        assert (proxy.connections, len(portal.chats), portal.hits) == (1, executions, executions)
        seen(error, executions=executions)
        return proxy.body_bytes


async def reconciled(trouble: Trouble, seen: Seen, **fields: Any) -> None:
    """Create the one chat of a key all the same; in between nobody knows whether it is there."""
    async with behind(trouble) as (portal, proxy, b24):
        call = b24.im.chat.add(title="Shelf", key="deal", key_is_new=True, **fields)
        looks = at(QUIESCENCE / 2, lambda: (call.outcome, portal.executions["im.chat.get"]))
        chat_id, (halfway, early) = await asyncio.gather(call, looks)
        assert list(portal.chats) == [chat_id]
        assert (early, portal.executions["im.chat.get"]) == (0, 1), "one look, at the end of the quiescence"
        assert proxy.requests == 2, "that look, and what it took to have one chat"
        assert await b24.im.chat.add(key="deal") == chat_id
        seen(halfway, call.outcome, executions=portal.executions["im.chat.add"])


@row(6, fault="reset on accept", expected="UNKNOWN", executions=0)
@on_virtual_clock
async def test_a_reset_on_accept_is_not_repeated(seen: Seen):
    assert await lost(RESET_ON_ACCEPT, seen) == 0


@row(6, fault="reset on accept, with a key", expected="UNKNOWN -> DONE", executions=1)
@on_virtual_clock
async def test_a_reset_on_accept_is_repeated_once_the_key_is_proved_free(seen: Seen):
    await reconciled(RESET_ON_ACCEPT, seen)


@row(7, fault="FIN on accept", expected="UNKNOWN", executions=0)
@on_virtual_clock
async def test_a_close_on_accept_is_not_repeated(seen: Seen):
    assert await lost(FIN_ON_ACCEPT, seen) == 0


@row(7, fault="FIN on accept, with a key", expected="UNKNOWN -> DONE", executions=1)
@on_virtual_clock
async def test_a_close_on_accept_is_repeated_once_the_key_is_proved_free(seen: Seen):
    await reconciled(FIN_ON_ACCEPT, seen)


@row(8, fault="reset before 5 MB were read", expected="UNKNOWN", executions=0)
@BEFORE_THE_BODY_IS_READ
async def test_a_reset_within_a_large_body_is_not_repeated(seen: Seen, trouble: Trouble):
    assert await lost(trouble, seen, later=0.0, avatar=LARGE) == trouble.after


@row(8, fault="reset before 5 MB were read, with a key", expected="UNKNOWN -> DONE", executions=1)
@BEFORE_THE_BODY_IS_READ
async def test_a_reset_within_a_large_body_is_repeated_once_the_key_is_proved_free(seen: Seen, trouble: Trouble):
    await reconciled(trouble, seen, avatar=LARGE)


@row(9, fault="reset after the whole body, with a key", expected="UNKNOWN -> DONE", executions=1)
@on_virtual_clock
async def test_a_chat_whose_answer_was_reset_is_found_by_its_key(seen: Seen):
    await reconciled(RESET_AFTER_THE_BODY, seen)


@row(10, fault="FIN after the whole body", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_a_close_after_the_whole_body_is_not_repeated(seen: Seen):
    await lost(FIN_AFTER_THE_BODY, seen)


@row(10, fault="FIN after the whole body, with a key", expected="UNKNOWN -> DONE", executions=1)
@on_virtual_clock
async def test_a_chat_whose_answer_was_cut_off_by_a_close_is_found_by_its_key(seen: Seen):
    await reconciled(FIN_AFTER_THE_BODY, seen)
