"""The proxy itself: each trouble as a plain socket sees it, and what the portal has executed by then."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from bitrix_chat.portal import Cut, Fault, Plan, Portal
from bitrix_chat.testing import on_virtual_clock
from tests.faults.proxy import Proxy
from tests.faults.trouble import End, Moment, Trouble

BODY = b'{"TITLE": "Shelf"}'


@asynccontextmanager
async def between(*troubles, **options):
    """A portal behind a proxy with troubles in line."""
    async with Portal(plan=Plan.UNLIMITED, **options) as portal, Proxy(portal.url) as proxy:
        proxy.add(*troubles)
        yield portal, proxy


@asynccontextmanager
async def connected(proxy):
    """A connection to the proxy."""
    host, port = proxy.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


def request_to(proxy, portal, method="im.chat.add", body=BODY):
    path = proxy.url_of(portal.webhook_url).removeprefix(proxy.url) + method
    head = f"POST {path} HTTP/1.1\r\nHost: portal.example\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def answer_of(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return json.loads(await reader.readexactly(length))


async def ask(proxy, portal, body=BODY):
    """Send one request on a connection of its own and return all that comes."""
    async with connected(proxy) as (reader, writer):
        writer.write(request_to(proxy, portal, body=body))
        return await reader.read()


async def until(condition):
    """Let the others work until something has happened."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what happens in another connection sets no event
            await asyncio.sleep(0.001)


async def test_without_trouble_requests_pass_on_one_connection():
    async with between() as (portal, proxy), connected(proxy) as (reader, writer):
        for _ in range(3):
            writer.write(request_to(proxy, portal))
            assert (await answer_of(reader))["result"] in portal.chats
        assert (proxy.connections, proxy.requests, portal.executions["im.chat.add"]) == (1, 3, 3)
        assert [chat.title for chat in portal.chats.values()] == ["Shelf"] * 3
        assert proxy.body_bytes == 3 * len(BODY)


BEFORE = [Trouble(moment=moment, after=5) for moment in (Moment.ACCEPT, Moment.HEADERS, Moment.BODY)]
AFTER = Trouble(moment=Moment.REQUEST)


@pytest.mark.parametrize(
    ("trouble", "executions"), [*((trouble, 0) for trouble in BEFORE), (AFTER, 1)], ids=lambda given: str(given)[-60:]
)
@pytest.mark.parametrize("end", [End.RESET, End.FIN])
async def test_a_connection_ends_before_or_after_the_work(trouble, executions, end):
    """A client sees one thing: a reset raises, a FIN reads as nothing."""
    ending = Trouble(moment=trouble.moment, after=trouble.after, end=end)
    async with between(ending) as (portal, proxy):
        if end is End.RESET:
            with pytest.raises(ConnectionResetError):
                await ask(proxy, portal)
        else:
            assert await ask(proxy, portal) == b""
        assert (portal.executions["im.chat.add"], proxy.requests, proxy.connections) == (executions, executions, 1)


async def test_a_large_body_is_not_read_beyond_the_wanted_bytes():
    async with between(Trouble(moment=Moment.BODY, after=1000)) as (portal, proxy):
        with pytest.raises(ConnectionError):
            await ask(proxy, portal, body=b" " * 5_000_000)
        assert (proxy.body_bytes, proxy.requests, portal.hits) == (1000, 0, 0)


@pytest.mark.parametrize("moment", [Moment.ACCEPT, Moment.HEADERS, Moment.BODY])
async def test_a_half_closed_connection_still_carries_the_request(moment):
    async with between(Trouble(moment=moment, end=End.HALF_CLOSE)) as (portal, proxy):
        async with connected(proxy) as (reader, writer):
            writer.write(request_to(proxy, portal))
            assert await reader.read() == b""
            await until(lambda: portal.chats)
        assert (proxy.requests, len(portal.chats)) == (1, 1)


@pytest.mark.parametrize(("moment", "executions"), [(Moment.ACCEPT, 0), (Moment.HEADERS, 0), (Moment.REQUEST, 1)])
@on_virtual_clock
async def test_a_black_hole_swallows_all_and_never_answers(moment, executions):
    async with between(Trouble(moment=moment, end=End.SILENCE)) as (portal, proxy):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await ask(proxy, portal)
        assert portal.executions["im.chat.add"] == executions


@pytest.mark.parametrize("after", [0, 1, 20, -1])
async def test_an_answer_can_be_truncated_anywhere(after):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull"
    async with between(Trouble(moment=Moment.ANSWER, after=after, end=End.FIN, answer=answer)) as (portal, proxy):
        assert await ask(proxy, portal) == answer[:after]
        assert len(portal.chats) == 1


async def test_a_truncated_answer_can_end_in_a_reset():
    async with between(Trouble(moment=Moment.ANSWER, after=20)) as (portal, proxy):
        with pytest.raises(ConnectionResetError):
            await ask(proxy, portal)
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_an_answer_can_drip():
    async with between(Trouble(drip=2)) as (portal, proxy), connected(proxy) as (reader, writer):
        start = asyncio.get_running_loop().time()
        writer.write(request_to(proxy, portal))
        head = await reader.readuntil(b"\r\n\r\n")
        assert asyncio.get_running_loop().time() - start == pytest.approx(2 * (len(head) - 1), abs=4)


@on_virtual_clock
async def test_an_answer_can_be_delayed_with_the_work_done():
    async with between(Trouble(delay=45)) as (portal, proxy), connected(proxy) as (reader, writer):
        start = asyncio.get_running_loop().time()
        writer.write(request_to(proxy, portal))
        await asyncio.sleep(44)
        assert len(portal.chats) == 1
        assert (await answer_of(reader))["result"] in portal.chats
        assert asyncio.get_running_loop().time() - start == pytest.approx(45, abs=1)


@pytest.mark.parametrize("forward", [True, False])
async def test_an_answer_can_be_replaced_with_or_without_the_work(forward):
    other = b"HTTP/1.1 200 OK\r\n\r\nno length"
    replacing = Trouble(answer=other, forward=forward, moment=Moment.IDLE, end=End.FIN)
    async with between(replacing) as (portal, proxy):
        assert await ask(proxy, portal) == other
        assert len(portal.chats) == int(forward)


@pytest.mark.parametrize("end", [End.FIN, End.RESET])
async def test_idle_connections_can_be_closed(end):
    async with between() as (portal, proxy), connected(proxy) as (reader, writer):
        writer.write(request_to(proxy, portal))
        await answer_of(reader)
        await asyncio.sleep(0.01)
        assert proxy.close_idle(end) == 1
        if end is End.RESET:
            with pytest.raises(ConnectionResetError):
                await reader.read()
        else:
            assert await reader.read() == b""


async def test_a_connection_at_work_is_not_idle():
    async with between(Trouble(delay=60)) as (portal, proxy), connected(proxy) as (_, writer):
        writer.write(request_to(proxy, portal))
        await until(lambda: portal.chats)
        assert proxy.close_idle() == 0


async def test_trouble_waits_for_its_method_and_happens_as_often_as_wanted():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull"
    async with between(Trouble(method="im.chat.get", times=2, answer=answer)) as (portal, proxy):
        async with connected(proxy) as (reader, writer):
            seen = []
            for method in ("im.chat.add", "im.chat.get", "im.chat.add", "im.chat.get", "im.chat.get"):
                writer.write(request_to(proxy, portal, method))
                seen.append(await answer_of(reader) is None)
        assert seen == [False, True, False, True, False]


async def test_trouble_on_accepting_waits_for_a_new_connection():
    async with between() as (portal, proxy), connected(proxy) as (reader, writer):
        writer.write(request_to(proxy, portal))
        await answer_of(reader)
        proxy.add(Trouble(moment=Moment.ACCEPT))
        writer.write(request_to(proxy, portal))
        assert (await answer_of(reader))["result"] in portal.chats
        with pytest.raises(ConnectionResetError):
            await ask(proxy, portal)


@pytest.mark.parametrize("cut", list(Cut))
async def test_a_connection_that_the_portal_breaks_is_broken_for_the_client(cut):
    async with between() as (portal, proxy):
        portal.faults.add(Fault(cut=cut))
        if cut is Cut.TRUNCATE:
            assert b"HTTP/1.1 200" in await ask(proxy, portal)
        else:
            with pytest.raises(ConnectionResetError):
                await ask(proxy, portal)
        assert proxy.requests == 1


async def test_leaving_the_proxy_leaves_no_task():
    async with between(Trouble(moment=Moment.ACCEPT, end=End.SILENCE)) as (_, proxy), connected(proxy):
        await until(lambda: proxy.connections)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
