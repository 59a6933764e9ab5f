"""Rows 16 to 18: the portal has done its work and said so, and the answer does not arrive whole."""

import asyncio
from typing import TypeVar

import pytest

from bitrix_chat import BitrixError, ConnectionLost, OutcomeUnknown, UnexpectedAnswer
from bitrix_chat.portal import Cut, Fault
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.faults.scenes import QUIESCENCE, at, behind
from tests.faults.trouble import End, Moment, Trouble

T = TypeVar("T")

WHOLE = b'{"result":777}'
"""An answer that would be one, with the id of a chat that nobody has created."""


def said(answer: bytes, *headers: str, end: End = End.FIN) -> Trouble:
    """Do the work, answer with something else, and end the connection."""
    head = "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *headers, "", ""])
    return Trouble(method="im.chat.add", moment=Moment.IDLE, end=end, answer=head.encode() + answer)


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


async def lost(trouble: Trouble | Fault, kind: type[BitrixError], seen: Seen) -> None:
    """Create a chat whose answer is cut; it is there, and nobody sends it again."""
    async with behind(trouble) as (portal, proxy, b24):
        call = b24.im.chat.add(title="Shelf")
        with pytest.raises(OutcomeUnknown, match="look before sending it again") as raised:
            await call
        assert type(raised.value.__cause__) is kind
        assert raised.value.host == proxy.url.removeprefix("http://")
        assert call.outcome is raised.value.outcome
        await asyncio.sleep(150)
        assert (len(portal.chats), portal.hits) == (1, 1)
        seen(raised.value, executions=portal.executions["im.chat.add"])


async def found(trouble: Trouble | Fault, seen: Seen) -> None:
    """Create a chat by its key, whose answer is cut; its id comes from a look, and from nothing that was cut."""
    async with behind(trouble) as (portal, _, b24):
        call = b24.im.chat.add(title="Shelf", key="deal", key_is_new=True)
        chat_id, halfway = await asyncio.gather(call, at(QUIESCENCE / 2, lambda: call.outcome))
        assert list(portal.chats) == [chat_id]
        assert portal.executions["im.chat.get"] == 1
        seen(halfway, call.outcome, executions=portal.executions["im.chat.add"])


SHORT = pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Fault(method="im.chat.add", cut=Cut.TRUNCATE), id="half of the body"),
        pytest.param(Trouble(moment=Moment.ANSWER, after=-1, end=End.FIN), id="all but a byte"),
        pytest.param(Trouble(moment=Moment.ANSWER, after=-1, end=End.RESET), id="all but a byte, reset"),
        pytest.param(said(WHOLE, f"Content-Length: {len(WHOLE) + 1}"), id="whole JSON, one byte more promised"),
        pytest.param(said(b"", "Content-Length: 14"), id="nothing after the head"),
        pytest.param(Trouble(moment=Moment.ANSWER, after=20, end=End.FIN), id="not even the head"),
    ],
)


@row(16, fault="Content-Length short", expected="UNKNOWN", executions=1)
@SHORT
@on_virtual_clock
async def test_an_answer_shorter_than_promised_is_none(seen: Seen, trouble: Trouble | Fault):
    await lost(trouble, ConnectionLost, seen)


@row(16, fault="Content-Length short, with a key", expected="UNKNOWN -> DONE", executions=1)
@SHORT
@on_virtual_clock
async def test_a_chat_whose_answer_was_too_short_is_found_by_its_key(seen: Seen, trouble: Trouble | Fault):
    await found(trouble, seen)


ENDLESS = pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(said(WHOLE[:-1]), id="all but the brace"),
        pytest.param(said(WHOLE[:-3]), id="half of the id"),
        pytest.param(said(WHOLE[:5], "Connection: close"), id="half of a name"),
        pytest.param(said(b""), id="nothing"),
    ],
)


@row(17, fault="no length, FIN mid-JSON", expected="UNKNOWN", executions=1)
@ENDLESS
@on_virtual_clock
async def test_half_an_answer_of_no_known_length_is_none(seen: Seen, trouble: Trouble):
    """No exception of aiohttp shows it: only the JSON does."""
    await lost(trouble, UnexpectedAnswer, seen)


@row(17, fault="no length, FIN mid-JSON, with a key", expected="UNKNOWN -> DONE", executions=1)
@ENDLESS
@on_virtual_clock
async def test_a_chat_whose_answer_ended_in_the_middle_is_found_by_its_key(seen: Seen, trouble: Trouble):
    await found(trouble, seen)


CHUNKED = pytest.mark.parametrize("end", [End.FIN, End.RESET], ids=lambda end: end.value)
PIECES = pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(chunk(WHOLE)[:-6], id="within a chunk"),
        pytest.param(chunk(WHOLE[:5]), id="between chunks"),
        pytest.param(chunk(WHOLE), id="whole JSON, no last chunk"),
        pytest.param(chunk(WHOLE) + b"0\r\n", id="within the last chunk"),
        pytest.param(b"", id="before the first chunk"),
    ],
)


@row(18, fault="truncated chunked", expected="UNKNOWN", executions=1)
@CHUNKED
@PIECES
@on_virtual_clock
async def test_a_chunked_answer_without_its_last_chunk_is_none(seen: Seen, pieces: bytes, end: End):
    """Not even when the JSON in it is whole."""
    await lost(said(pieces, "Transfer-Encoding: chunked", end=end), ConnectionLost, seen)


@row(18, fault="truncated chunked, with a key", expected="UNKNOWN -> DONE", executions=1)
@CHUNKED
@PIECES
@on_virtual_clock
async def test_a_chat_whose_chunks_ended_early_is_found_by_its_key(seen: Seen, pieces: bytes, end: End):
    await found(said(pieces, "Transfer-Encoding: chunked", end=end), seen)
