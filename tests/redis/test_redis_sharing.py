"""All who name one server in one event loop are one there, until the last of them has left."""

import asyncio

import pytest
from redis import Redis

from bitrix_chat import ClientClosed, InvalidParameter, Plan
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.redis.sharing import RedisSharing
from tests.redis.buckets import drain

PORTAL = "acme.bitrix24.example"
WEBHOOK = "https://acme.bitrix24.example/rest/1/canary-secret/"
FIVE = Plan(5.002, 0.001)
"""Five at once, and the next in a quarter of an hour."""


def connections(url: str) -> int:
    with Redis.from_url(url) as redis:
        return len(redis.client_list()) - 1


async def test_clients_that_name_one_address_have_one_limiter_and_one_budget(redis_url):
    one, other, apart = RedisSharing(redis_url), RedisSharing(redis_url), RedisSharing(redis_url, fallback=1)

    limiter = one.limiter(PORTAL, FIVE, "")
    assert other.limiter(PORTAL, None, "") is limiter
    assert other.budget(WEBHOOK, 480) is one.budget(WEBHOOK, 480)
    assert apart.limiter(PORTAL, None, "") is not limiter
    with pytest.raises(InvalidParameter, match="already limited"):
        other.limiter(PORTAL, Plan(50, 2), "")
    for each in (one, other, apart):
        await each.close()


async def test_what_is_shared_stays_until_the_last_has_left(redis_url):
    drain(redis_url, PORTAL, FIVE)
    one, other, before = RedisSharing(redis_url), RedisSharing(redis_url), connections(redis_url)
    limiter = one.limiter(PORTAL, FIVE, "")
    assert other.limiter(PORTAL, FIVE, "") is limiter

    await one.close()
    await one.close()
    await limiter.acquire()
    await other.close()

    with pytest.raises(ClientClosed):
        await limiter.acquire()
    assert connections(redis_url) == before
    assert len(asyncio.all_tasks()) == 1


async def test_a_sharing_that_was_closed_may_be_used_anew(redis_url):
    drain(redis_url, PORTAL, FIVE)
    sharing = RedisSharing(redis_url)
    sharing.limiter(PORTAL, FIVE, "")
    await sharing.close()

    await sharing.limiter(PORTAL, FIVE, "").acquire()
    await sharing.close()


async def test_one_server_is_one_place_to_share_and_two_are_two(redis_url):
    server, other = RedisServer(redis_url), RedisServer(redis_url)
    limiter = RedisSharing(server).limiter(PORTAL, FIVE, "")
    sharings = [RedisSharing(it) for it in (server, server, other)]

    limiters = [sharing.limiter(PORTAL, FIVE, "") for sharing in sharings]
    assert limiters[0] is limiters[1]
    assert limiters[2] is not limiters[0]
    assert limiter is not limiters[2]
    await server.close()
    await other.close()


async def test_nothing_comes_back_to_a_server_that_was_closed_although_the_sharing_was_not(redis_url):
    drain(redis_url, PORTAL, FIVE)
    server, before = RedisServer(redis_url), connections(redis_url)
    sharing = RedisSharing(server)
    limiter, budget = sharing.limiter(PORTAL, FIVE, ""), sharing.budget(WEBHOOK, 480)
    await limiter.acquire()
    waiting = [asyncio.create_task(limiter.acquire()) for _ in range(10)]
    budget.opens_at("im.chat.add", asyncio.get_running_loop().time())
    await asyncio.sleep(0.05)

    await server.close()
    for task in waiting[:4]:
        await task
    waiting[4].cancel()
    budget.opens_at("im.chat.add", asyncio.get_running_loop().time())
    limiter.release()
    await asyncio.sleep(0.15)

    assert connections(redis_url) == before
    assert not limiter.is_alone
    for task in waiting[5:]:
        task.cancel()
    await sharing.close()


async def test_whoever_comes_to_a_server_that_was_closed_hears_of_it(redis_url):
    server = RedisServer(redis_url)
    limiter = RedisSharing(server).limiter(PORTAL, FIVE, "")
    await server.close()

    for _ in range(2):
        with pytest.raises(ClientClosed):
            await asyncio.wait_for(limiter.acquire(), 10)
