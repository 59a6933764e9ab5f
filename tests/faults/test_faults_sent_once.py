"""Rows 11 and 12: aiohttp repeats a GET by itself when a connection breaks, and a kept connection breaks most often."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import pytest

from bitrix_chat import (
    ConnectionLost,
    DownloadFailed,
    Entity,
    OAuthAuth,
    Outcome,
    OutcomeUnknown,
    Token,
    TokenRefreshFailed,
)
from bitrix_chat.portal import Cut, Fault, Plan, Portal, PortalPolicy
from bitrix_chat.rest.request import Request
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.faults.proxy import Proxy
from tests.faults.scenes import at, behind
from tests.faults.trouble import NO_TROUBLE, End, Moment, Trouble

T = TypeVar("T")

SHELF = Entity("SHELF", "1")

however_it_ends = pytest.mark.parametrize("end", [End.RESET, End.FIN], ids=lambda end: end.value)


@row(11, fault="create loses its answer on a kept connection", expected="UNKNOWN", executions=1)
@however_it_ends
@on_virtual_clock
async def test_a_create_on_a_kept_connection_reaches_the_portal_once(seen: Seen, end: End):
    lost = Trouble(method="im.chat.add", moment=Moment.REQUEST, end=end)
    async with behind(lost) as (portal, proxy, b24):
        await b24.server.time()
        with pytest.raises(OutcomeUnknown) as raised:
            await b24.im.chat.add(title="Shelf")
        assert (proxy.connections, proxy.requests) == (1, 2)
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(11, fault="read loses its answer on a kept connection", expected="UNKNOWN", executions=1)
@however_it_ends
@on_virtual_clock
async def test_even_a_read_is_not_repeated_unasked(seen: Seen, end: End):
    """Repetitions are the policy's, and it may forbid them."""
    lost = Trouble(method="im.chat.get", moment=Moment.REQUEST, end=end)
    async with behind(lost, retry=None) as (portal, proxy, b24):
        await b24.server.time()
        with pytest.raises(ConnectionLost) as raised:
            await b24.im.chat.get(SHELF)
        assert (proxy.connections, proxy.requests) == (1, 2)
        seen(raised.value, executions=portal.executions["im.chat.get"])


@row(11, fault="read loses its answers, repeated by the policy", expected="UNKNOWN", executions=4)
@however_it_ends
@on_virtual_clock
async def test_a_read_is_repeated_as_often_as_the_policy_says(seen: Seen, end: End):
    async with behind(Trouble(moment=Moment.REQUEST, end=end, times=100)) as (portal, proxy, b24):
        with pytest.raises(ConnectionLost) as raised:
            await b24.im.chat.get(SHELF)
        assert proxy.requests == portal.hits
        seen(raised.value, executions=portal.executions["im.chat.get"])


@row(11, fault="token refresh loses its answer", expected="REFUSED_TEMPORARY", executions=1)
@pytest.mark.parametrize("verb", ["POST", "GET"])
@however_it_ends
@on_virtual_clock
async def test_a_refresh_token_is_spent_once(seen: Seen, end: End, verb: str):
    """Also at an authorization server that takes the documented GET alone, which is asked by POST first."""
    policy = PortalPolicy(post_to_tokens="serve" if verb == "POST" else "method_not_allowed")
    async with Portal(plan=Plan.UNLIMITED, policy=policy) as portal, Proxy(portal.url) as proxy:
        proxy.add(*[NO_TROUBLE] * (verb == "GET"), Trouble(moment=Moment.REQUEST, end=end))
        pair = portal.oauth
        token = Token(pair.access_token, pair.refresh_token, pair.client_endpoint)
        auth = OAuthAuth(pair.client_id, pair.client_secret, token, authorization_server=proxy.url)
        portal.expire_tokens()
        async with portal.client(auth) as b24:
            call = b24.im.chat.add(title="Shelf")
            with pytest.raises(TokenRefreshFailed) as raised:
                await call
        assert call.outcome is raised.value.outcome
        assert not portal.chats
        seen(raised.value, executions=len(portal.token_requests))


@row(11, fault="download loses its answer", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_the_one_get_there_is_reaches_the_portal_once(seen: Seen):
    """Reading may be repeated, by the policy of the client and never behind its back."""
    async with Portal(plan=Plan.UNLIMITED) as portal, portal.client(retry=None) as b24:
        chat_id = await b24.im.chat.add(title="Shelf")
        uploaded = await b24.im.v2.file.upload(f"chat{chat_id}", name="plan.txt", content=b"plan")
        portal.faults.add(Fault(method="download", cut=Cut.AFTER))
        with pytest.raises(DownloadFailed) as raised:
            await b24.im.v2.file.read(f"chat{chat_id}", uploaded.file.id)
        seen(raised.value, executions=portal.executions["download"])


@row(12, fault="server closes a kept connection at the next head", expected="UNKNOWN", executions=0)
@however_it_ends
@on_virtual_clock
async def test_a_create_on_a_connection_that_was_stale_is_not_repeated(seen: Seen, end: End):
    """It cannot be told from one that ran and lost its answer."""
    stale = Trouble(method="im.chat.add", moment=Moment.HEADERS, end=end)
    async with behind(stale) as (portal, proxy, b24):
        await b24.server.time()
        call = b24.im.chat.add(title="Shelf")
        with pytest.raises(OutcomeUnknown) as raised:
            await call
        assert call.outcome is raised.value.outcome
        await asyncio.sleep(150)
        assert (proxy.connections, proxy.requests) == (1, 1)
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(12, fault="server closes a kept connection at the next head, with a key", expected="UNKNOWN -> DONE", executions=1)
@however_it_ends
@on_virtual_clock
async def test_a_create_on_a_connection_that_was_stale_is_repeated_once_the_key_is_proved_free(seen: Seen, end: End):
    stale = Trouble(method="im.chat.add", moment=Moment.HEADERS, end=end)
    async with behind(stale) as (portal, proxy, b24):
        call = b24.im.chat.add(title="Shelf", key="deal")
        chat_id, (halfway, connections, executions) = await asyncio.gather(
            call, at(0.5, lambda: (call.outcome, proxy.connections, dict(portal.executions)))
        )
        assert (connections, executions) == (1, {"im.chat.get": 1}), "the connection of the lookup was kept"
        assert list(portal.chats) == [chat_id]
        seen(halfway, call.outcome, executions=portal.executions["im.chat.add"])


@row(12, fault="server closes a kept connection as we write", expected="UNKNOWN", executions=0)
@on_virtual_clock
async def test_a_close_that_crosses_a_create_on_its_way_leaves_the_outcome_unknown(seen: Seen):
    async def cross(requests: Sequence[Request]) -> None:
        if requests[0].method == "im.chat.add":
            assert proxy.close_idle() == 1

    async with behind(departing=cross) as (portal, proxy, b24):
        await b24.server.time()
        call = b24.im.chat.add(title="Shelf")
        with pytest.raises(OutcomeUnknown) as raised:
            await call
        assert call.outcome is raised.value.outcome
        await asyncio.sleep(150)
        assert proxy.connections == 1
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(12, fault="server closes a kept connection while it is idle", expected="DONE", executions=1)
@however_it_ends
@on_virtual_clock
async def test_a_close_that_was_noticed_in_time_costs_a_connection_and_no_chat(seen: Seen, end: End):
    async with behind() as (portal, proxy, b24):
        await b24.server.time()
        assert proxy.close_idle(end) == 1
        await asyncio.sleep(0.1)
        call = b24.im.chat.add(title="Shelf")
        assert await call in portal.chats
        assert proxy.connections == 2
        assert call.outcome is Outcome.DONE
        seen(call.outcome, executions=portal.executions["im.chat.add"])
