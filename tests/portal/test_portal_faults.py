"""What goes wrong on the way, counted apart from what the portal has done."""

import asyncio
import json

import aiohttp
import pytest

from bitrix_chat.portal import Cut, Fault


async def test_a_connection_cut_before_does_nothing(ask, portal):
    portal.faults.add(Fault(cut=Cut.BEFORE))
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask("im.chat.add")
    assert (portal.hits, portal.executions, portal.chats) == (1, {}, {})
    assert portal.requests[0].status == 0


async def test_a_connection_cut_after_has_done_all(ask, portal):
    portal.faults.add(Fault(cut=Cut.AFTER))
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask("im.chat.add")
    assert (portal.executions, len(portal.chats)) == ({"im.chat.add": 1}, 1)
    assert (await ask("im.chat.add")).status == 200, "a fault happens once"


async def test_a_truncated_answer_has_done_all(ask, portal):
    portal.faults.add(Fault(cut=Cut.TRUNCATE))
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask("im.chat.add")
    assert len(portal.chats) == 1


@pytest.mark.parametrize("executed", [True, False])
async def test_a_proxys_error_may_come_before_or_after_the_work(portal, session, executed):
    portal.faults.add(Fault.html_502(executed=executed))
    async with session.post(portal.webhook_url + "im.chat.add") as response:
        assert (response.status, response.content_type) == (502, "text/html")
    assert portal.executions["im.chat.add"] == int(executed)
    assert portal.requests[0].status == 502


async def test_presets_answer_as_the_portal_would(ask, portal):
    portal.faults.add(Fault.query_limit(), Fault.expired_token(), Fault.overload())
    assert [(await ask("profile")).error for _ in range(3)] == [
        (503, "QUERY_LIMIT_EXCEEDED"),
        (401, "expired_token"),
        (503, "OVERLOAD_LIMIT"),
    ]
    assert (portal.refused, portal.executions, len(portal.faults)) == (0, {}, 0)


async def test_a_fault_waits_for_its_method_and_its_turn(ask, portal):
    portal.faults.add(Fault(method="IM.CHAT.ADD", nth=2, times=2, status=500, body={"error": "X"}))
    statuses = [(await ask(name)).status for name in ["im.chat.add", "profile", *["im.chat.add"] * 3]]
    assert statuses == [200, 200, 500, 500, 200]
    assert portal.executions["im.chat.add"] == 2


async def test_faults_can_be_dropped(ask, portal):
    portal.faults.add(Fault(status=500, body={}, times=10))
    portal.faults.clear()
    assert (await ask("profile")).status == 200


@pytest.mark.parametrize("body", ["<html>maintenance</html>", b'{"result": 1', ""])
async def test_a_body_may_be_anything_under_status_200(portal, session, body):
    portal.faults.add(Fault(body=body, headers={"X-Proxy": "yes"}))
    async with session.post(portal.webhook_url + "im.chat.add") as response:
        assert (response.status, response.headers["X-Proxy"]) == (200, "yes")
        assert await response.read() == (body if isinstance(body, bytes) else body.encode())
    assert not portal.chats


async def test_delays_are_slept_around_the_work(serve, clock):
    ask = await serve(clock=clock, sleep=clock.sleep)
    start = clock.time
    ask.portal.faults.add(Fault(delay=30, delay_after=60))
    reply = await ask("im.chat.add")
    assert reply.body["time"]["start"] == start + 30
    assert clock.time == start + 90


async def test_a_client_that_leaves_does_not_stop_the_work(serve):
    """PHP goes on when nobody listens any more."""
    started, release, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def sleep(_):
        started.set()
        await release.wait()
        done.set()

    ask = await serve(sleep=sleep, cost=1.0)
    asking = asyncio.create_task(ask("im.chat.add"))
    await started.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.sleep(0.01)
    release.set()
    await done.wait()
    await asyncio.sleep(0)
    assert len(ask.portal.chats) == 1


async def test_requests_in_flight_are_counted(serve):
    ask = await serve(cost=0.01)
    await asyncio.gather(*(ask("im.chat.add") for _ in range(5)))
    assert ask.portal.max_in_flight == 5


async def test_a_portal_can_stop_while_it_works(serve, session):
    started = asyncio.Event()

    async def sleep(_):
        started.set()
        await asyncio.Event().wait()

    ask = await serve(sleep=sleep, cost=1.0)
    asking = asyncio.create_task(ask("im.chat.add"))
    await started.wait()
    await ask.portal.stop()
    with pytest.raises(aiohttp.ClientError):
        await asking


async def test_a_truncated_answer_can_be_a_faults_own(portal, session):
    portal.faults.add(Fault(cut=Cut.TRUNCATE, body={"result": "x" * 100}, execute=True))
    async with session.post(portal.webhook_url + "im.chat.add") as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            json.loads(await response.read())
    assert len(portal.chats) == 1
