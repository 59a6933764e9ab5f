"""Rows 3 to 5: no connection, or none that proves whose it is. No byte leaves, and none leaves later."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from typing import TypeVar

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bitrix_chat import (
    DeadlineExceeded,
    MemoryRateLimiter,
    Outcome,
    Plan,
    PortalUnreachable,
    UntrustedCertificate,
    WebhookAuth,
)
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.wire import ANSWER_TIMEOUT, CONNECT_TIMEOUT
from tests.faults.matrix import Seen, row
from tests.faults.scenes import at

T = TypeVar("T")

ATTEMPTS = 5
PAUSES = 10.0
"""Seconds that the pauses between five attempts stay below."""


with_and_without_key = pytest.mark.parametrize("key", [None, "deal"], ids=["no key", "key"])


def now() -> float:
    return asyncio.get_running_loop().time()


@contextmanager
def black_hole(host: str, port: int = 0) -> Iterator[int]:
    """An address whose backlog is full, so that whatever knocks is swallowed; give its port."""
    with ExitStack() as sockets:
        listening = sockets.enter_context(closing(socket.socket()))
        listening.bind((host, port))
        listening.listen(0)
        for _ in range(3):
            filling = sockets.enter_context(closing(socket.socket()))
            filling.setblocking(False)
            filling.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


class Turns(AbstractResolver):
    """Names one address after the other, and the last of them for ever."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)

    async def resolve(self, host: str, port: int = 0, family=socket.AF_INET) -> list[ResolveResult]:
        address = self._addresses.pop(0) if len(self._addresses) > 1 else self._addresses[0]
        return [ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Hold nothing to let go of."""


def webhook_at(portal: Portal, host: str) -> WebhookAuth:
    return WebhookAuth(portal.webhook_url.replace("127.0.0.1", host))


@row(3, fault="connect timeout", expected="NOT_SENT", executions=0)
@with_and_without_key
@on_virtual_clock
async def test_an_address_that_swallows_is_given_up_after_five_connect_timeouts(seen: Seen, key: str | None):
    async with Portal() as portal:
        with black_hole("127.0.0.2", int(portal.url.rpartition(":")[2])):
            async with portal.client(webhook_at(portal, "127.0.0.2")) as b24:
                began, call = now(), b24.im.chat.add(title="Shelf", key=key)
                with pytest.raises(PortalUnreachable, match=r"127\.0\.0\.2: no answer in time") as raised:
                    await call
        elapsed = now() - began
        assert ATTEMPTS * CONNECT_TIMEOUT <= elapsed < ATTEMPTS * CONNECT_TIMEOUT + PAUSES
        assert call.outcome is raised.value.outcome
        assert raised.value.method == "im.chat.add"
        seen(raised.value, executions=portal.hits)


@row(3, fault="connect timeout, once", expected="NOT_SENT -> DONE", executions=1)
@on_virtual_clock
async def test_what_a_black_hole_swallowed_is_sent_when_the_portal_can_be_reached(seen: Seen):
    async with Portal() as portal:
        connector = aiohttp.TCPConnector(resolver=Turns("127.0.0.2", "127.0.0.1"), use_dns_cache=False)
        with black_hole("127.0.0.2", int(portal.url.rpartition(":")[2])):
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                portal.client(webhook_at(portal, "localhost"), session=session) as b24,
            ):
                call = b24.im.chat.add(title="Shelf")
                chat_id, swallowed = await asyncio.gather(call, at(CONNECT_TIMEOUT - 1, lambda: call.outcome))
        assert list(portal.chats) == [chat_id]
        seen(swallowed, call.outcome, executions=portal.executions["im.chat.add"])


@asynccontextmanager
async def occupied(seconds: float) -> AsyncIterator[tuple[Portal, aiohttp.ClientSession]]:
    """A session with one connection, on which somebody else waits for the portal's answer."""
    async with (
        Portal(plan=PortalPlan.UNLIMITED) as portal,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1), timeout=aiohttp.ClientTimeout(total=None)
        ) as session,
    ):
        portal.faults.add(Fault(method="server.time", delay=seconds))
        other = asyncio.create_task(_ask(session, f"{portal.webhook_url}server.time"))
        await asyncio.sleep(1)
        try:
            yield portal, session
        finally:
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)


async def _ask(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(url) as response:
        await response.read()


@row(4, fault="pool exhausted, whole attempt", expected="NOT_SENT", executions=0)
@with_and_without_key
@on_virtual_clock
async def test_a_call_that_never_gets_a_connection_from_the_pool_was_not_sent(seen: Seen, key: str | None):
    async with occupied(10_000) as (portal, session), portal.client(session=session) as b24:
        began, call = now(), b24.im.chat.add(title="Shelf", key=key)
        with pytest.raises(PortalUnreachable, match=r"127\.0\.0\.1: no answer in time") as raised:
            await call
        assert ATTEMPTS * ANSWER_TIMEOUT <= now() - began < ATTEMPTS * ANSWER_TIMEOUT + PAUSES
        assert call.outcome is raised.value.outcome
        assert portal.hits == 1, "nobody but the other has asked anything"
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(4, fault="pool exhausted, deadline of the call", expected="NOT_SENT", executions=0)
@on_virtual_clock
async def test_a_deadline_in_the_pool_ends_the_call_as_not_sent(seen: Seen):
    async with occupied(100) as (portal, session), portal.client(session=session) as b24:
        call = b24.im.chat.add(title="Shelf").within(5)
        with pytest.raises(DeadlineExceeded, match="not done within 5 s") as raised:
            await call
        assert call.outcome is raised.value.outcome
        await asyncio.sleep(200)
        assert not portal.chats, "nothing leaves when the connection is free at last"
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(4, fault="pool exhausted, for a while", expected="NOT_SENT -> DONE", executions=1)
@on_virtual_clock
async def test_a_call_leaves_once_the_pool_has_a_connection_again(seen: Seen):
    async with occupied(100) as (portal, session), portal.client(session=session) as b24:
        call = b24.im.chat.add(title="Shelf")
        chat_id, waiting = await asyncio.gather(call, at(90, lambda: call.outcome))
        assert list(portal.chats) == [chat_id]
        seen(waiting, call.outcome, executions=portal.executions["im.chat.add"])


@row(4, fault="pool of our own", expected="DONE", executions=120)
@on_virtual_clock
async def test_the_pool_of_our_own_never_holds_back_what_may_leave(seen: Seen):
    """The 100 connections that aiohttp allows by default would."""
    limiter = MemoryRateLimiter(Plan(1e9, 1e8))
    async with Portal(plan=PortalPlan.UNLIMITED, cost=10.0) as portal:
        async with portal.client(limiter=limiter, max_in_flight=120, operating_limit=None) as b24:
            calls = [b24.im.chat.add(title=f"Shelf {number}") for number in range(120)]
            ids = await asyncio.gather(*calls)
        assert set(ids) == set(portal.chats)
        assert portal.max_in_flight == 120
        assert {call.outcome for call in calls} == {Outcome.DONE}
        seen(Outcome.DONE, executions=portal.executions["im.chat.add"])


def counting(opened: list[object]) -> aiohttp.TraceConfig:
    """Note each connection that is begun."""

    async def begin(*_: object) -> None:  # aiohttp awaits it
        opened.append(None)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(begin)
    return trace


def untrusting(_: Portal) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(resolver=Turns("127.0.0.1"))


def trusting(portal: Portal) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(resolver=Turns("127.0.0.1"), ssl=portal.ssl_context())


def careless(_: Portal) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(resolver=Turns("127.0.0.1"), ssl=False)


@row(5, fault="certificate", expected="NOT_SENT", executions=0)
@with_and_without_key
@pytest.mark.parametrize(
    ("connector", "host", "reason"),
    [
        pytest.param(untrusting, "localhost", "unable to get local issuer", id="unknown authority"),
        pytest.param(trusting, "portal.example", "Hostname mismatch", id="another's name"),
        pytest.param(
            careless,
            "localhost",
            "unable to get local issuer",
            id="session without verification",
            marks=pytest.mark.filterwarnings("ignore:the aiohttp session that was passed in does not verify"),
        ),
    ],
)
@on_virtual_clock
async def test_a_certificate_that_proves_nothing_ends_the_call_at_the_first_connection(
    seen: Seen, connector, host: str, reason: str, key: str | None
):
    """It says why, tries no other way, and nothing is sent later either."""
    opened: list[object] = []
    async with Portal(tls=True) as portal:
        async with (
            aiohttp.ClientSession(connector=connector(portal), trace_configs=[counting(opened)]) as session,
            portal.client(webhook_at(portal, host), session=session) as b24,
        ):
            call = b24.im.chat.add(title="Shelf", key=key)
            with pytest.raises(UntrustedCertificate, match=rf"{host}: TLS failed \({reason}") as raised:
                await call
            await asyncio.sleep(150)
        assert len(opened) == 1
        assert call.outcome is raised.value.outcome
        seen(raised.value, executions=portal.hits)
