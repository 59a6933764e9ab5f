"""Two worker processes, one of them killed half-way: every chat is there once, and nobody had to help."""

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from docket import Docket

from bitrix_chat import ChatSpec
from bitrix_chat.jobs.clients import portal_of
from bitrix_chat.jobs.docket import enqueue
from bitrix_chat.jobs.queues import queue_of
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal

CHATS = 300
REDELIVERY, QUIESCENCE = 3, 4


PROGRAM = "import sys; from bitrix_chat.cli.program import run; sys.exit(run(sys.argv[1:]))"
"""What `python -m bitrix_chat` does."""
STOPPING = """
import os, signal
from bitrix_chat.redis.shared_journal import RedisJournalPart

depart = RedisJournalPart.departing

async def departing(self, *given):
    await depart(self, *given)
    RedisJournalPart.departing = depart
    os.kill(os.getpid(), signal.SIGSTOP)

RedisJournalPart.departing = departing
"""
"""Before it: a worker that stops once, when it has written down that a chat leaves and before its first byte."""


@asynccontextmanager
async def queue(redis_url, portal):
    async with portal.client() as b24:
        host = await portal_of(b24)
    async with Docket(queue_of(host), redis_url) as docket:
        yield host, docket


async def started(redis_url, portal, program=PROGRAM):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, "worker", redis_url, "--concurrency", "50"),
        *("--redelivery", str(REDELIVERY), "--quiescence", str(QUIESCENCE)),
        env=os.environ | {"BITRIX24_WEBHOOK_URL": portal.webhook_url},
        stderr=asyncio.subprocess.PIPE,
    )
    while b"is ready" not in await process.stderr.readline():
        assert process.returncode is None
    return process


def assert_once(portal):
    made = Counter(chat.entity_id for chat in portal.chats.values())
    assert set(made.values()) == {1}
    assert len(made) == CHATS


def is_stopped(process):
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.slow
async def test_two_workers_one_killed_half_way_create_three_hundred_chats_once(redis_url):
    costs = {"im.chat.add": 0.03}
    async with Portal(plan=PortalPlan.UNLIMITED, costs=costs) as portal, queue(redis_url, portal) as (host, docket):
        specs = [ChatSpec(title=f"Room {number}", key=f"k{number}") for number in range(CHATS)]
        one, other = await asyncio.gather(started(redis_url, portal), started(redis_url, portal))
        followed = await enqueue(specs, portal=host, journal="import-7", docket=docket)
        while len(portal.chats) < CHATS // 3:  # noqa: ASYNC110  # it announces nothing
            await asyncio.sleep(0.01)
        one.kill()
        await one.wait()
        assert len(portal.chats) < CHATS
        report = await asyncio.wait_for(followed.wait(), 50)
        other.send_signal(signal.SIGTERM)
        assert await other.wait() == 0
        assert len(report.done) == CHATS
        assert_once(portal)
        assert {result.key: result.chat_id for result in report.done} == {
            chat.entity_id: chat.id for chat in portal.chats.values()
        }


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="how a process is doing is read from /proc")
@pytest.mark.parametrize("program", [PROGRAM, STOPPING + PROGRAM], ids=["at any moment", "about to send"])
async def test_a_worker_that_stood_still_for_longer_than_anybody_waits_sends_nothing_twice(redis_url, program):
    costs = {"im.chat.add": 0.03}
    async with Portal(plan=PortalPlan.UNLIMITED, costs=costs) as portal, queue(redis_url, portal) as (host, docket):
        specs = [ChatSpec(title=f"Room {number}", key=f"k{number}") for number in range(CHATS)]
        stopped = await started(redis_url, portal, program)
        followed = await enqueue(specs, portal=host, journal="import-7", docket=docket)
        while len(portal.chats) < CHATS // 3 and not is_stopped(stopped):  # noqa: ASYNC110  # it announces nothing
            await asyncio.sleep(0.01)
        stopped.send_signal(signal.SIGSTOP)
        other = await started(redis_url, portal)
        report = await asyncio.wait_for(followed.wait(), 50)
        assert len(report.done) == CHATS
        stopped.send_signal(signal.SIGCONT)
        await asyncio.sleep(REDELIVERY)  # long enough to send all that it meant to
        assert_once(portal)
        for process in (stopped, other):
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
