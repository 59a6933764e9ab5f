"""One portal's trouble is its own: neither connections nor name lookups nor waiting for `auth` are shared."""

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import aiohttp
import pytest

from bitrix_chat import DeadlineExceeded
from bitrix_chat.portal import Portal
from bitrix_chat.portals.connections import OwnThreadsResolver
from bitrix_chat.testing import on_virtual_clock

STALLED = 7
IN_FLIGHT = 16


async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1 << 16):
        pass
    writer.close()


async def stalled_portals(running: AsyncExitStack) -> dict[str, str]:
    addresses = {}
    for number in range(STALLED):
        server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
        running.callback(server.close)
        port = server.sockets[0].getsockname()[1]
        addresses[f"stalled-{number}"] = f"http://127.0.0.1:{port}/rest/1/secret/"
    return addresses


async def in_flight(running: AsyncExitStack, portals, stalled) -> list[asyncio.Task[object]]:
    """Have as many calls in flight on each as a client allows; together more than aiohttp's default of 100."""
    tasks: list[asyncio.Task[object]] = []
    for member_id in stalled:
        b24 = await running.enter_async_context(portals.client(member_id))
        tasks += [asyncio.create_task(b24.profile()) for _ in range(IN_FLIGHT)]
    await asyncio.sleep(1)
    return tasks


async def end(tasks: list[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@on_virtual_clock
async def test_portals_that_do_not_answer_stop_no_other(known):
    async with AsyncExitStack() as running:
        portal = await running.enter_async_context(Portal())
        stalled = await stalled_portals(running)
        portals = await running.enter_async_context(known(acme=portal.webhook_url, **stalled).portals())
        tasks = await in_flight(running, portals, stalled)
        async with portals.client("acme") as b24:
            assert (await b24.profile().within(1)).id == 1

        assert not any(task.done() for task in tasks)
        await end(tasks)


@on_virtual_clock
async def test_a_session_with_a_limit_for_all_is_warned_of_since_it_lets_them(known):
    async with AsyncExitStack() as running:
        portal = await running.enter_async_context(Portal())
        stalled = await stalled_portals(running)
        session = await running.enter_async_context(aiohttp.ClientSession())
        knows = known(acme=portal.webhook_url, **stalled)
        with pytest.warns(RuntimeWarning, match="100 connections for all portals together") as warned:
            portals = await running.enter_async_context(knows.portals(session=session))
        tasks = await in_flight(running, portals, stalled)
        async with portals.client("acme") as b24:
            with pytest.raises(DeadlineExceeded):
                await b24.profile().within(1)

        assert warned[0].filename.endswith("conftest.py")
        await end(tasks)


@on_virtual_clock
async def test_an_auth_that_hangs_for_one_portal_hangs_for_no_other(known, client_of):
    class Slow(known):
        async def __call__(self, member_id):
            if member_id == "slow":
                await asyncio.sleep(1000)
            return await super().__call__(member_id)

    loop = asyncio.get_running_loop()
    async with Portal() as portal, Slow(acme=portal.webhook_url).portals() as portals:
        began, waiting = loop.time(), asyncio.create_task(client_of(portals, "slow"))
        await asyncio.sleep(0)
        assert (await (await client_of(portals, "acme")).profile()).id == 1
        assert loop.time() - began < 1
        await end([waiting])


async def test_names_that_nobody_answers_for_hold_up_no_other():
    gate = threading.Event()

    def look_up(host, port, family):
        if host.startswith("silent"):
            gate.wait()
        return []

    resolver = OwnThreadsResolver(look_up)
    silent = [asyncio.create_task(resolver.resolve(f"silent-{number}.example")) for number in range(50)]
    try:
        assert await resolver.resolve("portal.example") == []
        assert not any(task.done() for task in silent)
    finally:
        gate.set()
        await asyncio.gather(*silent)
        await resolver.close()


async def test_names_are_looked_up_while_all_threads_of_the_loop_are_busy():
    gate, loop = threading.Event(), asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy, resolver = loop.run_in_executor(None, gate.wait), OwnThreadsResolver()
    try:
        found = await resolver.resolve("localhost", 443)
    finally:
        gate.set()
        await busy
        await resolver.close()

    assert {"127.0.0.1", "::1"} >= {each["host"] for each in found} != set()
    assert {(each["hostname"], each["port"]) for each in found} == {("localhost", 443)}


async def test_a_name_without_an_address_is_an_error_as_aiohttp_expects_it():
    resolver = OwnThreadsResolver()
    with pytest.raises(socket.gaierror):
        await resolver.resolve("no name at all")
    await resolver.close()


async def test_portals_are_reached_by_their_names(portal, known):
    address = portal.webhook_url.replace("127.0.0.1", "localhost")
    async with known(acme=address).portals() as portals, portals.client("acme") as b24:
        assert (await b24.profile()).id == 1
