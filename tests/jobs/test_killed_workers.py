"""Two worker processes, one of them killed half-way: every chat is there once, and nobody had to help."""

import asyncio
import os
import signal
import sys
from collections import Counter

import pytest
from docket import Docket

from bitrix_chat import ChatSpec
from bitrix_chat.jobs.clients import portal_of
from bitrix_chat.jobs.docket import enqueue
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal

DOCKET = "bitrix-chat"
CHATS = 300


async def started(redis_url, portal):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bitrix_chat", "worker", redis_url, "--concurrency", "50"),
        *("--redelivery", "3", "--quiescence", "4"),
        env=os.environ | {"BITRIX24_WEBHOOK_URL": portal.webhook_url},
        stderr=asyncio.subprocess.PIPE,
    )
    while b"is ready" not in await process.stderr.readline():
        assert process.returncode is None
    return process


@pytest.mark.slow
async def test_two_workers_one_killed_half_way_create_three_hundred_chats_once(redis_url):
    costs = {"im.chat.add": 0.03}
    async with Portal(plan=PortalPlan.UNLIMITED, costs=costs) as portal, Docket(DOCKET, redis_url) as docket:
        async with portal.client() as b24:
            host = await portal_of(b24)
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
        made = Counter(chat.entity_id for chat in portal.chats.values())
        assert set(made.values()) == {1}
        assert len(made) == CHATS
        assert {result.key: result.chat_id for result in report.done} == {
            chat.entity_id: chat.id for chat in portal.chats.values()
        }
