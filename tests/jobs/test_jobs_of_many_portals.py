"""A worker with `Portals`: jobs of many portals side by side, each named by its `member_id`."""

from contextlib import asynccontextmanager

from docket import Docket
from docket import Worker as Engine

from bitrix_chat import ChatSpec, WebhookAuth
from bitrix_chat.jobs import Worker, redis_journals
from bitrix_chat.jobs.docket import chat_tasks, enqueue
from bitrix_chat.portal import Plan, Portal
from bitrix_chat.portals import Portals


async def test_one_worker_serves_many_portals(redis_url):
    async with Portal(plan=Plan.UNLIMITED) as one, Portal(plan=Plan.UNLIMITED) as other:
        of = {"a" * 32: one, "b" * 32: other}

        @asynccontextmanager
        async def worker():
            auth = {member_id: WebhookAuth(portal.webhook_url) for member_id, portal in of.items()}
            async with Portals(auth.get, allow_insecure_loopback=True) as portals:
                yield Worker(clients=portals, journals=redis_journals(redis_url))

        async with Docket("many", redis_url) as docket:
            specs = [ChatSpec(title=f"Room {number}", key=f"k{number}") for number in range(3)]
            followed = [
                await enqueue(specs, portal=member_id, journal=f"of {member_id}", docket=docket) for member_id in of
            ]
            for task in chat_tasks(worker):
                docket.register(task)
            async with Engine(docket) as engine:
                await engine.run_until_finished()
            assert [len((await each.wait()).done) for each in followed] == [3, 3]
        assert [len(portal.chats) for portal in of.values()] == [3, 3]
