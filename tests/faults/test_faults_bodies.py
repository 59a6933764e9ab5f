"""Rows 46 and 47: answers that are bombs, have no end, or are no HTTP; the portal has done its work each time."""

import asyncio
import gzip
import re
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import pytest

from bitrix_chat import BitrixChat, BitrixError, Entity, OutcomeUnknown, UnexpectedAnswer, WebhookAuth
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.faults.proxy import Proxy
from tests.faults.trouble import End, Moment, Trouble
from tests.leaks.searching import chain
from tests.transport.raw_servers import server

MEBIBYTE: Final = 1 << 20
GZIP: Final = "Content-Encoding: gzip"


def answer(body: bytes, *headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    lines = [status, "Content-Type: application/json", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def bomb() -> bytes:
    """Pack 300 MB of a JSON text into 292 kB."""
    packer = zlib.compressobj(9, wbits=31)
    piece = b" " * 1_000_000
    packed = b"".join(packer.compress(piece) for _ in range(300)) + packer.compress(b'{"result": 1}') + packer.flush()
    assert len(packed) < 300_000
    return packed


@asynccontextmanager
async def answering(trouble: Trouble) -> AsyncIterator[tuple[Portal, Proxy, BitrixChat]]:
    """A client whose `im.chat.add` is done, and answered with trouble."""
    async with (
        Portal(plan=PortalPlan.UNLIMITED, execution_limit=0.5) as portal,
        Proxy(portal.url) as proxy,
        portal.client(WebhookAuth(proxy.url_of(portal.webhook_url)), quiescence=1.0) as b24,
    ):
        proxy.add(trouble)
        yield portal, proxy, b24


async def unknown(b24: BitrixChat) -> tuple[OutcomeUnknown, BitrixError]:
    """Create a chat without a key, and return the error and what it says was seen."""
    call = b24.im.chat.add(title="Shelf")
    with pytest.raises(OutcomeUnknown) as raised:
        await call
    error = raised.value
    assert call.outcome is error.outcome
    assert error.method == "im.chat.add"
    strangers = {type(each) for each in chain(error)} - {OutcomeUnknown, type(error.__cause__)}
    assert not [kind for kind in strangers if kind.__module__.startswith("aiohttp")]
    assert isinstance(error.__cause__, BitrixError)
    return error, error.__cause__


async def created(b24: BitrixChat, portal: Portal) -> str:
    """Create a chat with a key, and say how that went."""
    call = b24.im.chat.add(title="Shelf", key="shelf-1")
    assert await call == next(iter(portal.chats))
    assert len(portal.chats) == 1
    return call.outcome.name


def too_long() -> Trouble:
    return Trouble(method="im.chat.add", answer=answer(bomb(), GZIP))


@row(46, fault="gzip bomb", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_a_bomb_is_given_up_with_less_than_20_mebibytes(seen: Seen):
    async with answering(too_long()) as (portal, _, b24):
        await b24.im.chat.get(Entity("SHELF", "1"))  # a first call imports modules, which are no part of the answer
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            error, cause = await unknown(b24)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert isinstance(cause, UnexpectedAnswer)
        assert "the body is longer than 16384 KiB" in str(cause)
        assert peak - before < 20 * MEBIBYTE
        seen(error, executions=portal.executions["im.chat.add"])


@row(46, fault="gzip bomb, with a key", expected="DONE", executions=1)
@on_virtual_clock
async def test_the_key_finds_what_a_bomb_has_answered_for(seen: Seen):
    async with answering(too_long()) as (portal, _, b24):
        seen(await created(b24, portal), executions=portal.executions["im.chat.add"])


class Flood:
    """Stands before a portal, has a request done, and answers with 2 GB; counts the bytes that it could send."""

    def __init__(self, portal: Portal) -> None:
        self._portal = urlsplit(portal.url)
        self.sent = 0
        self.over = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._done(await reader.readuntil(b"\r\n\r\n"), reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n")
        piece = b" " * 65536
        try:
            while self.sent < 2147483648:
                writer.write(piece)
                await writer.drain()
                self.sent += len(piece)
        finally:
            self.over.set()

    async def _done(self, head: bytes, body: asyncio.StreamReader) -> None:
        to_read, to_write = await asyncio.open_connection(self._portal.hostname, self._portal.port)
        to_write.write(head + await body.readexactly(int(re.findall(rb"(?i)content-length: *(\d+)", head)[0])))
        await to_read.readuntil(b"\r\n\r\n")
        to_write.close()


@row(46, fault="2 GB plain body", expected="UNKNOWN", executions=1)
async def test_a_plain_body_is_read_no_further_than_a_packed_one(portal: Portal, seen: Seen):
    flood = Flood(portal)
    async with server(flood) as address:
        webhook = WebhookAuth(str(address.with_path(urlsplit(portal.webhook_url).path)))
        async with portal.client(webhook) as b24:
            error, cause = await unknown(b24)
            assert isinstance(cause, UnexpectedAnswer)
            assert "the body is longer than 16384 KiB" in str(cause)
            async with asyncio.timeout(10):
                await flood.over.wait()  # the connection is torn down, and not read to its end
    assert flood.sent < 64 * MEBIBYTE  # with what the sockets hold
    seen(error, executions=portal.executions["im.chat.add"])


@row(46, fault="body that drips for ever", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_a_body_that_drips_is_given_up_after_the_time_of_one_attempt(seen: Seen):
    async with answering(Trouble(method="im.chat.add", drip=5)) as (portal, proxy, b24):
        began = asyncio.get_running_loop().time()
        error, cause = await unknown(b24)
        assert asyncio.get_running_loop().time() - began == pytest.approx(75, abs=6)
        assert "no answer in time after the request had left" in str(cause)
        await b24.profile()
        assert proxy.connections == 2  # the dripping one was given up
        seen(error, executions=portal.executions["im.chat.add"])


@row(46, fault="body that drips for ever, with a key", expected="DONE", executions=1)
@on_virtual_clock
async def test_the_key_finds_what_a_dripping_body_would_have_told(seen: Seen):
    async with answering(Trouble(method="im.chat.add", drip=5)) as (portal, _, b24):
        seen(await created(b24, portal), executions=portal.executions["im.chat.add"])


CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN: Final = {
    "corrupt gzip": answer(b"\x1f\x8b\x08\x00" + b"shelf" * 50, GZIP),
    "gzip that is none": answer(b'{"result": 5}', GZIP),
    "gzip cut short": answer(gzip.compress(b'{"result": 5}')[:-9], GZIP),
    "foreign packing": answer(b'{"result": 5}', "Content-Encoding: br"),
    "no status": b"HTTP/1.1 fine\r\n\r\n",
    "no HTTP": b"SSH-2.0-shelf\r\n",
    "status 99999": answer(b"{}", status="HTTP/1.1 99999 Shelf"),
    "no status of an answer": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: shelf\r\nConnection: upgrade\r\n\r\n",
    "100 kB header": answer(b'{"result": 5}', "X-Shelf: " + "x" * 100_000),
    "10,000 headers": answer(b'{"result": 5}', *("X-Shelf: x" for _ in range(10_000))),
    "NUL in a header": answer(b'{"result": 5}', "X-Shelf: a\0b"),
    "header without a colon": answer(b'{"result": 5}', "shelf"),
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no length of a chunk": CHUNKED + b"shelf\r\n",
    "chunk cut short": CHUNKED + b'ff\r\n{"result": 5}',
}


def broken(name: str) -> Trouble:
    return Trouble(method="im.chat.add", answer=BROKEN[name], moment=Moment.IDLE, end=End.FIN)


@row(47, fault="answer that is none", expected="UNKNOWN", executions=1)
@pytest.mark.parametrize("name", BROKEN)
@on_virtual_clock
async def test_what_cannot_be_read_is_an_error_of_ours_and_is_not_sent_again(seen: Seen, name: str):
    async with answering(broken(name)) as (portal, _, b24):
        error, _ = await unknown(b24)
        await asyncio.sleep(300)
        assert portal.hits == 1
        seen(error, executions=portal.executions["im.chat.add"])


@row(47, fault="answer that is none, with a key", expected="DONE", executions=1)
@pytest.mark.parametrize("name", BROKEN)
@on_virtual_clock
async def test_the_key_finds_what_cannot_be_read(seen: Seen, name: str):
    async with answering(broken(name)) as (portal, _, b24):
        seen(await created(b24, portal), executions=portal.executions["im.chat.add"])
