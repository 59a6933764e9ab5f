"""The Redis server goes away in the middle of a run and comes back: nothing is lost, and nothing is there twice."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from docket import Docket
from docket import Worker as Engine

from bitrix_chat import ChatSpec
from bitrix_chat.jobs import OneClient, Worker, redis_journals
from bitrix_chat.jobs.clients import portal_of
from bitrix_chat.jobs.docket import chat_tasks, enqueue
from bitrix_chat.portal import Plan, Portal
from bitrix_chat.redis.server import RedisServer

CHATS = 150


@pytest.mark.slow
async def test_a_server_that_is_killed_and_started_again_costs_no_chat_and_makes_none_twice(own_redis):
    redis = RedisServer(own_redis.url)
    async with (
        Portal(plan=Plan.UNLIMITED, costs={"im.chat.add": 0.02}) as portal,
        portal.client(shared=own_redis.url, quiescence=3.0) as b24,
        Docket("away", own_redis.url) as docket,
    ):
        for task in chat_tasks(Worker(clients=OneClient(b24), journals=redis_journals(redis))):
            docket.register(task)
        specs = [ChatSpec(title=f"Room {number}", key=f"k{number}") for number in range(CHATS)]
        followed = await enqueue(specs, portal=await portal_of(b24), journal="import-7", docket=docket)
        options = {"redelivery_timeout": timedelta(seconds=2), "reconnection_delay": timedelta(seconds=0.5)}
        async with Engine(docket, concurrency=40, **options) as engine:
            working = asyncio.create_task(engine.run_forever())
            following = asyncio.create_task(followed.wait())
            while len(portal.chats) < CHATS // 3:  # noqa: ASYNC110  # it announces nothing
                await asyncio.sleep(0.01)
            await asyncio.to_thread(own_redis.stop)
            await asyncio.sleep(2.0)
            await asyncio.to_thread(own_redis.start)
            report = await asyncio.wait_for(following, 80)
            working.cancel()
            await asyncio.wait([working])
        assert len(report.done) == CHATS
        made = Counter(chat.entity_id for chat in portal.chats.values())
        assert (len(made), set(made.values())) == (CHATS, {1})
    await redis.close()
