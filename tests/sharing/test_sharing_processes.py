"""Real processes share the limit of one portal, and the tokens of one application."""

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from pathlib import Path

import attrs
import pytest
from redis import Redis

from bitrix_chat import Plan
from bitrix_chat.limits.file_limiter import FileRateLimiter
from bitrix_chat.portal import Portal
from tests.auth.conftest import issuer
from tests.kills.processes import Processes
from tests.sharing.sharing_process import METHOD, PLAN

__all__ = ["issuer"]

logger = logging.getLogger(__name__)

CALLING = Path(__file__).with_name("sharing_process.py")
RENEWING = Path(__file__).with_name("renewing_host_process.py")
HOLDING = Path(__file__).with_name("holding_process.py")
PROCESSES = 4
CALLS = 250
IDEAL = (PROCESSES * CALLS - PLAN.size) / PLAN.leak + 1
"""Seconds: what the counter holds leaves at once, the rest at its pace; it drains once a second."""


@attrs.frozen
class Limited:
    """The limit of a portal that is quicker than Bitrix24's are: 50 at once, 10 a second."""

    capacity: int = int(PLAN.size)
    drain: int = int(PLAN.leak)


@pytest.fixture(params=["files", "redis"])
def place(request, tmp_path):
    """Where processes share: a folder, or a server that has been up for so long that it is believed about new keys."""
    if request.param == "files":
        return str(tmp_path / "shared")
    url = request.getfixturevalue("redis_url")
    with Redis.from_url(url) as redis:
        while redis.info("server")["uptime_in_seconds"] <= PLAN.size / PLAN.leak + 1:
            time.sleep(0.1)
    return url


async def first_and_last(portal, count):
    """Wait for so many requests and return the seconds between the first and the last of them."""
    arrivals, loop = {}, asyncio.get_running_loop()
    while portal.hits < count:
        arrivals.setdefault(portal.hits, loop.time())
        await asyncio.sleep(0.005)
    return loop.time() - arrivals[min(arrivals.keys() - {0})]


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_four_processes_keep_the_limit_and_take_turns(place, record_property):
    async with Portal(plan=Limited()) as portal:
        processes = Processes(CALLING, (place, json.dumps(portal.webhook_url), str(CALLS)), PROCESSES)
        timing = asyncio.create_task(first_and_last(portal, PROCESSES * CALLS))
        try:
            running = [await processes.begin() for _ in range(PROCESSES)]
            assert [await process.wait() for process in running] == [0] * PROCESSES
            elapsed = await timing
        finally:
            timing.cancel()
            await processes.end()
        asked = [request.params["PROCESS"] for request in portal.requests if request.method == METHOD]

    half = Counter(asked[: PROCESSES * CALLS // 2])
    shares = sorted(count / (PROCESSES * CALLS // 2) for count in half.values())
    record_property("figures", f"{elapsed:.1f} s of {IDEAL:.1f}, peak {portal.peak_level}, shares {shares}")
    logger.info("%.1f s, ideal %.1f, peak %d, shares %s", elapsed, IDEAL, portal.peak_level, shares)
    assert (portal.hits, portal.refused) == (PROCESSES * CALLS, 0)
    assert elapsed <= 1.05 * IDEAL
    assert (len(shares), shares[0] >= 0.15, shares[-1] <= 0.35) == (PROCESSES, True, True)


@pytest.mark.slow
async def test_a_redis_that_is_stopped_and_started_again_gets_nothing_refused_and_nothing_lost(own_redis):
    calls = 60
    async with Portal(plan=Limited()) as portal:
        processes = Processes(CALLING, (own_redis.url, json.dumps(portal.webhook_url), str(calls)), PROCESSES)
        try:
            running = [await processes.begin() for _ in range(PROCESSES)]
            for moment in (calls, 2 * calls):
                while portal.hits < moment:  # noqa: ASYNC110  # it announces nothing
                    await asyncio.sleep(0.01)
                own_redis.stop()
                await asyncio.sleep(3)
                own_redis.start()
            assert [await process.wait() for process in running] == [0] * PROCESSES
        finally:
            await processes.end()
        asked = Counter(request.params["PROCESS"] for request in portal.requests if request.method == METHOD)

    logger.info("peak %d, %s", portal.peak_level, asked)
    assert (portal.hits, portal.refused) == (PROCESSES * calls, 0)
    assert sorted(asked.values()) == [calls] * PROCESSES


@pytest.mark.slow
async def test_four_processes_renew_an_expired_token_once(place, issuer):
    pair = issuer.token()
    arguments = place, issuer.url, pair.access_token, pair.refresh_token, pair.client_endpoint, pair.member_id
    processes = Processes(RENEWING, arguments, PROCESSES)
    try:
        running = [await processes.begin() for _ in range(PROCESSES)]
        codes = [await process.wait() for process in running]
    finally:
        await processes.end()

    assert codes == [0] * PROCESSES
    assert (len(issuer.asked), issuer.spent_uses) == (1, 0)


@pytest.mark.slow
async def test_four_processes_whose_calls_meet_an_expired_token_renew_it_once(tmp_path):
    async with Portal(plan=Limited()) as portal:
        pair = portal.oauth
        portal.expire_tokens()
        who = {
            "id": pair.client_id,
            "secret": pair.client_secret,
            "access": pair.access_token,
            "refresh": pair.refresh_token,
            "portal": pair.client_endpoint,
            "member": pair.member_id,
            "server": portal.authorization_server,
        }
        processes = Processes(CALLING, (str(tmp_path / "shared"), json.dumps(who), "5"), PROCESSES)
        try:
            running = [await processes.begin() for _ in range(PROCESSES)]
            codes = [await process.wait() for process in running]
        finally:
            await processes.end()

        assert codes == [0] * PROCESSES
        assert [asked.outcome for asked in portal.token_requests] == ["ok"]
        assert portal.executions[METHOD] == 5 * PROCESSES


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
async def test_a_killed_holder_of_the_lock_blocks_nobody(tmp_path):
    limiter = FileRateLimiter(tmp_path / "acme.limit", Plan(50, 2))
    holder = await asyncio.create_subprocess_exec(
        sys.executable, str(HOLDING), str(limiter.path), stdout=asyncio.subprocess.PIPE
    )
    assert await holder.stdout.readline() == b"held\n"
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0.02)
    assert (limiter.try_acquire(), waiting.done()) == (False, False)

    holder.kill()
    await holder.wait()
    async with asyncio.timeout(30):
        await waiting

    assert limiter.try_acquire()
