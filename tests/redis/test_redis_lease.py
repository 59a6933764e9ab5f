"""A lease in Redis: one holder, renewed as long as it lives, free when it does not, and never silently lost."""

import asyncio
import gc
import time

import pytest

from bitrix_chat.redis.errors import LeaseLost, RedisFailed
from bitrix_chat.redis.lease import RedisLease
from bitrix_chat.redis.server import RedisServer


@pytest.fixture
async def server(redis_url):
    server = RedisServer(redis_url)
    yield server
    await server.close()


@pytest.fixture
async def another(redis_url):
    """The same server as another machine sees it."""
    server = RedisServer(redis_url)
    yield server
    await server.close()


async def test_one_holds_it_until_it_is_given_back(server, another):
    ours, theirs = RedisLease(server, "k"), RedisLease(another, "k")
    assert await ours.try_take() is True
    assert await theirs.try_take() is False
    assert (ours.is_held, theirs.is_held) == (True, False)
    await ours.give_back()
    assert await theirs.try_take() is True
    await theirs.give_back()


async def test_it_lasts_for_as_long_as_it_is_held(server, another):
    ours = RedisLease(server, "k", length=0.4)
    await ours.take()
    for _ in range(5):
        await asyncio.sleep(0.1)
        assert await RedisLease(another, "k").try_take() is False
    ours.check()
    await ours.give_back()


async def test_what_nobody_renews_is_free_when_it_ends(server, another):
    ours, theirs = RedisLease(server, "k", length=0.1), RedisLease(another, "k")
    await ours.take()
    del ours
    gc.collect()
    async with asyncio.timeout(5):
        await theirs.take()
    await theirs.give_back()


async def test_a_holder_is_told_when_another_has_it(server, another):
    ours = RedisLease(server, "k", length=0.1)
    await ours.take()
    await another.redis.set("k", "another")
    async with asyncio.timeout(5):
        await ours.lost.wait()
    with pytest.raises(LeaseLost, match="not renewed in time"):
        ours.check()
    await ours.give_back()
    assert await another.redis.get("k") == "another"


async def test_a_holder_knows_that_it_ended_while_the_server_did_not_answer(own_redis):
    server = RedisServer(own_redis.url)
    ours = RedisLease(server, "k", length=0.3)
    await ours.take()
    own_redis.freeze()
    async with asyncio.timeout(5):
        await ours.lost.wait()
    assert not ours.is_held
    own_redis.thaw()
    await server.close()


async def test_a_server_that_restarts_takes_it_from_nobody(own_redis):
    server = RedisServer(own_redis.url)
    ours = RedisLease(server, "k", length=10)
    await ours.take()
    own_redis.stop()
    renewing = asyncio.create_task(ours.renew())
    await asyncio.sleep(0.05)
    assert not renewing.done()
    own_redis.start()
    await renewing
    ours.check()
    assert await RedisLease(server, "k").try_take() is False
    await ours.give_back()
    await server.close()


async def test_a_lease_that_was_given_back_is_not_taken_from_its_next_holder(server, another):
    ours, theirs = RedisLease(server, "k"), RedisLease(another, "k")
    await ours.take()
    await ours.give_back()
    await theirs.take()
    await ours.give_back()
    theirs.check()
    assert await another.redis.get("k") == theirs.owner
    await theirs.give_back()


async def test_who_waits_has_it_when_it_is_given_back_and_leaves_nothing_behind_when_cancelled(server, another):
    ours, theirs = RedisLease(server, "k"), RedisLease(another, "k")
    await ours.take()
    waiting, cancelled = asyncio.create_task(theirs.take()), asyncio.create_task(RedisLease(another, "k").take())
    await asyncio.sleep(0.06)
    assert not waiting.done()
    cancelled.cancel()
    await asyncio.wait([cancelled])
    await ours.give_back()
    async with asyncio.timeout(5):
        await waiting
    await theirs.give_back()
    assert await another.redis.get("k") is None


async def test_who_waits_for_long_asks_less_and_less(server, another):
    await another.redis.set("k", "another")
    await another.redis.config_resetstat()
    waiting = asyncio.create_task(RedisLease(server, "k").take())
    await asyncio.sleep(1.2)
    waiting.cancel()
    await asyncio.wait([waiting])
    facts = await another.redis.info("commandstats")
    assert 3 <= facts["cmdstat_evalsha"]["calls"] <= 20  # at an even pace there would be 35


async def test_who_slept_with_his_machine_knows_that_it_ended(server, monkeypatch):
    told, slept = time.clock_gettime, 1000
    monkeypatch.setattr(time, "clock_gettime", lambda clock: told(clock) + slept * (clock == time.CLOCK_BOOTTIME))
    ours = RedisLease(server, "k")
    await ours.take()
    ours.check()
    slept += 31
    with pytest.raises(LeaseLost):
        ours.check()
    await ours.give_back()


@pytest.mark.parametrize("turns", range(6))
async def test_a_taking_that_is_cancelled_at_any_turn_keeps_nobody_out(server, another, turns):
    taking = asyncio.create_task(RedisLease(server, "k").take())
    for _ in range(turns):
        await asyncio.sleep(0)
    taking.cancel()
    await asyncio.wait([taking])
    theirs = RedisLease(another, "k")
    async with asyncio.timeout(5):
        await theirs.take()
    await theirs.give_back()


async def test_a_server_that_is_away_lets_nobody_hold_it():
    server = RedisServer("redis://127.0.0.1:1/0")
    lease = RedisLease(server, "k")
    with pytest.raises(RedisFailed):
        await lease.take()
    with pytest.raises(LeaseLost):
        lease.check()
    await server.close()


def test_it_is_renewed_in_the_next_loop_once_it_is_tended_there(redis_url):
    server = RedisServer(redis_url)
    lease = RedisLease(server, "k", length=0.3)
    asyncio.run(lease.take())

    async def hold():
        lease.tend()
        await asyncio.sleep(0.35)
        lease.check()
        await lease.give_back()

    asyncio.run(hold())
