"""Each request once: a GET that aiohttp would repeat by itself is not, and nothing but a download is a GET."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bitrix_chat import MemoryRateLimiter, Plan, WebhookAuth
from bitrix_chat.auth import AuthorizationServer
from bitrix_chat.errors import DownloadFailed, TokenRefreshFailed
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.transport.fetching import Leaving
from bitrix_chat.transport.wire import Wire
from tests.transport.raw_servers import Script, close_after_reading, reset_after_reading, server, whole_request

UNLIMITED = Plan(1e9, 1e8)


class Counting:
    """Counts the requests that reach a script."""

    def __init__(self, script: Script) -> None:
        self.requests = 0
        self._script = script

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests += 1
        await self._script(reader, writer)


async def answer_and_drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request of a connection that seems to be kept, and drop it with the next one unread."""
    await whole_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    await whole_request(reader)


@pytest.mark.parametrize("script", [close_after_reading, reset_after_reading])
async def test_a_get_whose_connection_breaks_has_reached_the_server_once(script):
    counting, leaving, wire = Counting(script), Leaving(), Wire()
    async with server(counting) as url:
        with pytest.raises(DownloadFailed):
            async with wire.get(url, leaving):
                pytest.fail("there is nothing to open")
        await wire.close()

    assert counting.requests == 1
    assert leaving.written


async def test_a_get_over_a_connection_that_had_served_before_is_not_repeated_over_another():
    counting, wire = Counting(answer_and_drop), Wire()
    async with server(counting) as url:
        await wire.post(url, b"{}", lambda: None)
        with pytest.raises(DownloadFailed):
            async with wire.get(url, Leaving()):
                pytest.fail("there is nothing to open")
        await wire.close()

    assert counting.requests == 1


async def test_a_question_to_the_authorization_server_is_not_repeated_when_its_connection_breaks():
    counting = Counting(close_after_reading)
    async with server(counting) as url:
        with pytest.raises(TokenRefreshFailed):
            await AuthorizationServer(str(url.origin())).refresh("app.1", "canary", "canary")

    assert counting.requests == 1


class Spy:
    """Stands before the emulator and reads which verbs come by."""

    def __init__(self, port: int) -> None:
        self.lines: list[bytes] = []
        self._port = port

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(self._pass_back(there, writer))
        try:
            while head := await self._head(reader, onward):
                self.lines.append(head.partition(b"\r\n")[0])
        finally:
            onward.close()
            await back

    async def _head(self, reader: asyncio.StreamReader, onward: asyncio.StreamWriter) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        onward.write(head + await reader.readexactly(length))
        return head

    async def _pass_back(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await there.read(1 << 16):
            writer.write(data)


@asynccontextmanager
async def spied(portal: Portal) -> AsyncIterator[tuple[Spy, str]]:
    port = int(portal.url.rpartition(":")[2])
    spy = Spy(port)
    async with server(spy) as url:
        yield spy, portal.url.replace(str(port), str(url.port))


async def test_every_call_goes_out_as_a_post():
    async with Portal(plan=PortalPlan.UNLIMITED) as portal, spied(portal) as (spy, address):
        auth = WebhookAuth(portal.webhook_url.replace(portal.url, address))
        async with portal.client(auth, limiter=MemoryRateLimiter(UNLIMITED)) as b24:
            chat_id = await b24.im.chat.add(title="By post")
            await b24.im.dialog.get(f"chat{chat_id}")
            await b24.call("im.dialog.messages.get", {"DIALOG_ID": f"chat{chat_id}"})
            await b24.batch([b24.profile(), b24.user.current()])
            await b24.user.get()

    assert len(spy.lines) >= 5
    assert {line.split()[0] for line in spy.lines} == {b"POST"}


async def test_tokens_are_asked_for_by_post():
    async with Portal() as portal, spied(portal) as (spy, address):
        grant = portal.oauth
        server_of_tokens = AuthorizationServer(address)
        await server_of_tokens.refresh(grant.client_id, grant.client_secret, grant.refresh_token)
        await server_of_tokens.exchange(grant.client_id, grant.client_secret, portal.authorize())

    assert [line.split()[0] for line in spy.lines] == [b"POST", b"POST"]
