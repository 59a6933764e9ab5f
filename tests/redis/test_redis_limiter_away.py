"""The Redis server goes away: each process keeps to a part of the limit, loses nobody who waits, and comes back."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat import ClientClosed, Plan
from bitrix_chat.redis.limiter import RedisRateLimiter
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.testing import on_virtual_clock
from tests.redis.buckets import drain
from tests.redis_server import LocalServer

PORTAL = "acme.bitrix24.example"
PLAN = Plan(410, 200)
"""Ten at once, then two hundred a second."""
NOWHERE = "redis://127.0.0.1:1/0"


@asynccontextmanager
async def limiter_at(url: str, plan: Plan = PLAN, **options) -> AsyncIterator[RedisRateLimiter]:
    limiter = RedisRateLimiter(url, PORTAL, plan, **options)
    try:
        yield limiter
    finally:
        await limiter.close()


async def through(limiter: RedisRateLimiter, count: int, passed: list[int]) -> None:
    async def pass_through(number: int) -> None:
        await limiter.acquire()
        passed.append(number)

    await asyncio.gather(*(pass_through(number) for number in range(count)))


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(entry.levelno, entry.getMessage()) for entry in caplog.records if entry.name == "bitrix_chat"]


async def until(true) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110  # what a server does sets no event
            await asyncio.sleep(0.005)


class Stopped:
    """A server that is ended, and started again with what it kept."""

    def away(self, server: LocalServer) -> None:
        server.stop(signal.SIGKILL)

    def back(self, server: LocalServer) -> None:
        server.start()


class Frozen:
    """A server that accepts connections and says nothing."""

    def away(self, server: LocalServer) -> None:
        server.freeze()

    def back(self, server: LocalServer) -> None:
        server.thaw()


@pytest.mark.parametrize(
    "outage", [Stopped(), pytest.param(Frozen(), marks=pytest.mark.slow)], ids=["stopped", "frozen"]
)
async def test_whoever_waits_while_the_server_is_away_is_neither_lost_nor_overtaken(own_redis, caplog, outage):
    caplog.set_level(logging.INFO, "bitrix_chat")
    drain(own_redis.url, PORTAL, PLAN)
    passed: list[int] = []
    async with limiter_at(own_redis.url) as limiter:
        waiting = asyncio.create_task(through(limiter, 160, passed))
        await until(lambda: len(passed) > 30)

        outage.away(own_redis)
        await until(lambda: limiter.is_alone)
        began, before = asyncio.get_running_loop().time(), len(passed)
        assert limiter.pace == 50
        await until(lambda: len(passed) > before + 5)
        alone = len(passed) - before
        assert alone <= (asyncio.get_running_loop().time() - began) * 50 + 1
        outage.back(own_redis)
        await waiting

        assert not limiter.is_alone
        assert limiter.pace == 200
    assert passed == list(range(160))
    address = f"the Redis server at 127.0.0.1:{own_redis.port}"
    (warned, first), (informed, last) = said(caplog)
    assert (warned, informed) == (logging.WARNING, logging.INFO)
    assert first.startswith(address)
    assert first.endswith("this process keeps to a part of each limit until it is back")
    assert last == f"{address} is back: limits are shared again"


@pytest.mark.slow
async def test_once_the_server_is_back_its_bucket_is_taken_for_full(own_redis):
    plan = Plan(10 + 2e-6, 1e-6)
    async with limiter_at(own_redis.url, plan) as limiter, limiter_at(own_redis.url, plan) as other:
        drain(own_redis.url, PORTAL, plan)
        own_redis.stop()
        waiting = asyncio.create_task(limiter.acquire())
        await until(lambda: limiter.is_alone)
        own_redis.start()
        drain(own_redis.url, PORTAL, plan)
        await until(lambda: not limiter.is_alone)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(other.acquire(), 0.1)
        waiting.cancel()


async def test_all_portals_of_a_server_learn_at_once_that_it_is_away_and_one_warning_is_logged(caplog):
    server = RedisServer(NOWHERE)
    limiters = [RedisRateLimiter(server, f"portal-{number}.example", Plan(120, 50)) for number in range(20)]

    await asyncio.gather(*(limiter.acquire() for limiter in limiters))

    assert all(limiter.is_alone for limiter in limiters)
    assert len(said(caplog)) == 1
    await server.close()


async def test_a_refusal_while_the_server_is_away_slows_this_process_down():
    async with limiter_at(NOWHERE) as limiter:
        await limiter.acquire()
        limiter.refuse(sent_at=asyncio.get_running_loop().time())

        assert limiter.pace == pytest.approx(25)
        assert limiter.wait(1) > 1.9
        assert not limiter.try_acquire()


async def test_a_slot_given_back_while_the_server_is_away_is_free_again():
    async with limiter_at(NOWHERE, Plan(100, 1e-3), fallback=1) as limiter:
        waiting = [asyncio.create_task(limiter.acquire()) for _ in range(2)]
        await until(lambda: limiter.is_alone)

        limiter.release()
        await waiting[0]

        assert not waiting[1].done()
        waiting[1].cancel()


async def test_another_plan_holds_for_the_part_that_is_kept_to(own_redis):
    own_redis.stop()
    async with limiter_at(own_redis.url) as limiter:
        await limiter.acquire()
        limiter.adopt(Plan(500, 200))
        assert limiter.pace == 50


async def test_a_process_where_nobody_waits_comes_back_by_itself(own_redis, monkeypatch):
    monkeypatch.setattr("bitrix_chat.redis.reach.ASKED_EVERY", 0.05)
    drain(own_redis.url, PORTAL, PLAN)
    own_redis.stop()
    async with limiter_at(own_redis.url) as limiter:
        await limiter.acquire()
        assert limiter.is_alone
        own_redis.start()

        await until(lambda: not limiter.is_alone)
        await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_all_portals_of_a_process_come_back_with_the_first(own_redis, monkeypatch):
    monkeypatch.setattr("bitrix_chat.redis.reach.ASKED_EVERY", 0.05)
    own_redis.stop()
    server = RedisServer(own_redis.url)
    limiters = [RedisRateLimiter(server, f"portal-{number}.example", Plan(120, 50)) for number in range(20)]
    await asyncio.gather(*(limiter.acquire() for limiter in limiters))
    own_redis.start()

    await until(lambda: not any(limiter.is_alone for limiter in limiters))
    await server.close()


async def test_whoever_is_closed_while_the_server_is_away_tries_it_no_more():
    async with limiter_at(NOWHERE) as limiter:
        await limiter.acquire()
    assert len(asyncio.all_tasks()) == 1
    with pytest.raises(ClientClosed):
        await limiter.acquire()


@on_virtual_clock
async def test_a_process_that_is_alone_never_has_room_for_a_burst():
    async with limiter_at(NOWHERE, Plan(50, 2)) as limiter:
        await limiter.acquire()
        await asyncio.sleep(600)

        assert (limiter.free(), limiter.wait(1), limiter.wait(3)) == (1, 0.0, pytest.approx(4.0))
        assert limiter.try_acquire()
        assert not limiter.try_acquire()


async def test_who_comes_back_leaves_room_for_those_who_have_not_yet_noticed(own_redis, monkeypatch):
    monkeypatch.setattr("bitrix_chat.redis.reach.ASKED_EVERY", 0.05)
    plan = Plan(10 + 2e-3, 1e-3)
    drain(own_redis.url, PORTAL, plan)
    async with limiter_at(own_redis.url, plan, fallback=0.25) as limiter:
        own_redis.stop()
        waiting = asyncio.create_task(limiter.acquire())
        await until(lambda: limiter.is_alone)
        own_redis.start()
        await until(lambda: not limiter.is_alone)
        waiting.cancel()
        await until(lambda: len(asyncio.all_tasks()) == 1)

        assert limiter.wait(1) == pytest.approx(4 / 1e-3, rel=0.01)  # the next, behind one of each of three others


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.floats(0.05, 1), st.data())
def test_without_a_server_nobody_exceeds_the_part_is_overtaken_or_lost(count, part, data):
    plan = Plan(50, 2)
    cancelled = data.draw(st.sets(st.integers(0, count - 1)))

    @on_virtual_clock
    async def scene() -> None:
        loop, passed = asyncio.get_running_loop(), []
        async with limiter_at(NOWHERE, plan, fallback=part) as limiter:
            began = loop.time()

            async def pass_through(number: int) -> None:
                await limiter.acquire()
                passed.append((number, loop.time() - began))

            tasks = [loop.create_task(pass_through(number)) for number in range(count)]
            await asyncio.sleep(5)
            for number in cancelled:
                tasks[number].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        let_through = [number for number, _ in passed]
        assert let_through == [n for n in range(count) if n not in cancelled or n in let_through]
        for position, (_, moment) in enumerate(passed, 1):
            assert position <= moment * plan.leak * part + 1e-3

    scene()
