"""The second fence around secrets: no frame of the wire that stays in a traceback holds an address or a body."""

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from bitrix_chat.errors import BitrixError
from bitrix_chat.transport.fetching import Leaving
from bitrix_chat.transport.wire import LONGEST_ANSWER, Wire
from tests.transport.raw_servers import (
    SECRET,
    Script,
    after_reading,
    answering,
    close_after_reading,
    reset_after_reading,
    say_nothing,
    server,
)

BODY_SECRET = "canary-access-token"
LINK_SECRET = "canary-signed-link"
BODY = f'{{"auth":"{BODY_SECRET}"}}'.encode()
LOCATION = f"Location: https://elsewhere.example/{LINK_SECRET}"
ECHO = BODY + LINK_SECRET.encode()

BROKEN: dict[str, Script] = {
    "reset": reset_after_reading,
    "closed": close_after_reading,
    "timeout": say_nothing,
    "oversized": answering(ECHO + b" " * LONGEST_ANSWER, LOCATION),
    "cut short": after_reading(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + ECHO),
    "garbage": after_reading(ECHO + b"\r\n\r\n"),
    "corrupt": answering(ECHO, "Content-Encoding: gzip", LOCATION),
    "foreign": answering(ECHO, "Content-Encoding: br", LOCATION),
}

Ask = Callable[[Wire, URL], Awaitable[object]]


async def post(wire: Wire, url: URL) -> object:
    return await wire.post(url, BODY, lambda: None)


async def get(wire: Wire, url: URL) -> object:
    async with wire.get(url, Leaving()) as download:
        return [piece async for piece in download.pieces]


async def get_with_deadline(wire: Wire, url: URL) -> object:
    async with wire.get(url, Leaving(), deadline=asyncio.get_running_loop().time() + 0.2) as download:
        return [piece async for piece in download.pieces]


def said_by(error: BaseException) -> str:
    """Return the traceback with local variables of every frame but those of this file, which knows the secrets."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in told.stack if frame.filename != __file__]
    assert frames, "no frame of the wire is left to be looked at"
    return "".join(traceback.StackSummary.from_list(frames).format()) + "".join(told.format_exception_only())


async def assert_nothing_is_said(ask: Ask, wire: Wire, url: URL) -> None:
    with pytest.raises(BitrixError) as caught:
        await ask(wire, url)
    await wire.close()

    error = caught.value
    said = said_by(error) + repr(error) + repr(vars(error))
    assert "canary" not in said
    assert (error.__cause__, error.__context__) == (None, None)


def test_the_test_sees_local_variables():
    def fail(address: str) -> None:
        raise BitrixError(str(len(address)))

    with pytest.raises(BitrixError) as caught:
        fail(SECRET)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert SECRET in "".join(told.format())


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
async def test_a_call_that_breaks_leaves_no_secret_in_the_traceback(script):
    async with server(script) as url:
        await assert_nothing_is_said(post, Wire(answer_timeout=0.3), url)


@pytest.mark.parametrize("broken", [name for name in BROKEN if name != "oversized"])
async def test_a_download_that_breaks_leaves_no_secret_in_the_traceback(broken):
    async with server(BROKEN[broken]) as url:
        await assert_nothing_is_said(get, Wire(answer_timeout=0.3), url)


async def test_a_download_whose_time_is_over_leaves_no_secret_in_the_traceback():
    async with server(say_nothing) as url:
        await assert_nothing_is_said(get_with_deadline, Wire(), url)


@pytest.mark.parametrize("ask", [post, get])
async def test_a_refused_connection_leaves_no_secret_in_the_traceback(ask):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = URL(f"http://127.0.0.1:{closed.getsockname()[1]}/rest/1/{SECRET}/profile")
        await assert_nothing_is_said(ask, Wire(), url)


@pytest.mark.parametrize("ask", [post, get])
async def test_a_closed_session_leaves_no_secret_in_the_traceback(ask):
    session = aiohttp.ClientSession()
    await session.close()

    await assert_nothing_is_said(ask, Wire(session), URL(f"https://portal.example/rest/1/{SECRET}/profile"))


@asynccontextmanager
async def spying_session() -> AsyncIterator[aiohttp.ClientSession]:
    async def fail(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        raise LookupError(str(params.url))

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(fail)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        yield session


@pytest.mark.parametrize("ask", [post, get])
async def test_a_callers_tracing_that_fails_leaves_no_secret_in_the_traceback(ask):
    async with spying_session() as session, server(say_nothing) as url:
        await assert_nothing_is_said(ask, Wire(session), url)
