"""What a lent session brings along, and what of it must not reach a request: headers of its bodies, and its proxy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bitrix_chat import MemoryRateLimiter, OAuthAuth, Plan
from bitrix_chat.auth import Token
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.transport.fetching import Leaving
from bitrix_chat.transport.wire import Wire
from tests.transport.raw_servers import server, whole_request

MISLEADING = [
    {"Content-Type": "text/plain"},
    {"content-type": "application/x-www-form-urlencoded"},
    {"CONTENT-ENCODING": "gzip"},
    {"Content-Length": "3"},
    {"Transfer-Encoding": "chunked"},
    {"expect": "100-continue"},
    {"Host": "stranger.example"},
]


@asynccontextmanager
async def heads_of(answer: bytes = b"{}") -> AsyncIterator[tuple[Any, list[bytes]]]:
    heads: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await whole_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)

    async with server(script) as url:
        yield url, heads


def headers_in(head: bytes) -> dict[str, str]:
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:] if line]
    assert len({name.lower() for name, _, _ in lines}) == len(lines)
    return {name.lower(): value for name, _, value in lines}


def application(portal: Portal, session: aiohttp.ClientSession) -> OAuthAuth:
    grant = portal.oauth
    token = Token(grant.access_token, grant.refresh_token, grant.client_endpoint)
    server = portal.authorization_server
    return OAuthAuth(grant.client_id, grant.client_secret, token, authorization_server=server, session=session)


@pytest.mark.parametrize("headers", MISLEADING, ids=str)
async def test_default_headers_of_a_session_take_nothing_from_a_request(headers):
    """A portal that does not read the body makes a chat all the same, without title and key."""
    limiter = MemoryRateLimiter(Plan(1e9, 1e8))
    async with Portal(plan=PortalPlan.UNLIMITED) as portal, aiohttp.ClientSession(headers=headers) as session:
        portal.expire_tokens()
        async with portal.client(application(portal, session), session=session, limiter=limiter) as b24:
            made = [await b24.im.chat.add(title="Shelf", key="shelf-1") for _ in range(2)]

        assert made[0] == made[1]
        assert [chat.title for chat in portal.chats.values()] == ["Shelf"]
        assert portal.executions["im.chat.add"] == 1
        assert [asked.grant_type for asked in portal.token_requests] == ["refresh_token"]


@pytest.mark.parametrize("headers", [*MISLEADING, {"Range": "bytes=0-1"}, {"If-None-Match": "x"}], ids=str)
async def test_default_headers_of_a_session_stay_out_of_requests_that_they_would_make_others(headers):
    async with (
        heads_of() as (url, heads),
        aiohttp.ClientSession(headers={**headers, "X-Service": "billing"}) as session,
    ):
        wire = Wire(session)
        await wire.post(url, b"{}", lambda: None)
        async with wire.get(url, Leaving()) as download:
            assert [piece async for piece in download.pieces] == [b"{}"]
        await wire.close()

    post, get = map(headers_in, heads)
    always = {"host": f"{url.host}:{url.port}", "accept": "*/*", "x-service": "billing"}
    agent = {"user-agent": post["user-agent"]}
    body = {"content-type": "application/json", "content-length": "2"}
    assert post == {**always, **agent, **body, "accept-encoding": "gzip, deflate"}
    assert get == {**always, **agent, "accept-encoding": "identity"}


@pytest.mark.parametrize("how", ["environment", "session"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_plain_http_to_this_host_goes_past_every_proxy(how, host, monkeypatch):
    for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    async with heads_of() as (proxy, told), heads_of() as (portal, heads):
        monkeypatch.setenv("http_proxy", str(proxy.origin()))
        options = {"trust_env": True} if how == "environment" else {"proxy": proxy.origin()}
        async with aiohttp.ClientSession(**options) as session:
            wire = Wire(session)
            await wire.post(portal.with_host(host), b"{}", lambda: None)
            for is_stranger in (True, False):
                async with wire.get(portal.with_host(host), Leaving(), is_stranger=is_stranger) as download:
                    assert [piece async for piece in download.pieces] == [b"{}"]
            await wire.close()

    assert [head.split()[0] for head in heads] == [b"POST", b"GET", b"GET"]
    assert told == []


async def test_a_proxy_is_still_asked_for_https():
    async with heads_of() as (proxy, told), aiohttp.ClientSession(proxy=proxy.origin()) as session:
        wire = Wire(session)
        http = wire._sessions.for_calls(proxy)
        https = wire._sessions.for_calls(proxy.with_scheme("https"))
        await wire.close()

    assert told == []
    assert http is not None
    assert https is not None
    assert (http._default_proxy, https._default_proxy) == (None, proxy.origin())
