"""How long the portal works at a request, and what becomes of work that nobody waits for."""

import asyncio
import json

import aiohttp
import pytest

from bitrix_chat.portal import Cut, Fault, Portal, PortalPolicy
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock

COMPLETING = PortalPolicy(overtime_completes=True)


@pytest.fixture
async def limited(serve, clock):
    """A portal that gives each request a minute, on a clock that only moves by its work."""

    async def start(**options):
        return await serve(**({"execution_limit": 60, "clock": clock, "sleep": clock.sleep} | options))

    return start


async def status_of(session, ask, method, body=None):
    async with session.post(ask.portal.webhook_url + method, json=body or {}) as response:
        return response.status, response.content_type


async def test_work_beyond_the_limit_is_interrupted_and_never_done(limited, session, clock):
    ask = await limited(costs={"im.chat.add": 61})
    start = clock.time
    assert await status_of(session, ask, "im.chat.add") == (504, "text/html")
    assert clock.time == start + 60, "the proxy gives up when the time is over, not when the work is done"
    assert (ask.portal.executions, ask.portal.chats, ask.portal.requests[0].status) == ({}, {}, 504)


async def test_work_that_ends_with_the_limit_is_done(limited):
    ask = await limited(cost=60)
    assert (await ask("im.chat.add")).status == 200


async def test_the_limit_is_for_each_request_anew(limited):
    ask = await limited(cost=40)
    assert [(await ask("im.chat.add")).status for _ in range(3)] == [200] * 3


async def test_a_delay_in_front_of_the_work_takes_its_time(limited, session):
    ask = await limited(cost=40)
    ask.portal.faults.add(Fault(delay=30))
    assert (await status_of(session, ask, "im.chat.add"))[0] == 504
    assert not ask.portal.chats


async def test_an_answer_that_comes_too_late_is_lost_with_the_work_done(limited, session):
    ask = await limited(cost=40)
    ask.portal.faults.add(Fault(delay_after=30, cut=Cut.AFTER))
    assert (await status_of(session, ask, "im.chat.add"))[0] == 504
    assert len(ask.portal.chats) == 1


async def test_a_proxy_may_drop_the_connection_instead(limited):
    ask = await limited(cost=61, policy=PortalPolicy(overtime="drop"))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask("im.chat.add")
    assert (ask.portal.executions, ask.portal.requests[0].status) == ({}, 0)


async def test_commands_before_the_interruption_stay_done(limited, session):
    ask = await limited(cost=25)
    commands = {f"chat{number}": "im.chat.add" for number in range(5)}
    assert (await status_of(session, ask, "batch", {"cmd": commands}))[0] == 504
    assert ask.portal.executions["im.chat.add"] == len(ask.portal.chats) == 2


@on_virtual_clock
async def test_a_portal_may_finish_the_work_after_the_proxy_gave_up():
    """The chat comes to be when the work is done, and not before."""
    async with (
        Portal(plan=PortalPlan.UNLIMITED, cost=90, execution_limit=60, policy=COMPLETING) as portal,
        aiohttp.ClientSession() as session,
    ):
        start = portal.now()
        async with session.post(portal.webhook_url + "im.chat.add") as response:
            assert (response.status, round(portal.now() - start)) == (504, 60)
        await asyncio.sleep(29)
        assert not portal.chats
        await asyncio.sleep(2)
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_a_portal_that_finishes_its_work_answers_as_ever_within_the_limit():
    async with (
        Portal(plan=PortalPlan.UNLIMITED, cost=50, execution_limit=60, policy=COMPLETING) as portal,
        aiohttp.ClientSession() as session,
        session.post(portal.webhook_url + "im.chat.add") as response,
    ):
        assert json.loads(await response.read())["result"] in portal.chats


@on_virtual_clock
async def test_stopping_ends_what_would_have_finished_unheard():
    portal = Portal(plan=PortalPlan.UNLIMITED, cost=90, execution_limit=60, policy=COMPLETING)
    async with portal, aiohttp.ClientSession() as session, session.post(portal.webhook_url + "im.chat.add") as response:
        assert response.status == 504
    await asyncio.sleep(60)
    assert (portal.chats, len(asyncio.all_tasks())) == ({}, 1)


@on_virtual_clock
async def test_work_goes_on_up_to_the_limit_when_the_client_has_left():
    """A timeout of the client interrupts nothing; the portal's own limit does."""
    async with (
        Portal(plan=PortalPlan.UNLIMITED, costs={"im.chat.add": 45, "profile": 75}, execution_limit=60) as portal,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session,
    ):
        for method in ("im.chat.add", "profile"):
            with pytest.raises(TimeoutError):
                await session.post(portal.webhook_url + method)
        assert not portal.executions
        await asyncio.sleep(120)
        assert portal.executions == {"im.chat.add": 1}


@on_virtual_clock
async def test_stopping_ends_the_work_for_clients_that_have_left():
    portal = Portal(plan=PortalPlan.UNLIMITED, cost=45)
    async with portal, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session:
        with pytest.raises(TimeoutError):
            await session.post(portal.webhook_url + "im.chat.add")
        await asyncio.sleep(1)
    await asyncio.sleep(60)
    assert (portal.chats, len(asyncio.all_tasks())) == ({}, 1)
