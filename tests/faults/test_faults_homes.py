"""Rows 37 and 38: clients used where they cannot live, and sessions that are closed under them."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator

import aiohttp
import pytest

from bitrix_chat import BitrixChat, BitrixError, ClientClosed, Entity, Outcome, OutcomeUnknown, WrongEventLoop
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row

KEYS = [None, "shelf-1"]


@pytest.fixture
def threaded() -> Iterator[Portal]:
    """A portal in a thread of its own, for several loops of a test."""
    with Portal(plan=PortalPlan.UNLIMITED).in_thread() as portal:
        yield portal


async def used(b24: BitrixChat) -> None:
    """Make the running loop the client's home."""
    await b24.profile()


async def used_up(b24: BitrixChat) -> None:
    """Use and close a client."""
    async with b24:
        await used(b24)


async def refused(b24: BitrixChat, key: str | None = None) -> BitrixError:
    """Create a chat where the client is not at home."""
    call = b24.im.chat.add(title="Shelf", key=key)
    with pytest.raises(WrongEventLoop) as raised:
        await call
    assert call.outcome is raised.value.outcome
    assert "attached to a different loop" not in str(raised.value)
    return raised.value


@row(37, fault="used in a second loop", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("key", KEYS, ids=["no key", "key"])
def test_the_next_loop_is_told_to_make_a_client_of_its_own(threaded: Portal, seen: Seen, key: str | None):
    b24 = threaded.client()
    asyncio.run(used_up(b24))
    error = asyncio.run(refused(b24, key))
    assert "before in another event loop; make a client for each" in str(error)
    seen(error, executions=threaded.executions["im.chat.add"])


@row(37, fault="used in a second thread", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("key", KEYS, ids=["no key", "key"])
def test_another_thread_is_refused_at_once_and_the_clients_own_loop_goes_on(
    threaded: Portal, seen: Seen, key: str | None
):
    errors: list[BitrixError] = []

    async def main() -> None:
        async with threaded.client() as b24:
            await used(b24)
            other = threading.Thread(target=lambda: errors.append(asyncio.run(refused(b24, key))))
            other.start()
            await asyncio.to_thread(other.join)
            await used(b24)

    asyncio.run(main())
    assert "in an event loop of another thread" in str(errors[0])
    assert threaded.executions["profile"] == 2
    seen(errors[0], executions=threaded.executions["im.chat.add"])


@row(37, fault="used after a fork", expected="NOT_SENT", executions=0)
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_refused_by_name(threaded: Portal, seen: Seen):
    b24 = threaded.client()
    asyncio.run(used_up(b24))
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        error = asyncio.run(refused(b24))
        os.write(writing, f"{error.outcome.name}|{error}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    outcome, _, text = os.read(reading, 4096).decode().partition("|")
    os.close(reading)
    os.close(writing)
    assert "in the process that this one was forked from" in text
    seen(outcome, executions=threaded.executions["im.chat.add"])


@row(38, fault="the caller's session is closed", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("key", KEYS, ids=["no key", "key"])
@on_virtual_clock
async def test_a_closed_session_of_the_callers_is_named_and_not_replaced(seen: Seen, key: str | None):
    async with Portal() as portal, aiohttp.ClientSession() as session, portal.client(session=session) as b24:
        await used(b24)
        await session.close()
        call = b24.im.chat.add(title="Shelf", key=key)
        with pytest.raises(ClientClosed, match="the aiohttp session that was passed in is closed") as raised:
            await call

        assert call.outcome is Outcome.NOT_SENT
        assert portal.hits == 1
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(38, fault="the caller's session is closed in flight", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_what_flies_as_the_callers_session_is_closed_may_have_run(seen: Seen):
    async with Portal() as portal, aiohttp.ClientSession() as session, portal.client(session=session) as b24:
        portal.faults.add(Fault(method="im.chat.add", delay_after=10))
        call = b24.im.chat.add(title="Shelf")
        flying = asyncio.create_task(call)
        await asyncio.sleep(1)
        await session.close()
        with pytest.raises(OutcomeUnknown) as raised:
            async with asyncio.timeout(100):  # it does not hang
                await flying

        assert raised.value.host == portal.url.removeprefix("http://")
        assert len(portal.chats) == 1
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(38, fault="the own session is closed", expected="DONE", executions=1)
@on_virtual_clock
async def test_a_session_of_its_own_is_opened_anew(seen: Seen):
    async with Portal() as portal, portal.client() as b24:
        await used(b24)
        assert b24._stack is not None
        session = b24._stack._signing._wire._sessions._base()
        assert session is not None
        await session.close()
        call = b24.im.chat.add(title="Shelf")
        assert await call in portal.chats
        seen(call.outcome, executions=portal.executions["im.chat.add"])


@row(38, fault="the client is closed", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("key", KEYS, ids=["no key", "key"])
@on_virtual_clock
async def test_a_closed_client_sends_nothing_more(seen: Seen, key: str | None):
    async with Portal() as portal:
        b24 = portal.client()
        await used_up(b24)
        with pytest.raises(ClientClosed) as raised:
            await b24.im.chat.add(title="Shelf", key=key)
        with pytest.raises(ClientClosed):
            await b24.im.chat.get(Entity("SHELF", "1"))
        assert portal.hits == 1
        seen(raised.value, executions=portal.executions["im.chat.add"])
