"""Row 35: callers who stop waiting, at every moment of a request's way. What has left goes on; nobody else notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bitrix_chat import BitrixChat, BitrixError, Entity, OAuthAuth, Outcome, Plan, Token, WebhookAuth
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Request, Response
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.faults.proxy import Proxy
from tests.faults.trouble import Trouble
from tests.transport.raw_servers import server


@asynccontextmanager
async def emulated(**options: Any) -> AsyncIterator[Portal]:
    """A portal whose clients have to leave no task behind."""
    async with Portal(plan=PortalPlan.UNLIMITED, **options) as portal:
        yield portal
    assert asyncio.all_tasks() == {asyncio.current_task()}


def now() -> float:
    return asyncio.get_running_loop().time()


async def begun(call: Call[Any], seconds: float = 1.0) -> asyncio.Task[Any]:
    """Start a call and let it come as far as it does in some seconds."""
    task: asyncio.Task[Any] = asyncio.create_task(call)
    await asyncio.sleep(seconds)
    assert not task.done()
    return task


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, whose callers have to hear of nothing but that."""
    for task in tasks:
        task.cancel()
    endings = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(ending) for ending in endings] == [asyncio.CancelledError] * len(tasks)


async def assert_nothing_is_held(b24: BitrixChat) -> None:
    """Assert that the client serves the next call at once, and close it."""
    async with asyncio.timeout(1):
        assert await b24.im.chat.get(Entity("SHELF", "1")) is None
    await b24.close()


@row(35, fault="cancelled at the limiter", expected="NOT_SENT", executions=0)
@on_virtual_clock
async def test_whoever_is_cancelled_at_the_limiter_leaves_the_slot_to_the_next_in_line(seen: Seen):
    async with emulated() as portal, portal.client(limiter=Plan(1, 0.1)) as b24:  # a request in ten seconds
        await b24.profile()
        calls = [b24.im.chat.add(title="Shelf") for _ in range(20)]
        tasks = [await begun(call, 0.1) for call in calls]
        last = await begun(b24.server.time())
        began = now()
        await cancelled(*tasks)
        await last

        assert now() - began < 10
        assert {call.outcome for call in calls} == {Outcome.NOT_SENT}
        seen(calls[0].outcome, executions=portal.executions["im.chat.add"])


@row(35, fault="cancelled while the token is renewed", expected="REFUSED_TEMPORARY", executions=0)
@on_virtual_clock
async def test_the_renewal_survives_whoever_began_it_and_serves_the_others(seen: Seen):
    async with emulated() as portal:
        grant = portal.oauth
        token = Token(grant.access_token, grant.refresh_token, grant.client_endpoint)
        auth = OAuthAuth(grant.client_id, grant.client_secret, token, authorization_server=portal.authorization_server)
        portal.expire_tokens()
        portal.faults.add(Fault(method="oauth/token", delay=5))
        async with portal.client(auth) as b24:
            leader = b24.im.chat.add(title="Shelf")
            leading = await begun(leader)
            others = [await begun(b24.server.time(), 0.1) for _ in range(20)]
            await cancelled(leading, *others[:5])
            assert all(await asyncio.gather(*others[5:]))

            assert len(portal.token_requests) == 1
            assert (portal.executions["server.time"], portal.executions["im.chat.add"]) == (15, 0)
            seen(leader.outcome, executions=portal.executions["im.chat.add"])


@row(35, fault="cancelled while others fly", expected="NOT_SENT", executions=0)
@on_virtual_clock
async def test_whoever_is_cancelled_before_a_place_in_the_air_is_free_sends_nothing(seen: Seen):
    async with emulated(costs={"server.time": 10}) as portal:
        b24 = portal.client(max_in_flight=1)
        flying = await begun(b24.server.time())
        call = b24.im.chat.add(title="Shelf")
        await cancelled(await begun(call))
        await flying
        await assert_nothing_is_held(b24)
        seen(call.outcome, executions=portal.executions["im.chat.add"])


@row(35, fault="cancelled in the pool of connections", expected="NOT_SENT", executions=0)
@on_virtual_clock
async def test_whoever_is_cancelled_before_a_connection_is_free_sends_nothing(seen: Seen):
    async with (
        emulated(costs={"server.time": 10}) as portal,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
    ):
        b24 = portal.client(session=session, limiter=Plan(2.5, 0.001))  # two, and then none for minutes
        flying = await begun(b24.server.time())
        call = b24.im.chat.add(title="Shelf")
        await cancelled(await begun(call))
        await flying
        await assert_nothing_is_held(b24)
        seen(call.outcome, executions=portal.executions["im.chat.add"])


@row(35, fault="cancelled in the TLS handshake", expected="NOT_SENT", executions=0)
@on_virtual_clock
async def test_whoever_is_cancelled_before_the_portal_has_proven_itself_sends_nothing(seen: Seen):
    received = []

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            received.append(piece)

    async with server(silent) as address:
        webhook = WebhookAuth(str(address.with_scheme("https")))
        async with BitrixChat(webhook) as b24:
            call = b24.im.chat.add(title="Shelf")
            await cancelled(await begun(call))
    assert received
    assert all(piece[0] == 0x16 for piece in received)  # records of a handshake, and no application data
    seen(call.outcome, executions=0)


@row(35, fault="cancelled while writing", expected="UNKNOWN", executions=0)
@on_virtual_clock
async def test_a_body_that_was_begun_may_have_arrived_for_all_the_caller_knows(seen: Seen):
    executed = []

    async def stop_reading(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(30)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        executed.append(await reader.readexactly(length))

    async with server(stop_reading) as address:
        async with BitrixChat(WebhookAuth(str(address)), allow_insecure_loopback=True) as b24:
            call = b24.call("im.chat.add", {"DESCRIPTION": "x" * 30_000_000})
            await cancelled(await begun(call))
            assert call.outcome is Outcome.UNKNOWN
        await asyncio.sleep(60)
    seen(call.outcome, executions=len(executed))


@row(35, fault="cancelled while reading", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_a_request_whose_answer_nobody_awaits_any_more_lands_and_is_told_of(seen: Seen):
    told: list[tuple[Request, Response | BitrixError]] = []
    async with emulated() as portal, Proxy(portal.url) as proxy:
        b24 = portal.client(
            WebhookAuth(proxy.url_of(portal.webhook_url)),
            max_in_flight=1,
            on_orphan=lambda request, ending: told.append((request, ending)),
        )
        proxy.add(Trouble(delay=10))
        call = b24.im.chat.add(title="Shelf")
        await cancelled(await begun(call))
        seen(call.outcome, executions=portal.executions["im.chat.add"])

        await asyncio.sleep(15)
        (request, ending), (chat_id,) = told[0], portal.chats
        assert (request.method, len(told)) == ("im.chat.add", 1)
        assert isinstance(ending, Response)
        assert ending.result == chat_id
        assert call.outcome is Outcome.DONE  # the outcome goes on when its caller has gone
        await assert_nothing_is_held(b24)


@row(35, fault="cancelled while reading, with a key", expected="UNKNOWN -> DONE", executions=1)
@pytest.mark.parametrize("quiescence", [1.0, 120.0])
@on_virtual_clock
async def test_a_later_call_with_the_key_finds_what_a_cancelled_one_has_made(seen: Seen, quiescence: float):
    async with emulated() as portal, Proxy(portal.url) as proxy:
        auth = WebhookAuth(proxy.url_of(portal.webhook_url))
        async with portal.client(auth, quiescence=quiescence) as b24:
            proxy.add(Trouble(method="im.chat.add", delay=10))
            first = b24.im.chat.add(title="Shelf", key="shelf-1")
            await cancelled(await begun(first))
            outcome = first.outcome
            second = b24.im.chat.add(title="Shelf", key="shelf-1")

            assert await second == next(iter(portal.chats))
        assert len(portal.chats) == 1
        seen(outcome, second.outcome, executions=portal.executions["im.chat.add"])
