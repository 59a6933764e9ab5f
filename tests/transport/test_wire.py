"""One POST over real sockets: what is seen of every way a connection can end."""

import asyncio
import contextlib
import gzip
import socket
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from bitrix_chat.errors import (
    BitrixError,
    ClientClosed,
    ConnectionLost,
    Outcome,
    PortalUnreachable,
    UntrustedCertificate,
)
from bitrix_chat.transport.wire import Wire
from tests.transport.raw_servers import (
    SECRET,
    after_reading,
    close_after_reading,
    reset,
    reset_after_reading,
    say_nothing,
    server,
    whole_request,
)

BROKEN = {
    "reset after the whole request": reset_after_reading,
    "closed after the whole request": close_after_reading,
    "no answer in time": say_nothing,
    "body cut short": after_reading(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    "chunks cut short": after_reading(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
    "garbage for a status line": after_reading(b"garbage\r\n\r\n"),
    "a header without end": after_reading(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
}


async def failure_of(wire: Wire, url: URL) -> tuple[BitrixError, bool]:
    written: list[bool] = []
    try:
        await wire.post(url, b"{}", lambda: written.append(True))
    except BitrixError as error:
        return error, bool(written)
    finally:
        await wire.close()
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
async def test_whatever_breaks_after_the_request_left_is_of_unknown_outcome(script):
    async with server(script) as url:
        error, written = await failure_of(Wire(answer_timeout=0.3), url)

    assert type(error) is ConnectionLost
    assert error.outcome is Outcome.UNKNOWN
    assert written
    assert SECRET not in "".join(traceback.format_exception(error))
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_a_refused_connection_sent_nothing():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = URL(f"http://127.0.0.1:{closed.getsockname()[1]}/rest/1/{SECRET}/profile")
        error, written = await failure_of(Wire(), url)

    assert type(error) is PortalUnreachable
    assert not written
    assert SECRET not in "".join(traceback.format_exception(error))


async def test_a_name_that_does_not_resolve_sent_nothing():
    error, written = await failure_of(Wire(), URL(f"https://no-such-portal.invalid/rest/1/{SECRET}/profile"))

    assert "no-such-portal.invalid: the name does not resolve" in str(error)
    assert not written


async def test_a_post_is_sent_exactly_once_whatever_happens_to_its_connection():
    connections = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        connections.append(1)
        reset(writer)

    async with server(script) as url:
        await failure_of(Wire(), url)
        await asyncio.sleep(0)

    assert connections == [1]


@asynccontextmanager
async def portal(handler: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[URL]:
    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/rest/method", handler)
    app.router.add_get("/rest/method", handler)
    async with TestServer(app) as running:
        yield running.make_url("/rest/method")


async def test_redirects_are_not_followed():
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    wire = Wire()
    async with portal(handler) as url:
        reply = await wire.post(url, b"{}", lambda: None)
        await wire.close()

    assert reply.status == 302


async def test_a_large_body_arrives_byte_for_byte():
    body = b'{"AVATAR":"' + b"x" * 3_000_000 + b'"}'

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(await request.read()), headers={"Content-Encoding": "gzip"})

    wire = Wire()
    async with portal(handler) as url:
        reply = await wire.post(url, body, lambda: None)
        await wire.close()

    assert reply.body == body


async def test_a_callers_session_lends_its_connections_and_headers_and_is_neither_closed_nor_changed():
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        response = web.Response(text="{}", status=503)
        response.set_cookie("PHPSESSID", "one-at-a-time")
        return response

    headers = {"X-Service": "billing"}
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True, cookies={"theirs": "1"}) as session:
        async with portal(handler) as url:
            wire = Wire(session)
            for _ in range(2):
                assert (await wire.post(url, b"{}", lambda: None)).status == 503
            await wire.close()

        assert not session.closed
        assert session.connector is not None
        assert not session.connector.closed
        assert session.headers == headers
        assert {cookie.key for cookie in session.cookie_jar} == {"theirs"}
    assert all(request.headers["X-Service"] == "billing" for request in seen)
    assert not any("Cookie" in request.headers for request in seen)


async def test_a_callers_closed_session_is_named():
    session = aiohttp.ClientSession()
    await session.close()

    with pytest.raises(ClientClosed, match="passed in is closed"):
        await Wire(session).post(URL("http://127.0.0.1:9/"), b"{}", lambda: None)


async def test_an_untrusted_certificate_ends_it_before_a_byte_left():
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def script(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None: ...

    listening = await asyncio.start_server(script, "127.0.0.1", 0, ssl=context)
    async with listening:
        url = URL(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/rest/1/{SECRET}/profile")
        error, written = await failure_of(Wire(), url)

    assert type(error) is UntrustedCertificate
    assert error.outcome is Outcome.NOT_SENT
    assert not written


async def test_an_attempt_cancelled_while_it_waits_for_the_answer_had_left():
    written = asyncio.Event()
    async with server(say_nothing) as url:
        wire = Wire()
        task = asyncio.create_task(wire.post(url, b"{}", written.set))
        await written.wait()

        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await wire.close()


async def test_requests_say_that_they_are_json_and_who_sends_them():
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=request.headers["Content-Type"] + " " + request.headers["User-Agent"])

    wire = Wire()
    async with portal(handler) as url:
        reply = await wire.post(url, b"{}", lambda: None)
        await wire.close()

    assert reply.body.startswith(b"application/json bitrix_chat/")


async def test_whoever_stamps_the_time_is_told_before_every_piece_of_a_long_body():
    told = []
    body = b'"' + b"x" * 200_000 + b'"'

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=str(len(await request.read())).encode())

    wire = Wire()
    async with portal(handler) as url:
        reply = await wire.post(url, body, lambda: told.append(1))
        await wire.close()

    assert reply.body == str(len(body)).encode()
    assert len(told) == 4


class Recall:
    """Refuses to let a piece leave."""

    def __init__(self, at_piece: int) -> None:
        self.pieces_left = at_piece

    def __call__(self) -> None:
        if self.pieces_left == 0:
            raise asyncio.InvalidStateError("recalled")
        self.pieces_left -= 1


@pytest.mark.parametrize("size", [2, 200_000])
async def test_a_request_recalled_at_its_first_piece_sends_not_one_byte(size):
    received = []
    ended = asyncio.Event()

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1))
        ended.set()

    async with server(script) as url:
        wire = Wire()
        with pytest.raises(PortalUnreachable):
            await wire.post(url, b"x" * size, Recall(at_piece=0))
        await ended.wait()
        await wire.close()

    assert received == [b""]


async def test_a_request_recalled_at_a_later_piece_is_never_whole_and_of_unknown_outcome():
    incomplete = asyncio.Event()

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await whole_request(reader)
            return
        incomplete.set()

    async with server(script) as url:
        wire = Wire()
        with pytest.raises(ConnectionLost) as caught:
            await wire.post(url, b"x" * 200_000, Recall(at_piece=2))
        await incomplete.wait()
        await wire.close()

    assert caught.value.outcome is Outcome.UNKNOWN
