"""One request limit for processes that share a Redis server; each limiter here has connections of its own."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

import pytest
from redis import Redis

from bitrix_chat import ClientClosed, InvalidParameter, Plan
from bitrix_chat.limits.bucket import ENTERPRISE, STANDARD
from bitrix_chat.redis.limiter import RedisRateLimiter
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.redis.slots import TAKEN_AT_ONCE
from tests.redis.buckets import drain

PORTAL = "acme.bitrix24.example"
FAST = Plan(840, 400)
"""Forty at once, then four hundred a second."""
SOON = 10.0
"""Seconds that nothing takes which is done at once."""
FIVE = Plan(5.002, 0.001)
"""Five at once, and the next in a quarter of an hour."""


@pytest.fixture
async def machine(redis_url) -> AsyncIterator[Callable[[Plan], RedisRateLimiter]]:
    made: list[RedisRateLimiter] = []

    def limiter(plan: Plan | None = FAST, **options) -> RedisRateLimiter:
        if not made:
            drain(redis_url, PORTAL, plan or STANDARD)
        made.append(RedisRateLimiter(redis_url, PORTAL, plan, **options))
        return made[-1]

    yield limiter
    for each in made:
        await each.close()
    assert len(asyncio.all_tasks()) == 1


async def passing(limiter: RedisRateLimiter, name: str, count: int, passed: list[tuple[str, int, float]]) -> None:
    """Let waiters through a limiter and note their order and times."""

    async def pass_through(number: int) -> None:
        await limiter.acquire()
        passed.append((name, number, time.monotonic()))

    await asyncio.gather(*(pass_through(number) for number in range(count)))


def highest(times: list[float], plan: Plan) -> float:
    """Return how high a counter stood by which these requests were let through."""
    level, at, most = 0.0, times[0], 0.0
    for moment in times:
        level = max(0.0, level - (moment - at) * plan.leak) + 1
        at, most = moment, max(most, level)
    return most


async def test_two_machines_never_exceed_the_burst_keep_their_order_and_take_turns(machine):
    one, other = machine(), machine()
    passed: list[tuple[str, int, float]] = []
    began = time.monotonic()

    await asyncio.gather(passing(one, "one", 200, passed), passing(other, "other", 200, passed))

    for name in ("one", "other"):
        assert [number for who, number, _ in passed if who == name] == list(range(200))
    # What was counted in one moment may be let through in the next, beside what is counted then.
    assert highest([moment for _, _, moment in passed], FAST) <= FAST.burst + TAKEN_AT_ONCE
    assert passed[-1][2] - began >= (400 - FAST.burst - TAKEN_AT_ONCE) / FAST.leak
    of_one = sum(who == "one" for who, _, _ in passed[:200])
    assert 70 <= of_one <= 130


async def test_ten_thousand_waiters_keep_their_order(machine):
    limiter = machine(Plan(1e6, 1e5))
    passed: list[tuple[str, int, float]] = []

    await passing(limiter, "one", 10_000, passed)

    assert [number for _, number, _ in passed] == list(range(10_000))


async def test_a_slot_that_was_reserved_for_a_cancelled_waiter_goes_to_the_next(machine):
    limiter = machine(Plan(5, 2))
    await limiter.acquire()
    began = time.monotonic()
    first, second = (asyncio.create_task(limiter.acquire()) for _ in range(2))
    await asyncio.sleep(0.1)

    first.cancel()
    await second

    assert 0.45 < time.monotonic() - began < 0.95


async def test_what_nobody_here_waits_for_any_more_is_there_for_others(machine):
    one, other = machine(FIVE), machine(FIVE)
    for _ in range(4):
        await one.acquire()
    await one.acquire()
    waiting = asyncio.create_task(one.acquire())
    await asyncio.sleep(0.05)
    one.release()
    waiting_too = asyncio.create_task(one.acquire())
    await waiting
    await asyncio.sleep(0.05)
    waiting_too.cancel()
    one.release()
    await asyncio.sleep(0.05)

    await asyncio.wait_for(other.acquire(), SOON)


async def test_slots_given_back_while_the_server_counts_them_are_taken_here_first(machine):
    limiter = machine(FIVE)
    for _ in range(5):
        await limiter.acquire()

    assert not limiter.try_acquire()
    limiter.release()
    assert limiter.free() == 1
    assert limiter.wait(1) == 0.0
    assert limiter.try_acquire()
    assert not limiter.try_acquire()


async def test_a_slot_taken_at_the_server_for_one_who_left_goes_back(machine):
    one, other = machine(FIVE), machine(FIVE)
    await one.acquire()
    waiting = [asyncio.create_task(one.acquire()) for _ in range(4)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.sleep(0.05)

    for _ in range(4):
        await asyncio.wait_for(other.acquire(), SOON)


@pytest.mark.slow
async def test_a_refusal_that_one_machine_meets_pauses_those_that_had_reserved(machine):
    one, other = machine(Plan(1 + 2 * 4, 4)), machine()
    other.adopt(one.plan)
    began = asyncio.get_running_loop().time()
    await one.acquire()
    waiting = asyncio.create_task(other.acquire())
    await asyncio.sleep(0.05)

    for _ in range(3):
        one.refuse(sent_at=began)
    await waiting

    assert asyncio.get_running_loop().time() - began >= 2.0
    assert one.pace == pytest.approx(other.pace, abs=0.1)
    assert 1.9 < other.pace < 2.5


async def test_a_refusal_holds_for_this_machine_before_the_server_has_heard_of_it(machine):
    limiter = machine()
    await limiter.acquire()

    limiter.refuse(sent_at=asyncio.get_running_loop().time())

    assert (limiter.free(), limiter.wait(1) > 1.9, limiter.pace) == (0, True, FAST.leak / 2)
    limiter.release()
    assert not limiter.try_acquire()


async def test_what_is_told_of_the_wait_is_what_the_server_said_last(machine):
    limiter = machine(FIVE)
    for _ in range(3):
        await limiter.acquire()

    assert limiter.free() == 2
    assert limiter.wait(2) == 0.0
    assert limiter.wait(3) == pytest.approx(1000, rel=0.01)


async def test_a_source_address_is_counted_on_its_own(machine, redis_url):
    limiter = machine(FIVE)
    for _ in range(5):
        await limiter.acquire()
    other = machine(Plan(1e6, 1e5), egress="10.0.0.7")

    assert await asyncio.wait_for(other.acquire(), SOON) is None
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        keys = sorted(redis.keys())
    assert keys == [f"bitrix_chat:{{{PORTAL}}}:limit", f"bitrix_chat:{{{PORTAL}}}:limit:10.0.0.7"]


def test_it_serves_one_event_loop_after_the_other(redis_url):
    drain(redis_url, PORTAL, FIVE)
    server = RedisServer(redis_url)
    limiter = RedisRateLimiter(server, PORTAL, FIVE)

    async def acquire(count: int) -> None:
        for _ in range(count):
            await limiter.acquire()
        asyncio.get_running_loop().create_task(limiter.acquire())  # left behind on purpose
        await asyncio.sleep(0.05)

    asyncio.run(acquire(2))
    asyncio.run(acquire(0))
    assert "waiting=0" in repr(limiter)


@pytest.mark.parametrize("part", [0, -1, 1.5, float("nan"), "half"])
def test_a_part_that_is_none_is_refused(part):
    with pytest.raises(InvalidParameter, match="`fallback`"):
        RedisRateLimiter("redis://127.0.0.1:1", PORTAL, fallback=part)


async def test_a_slot_that_is_on_its_way_while_a_refusal_comes_in_is_void(machine):
    limiter = machine()
    began = asyncio.get_running_loop().time()
    await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    limiter.refuse(sent_at=began)
    await asyncio.sleep(0.2)

    assert not waiting.done()
    assert limiter.free() == 0
    waiting.cancel()


async def test_whoever_waits_hears_of_what_nobody_has_foreseen(machine, monkeypatch):
    limiter = machine()

    async def broken(*_: object) -> str:
        raise LookupError("no such thing")

    monkeypatch.setattr("bitrix_chat.redis.reach.Reach.run", broken)
    with pytest.raises(LookupError):
        await limiter.acquire()


async def test_the_loop_hears_of_it_where_nobody_waits(machine, monkeypatch):
    limiter, heard = machine(), []
    await limiter.acquire()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context["exception"]))

    async def broken(*_: object) -> str:
        raise LookupError("no such thing")

    monkeypatch.setattr("bitrix_chat.redis.reach.Reach.run", broken)
    limiter.release()
    await asyncio.sleep(0.01)

    assert [type(error) for error in heard] == [LookupError]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.levelno == logging.WARNING]


async def test_who_says_no_plan_keeps_the_one_that_others_have_said(machine, caplog):
    one, other = machine(None), machine(ENTERPRISE)
    await one.acquire()
    assert (one.plan, one.said) == (STANDARD, None)

    await other.acquire()
    await one.acquire()

    assert (one.plan, one.free(), other.said) == (ENTERPRISE, 237, ENTERPRISE)
    assert warnings(caplog) == []


async def test_of_two_plans_the_one_that_was_said_last_counts_for_all_and_each_warns_once(machine, caplog):
    one, other = machine(ENTERPRISE), machine(STANDARD)
    await one.acquire()

    for _ in range(2):
        await other.acquire()
        await one.acquire()

    assert (one.plan, other.plan) == (STANDARD, STANDARD)
    assert one.pace == STANDARD.leak
    assert len(warnings(caplog)) == 2
    assert all("50/2" in said and "250/5" in said for said in warnings(caplog))
    one.adopt(ENTERPRISE)
    await one.acquire()
    await other.acquire()
    assert (one.plan, other.plan) == (ENTERPRISE, ENTERPRISE)


async def test_a_plan_that_the_server_has_forgotten_is_said_again(machine, redis_url):
    one, other = machine(FIVE), machine(None)
    await one.acquire()
    drain(redis_url, PORTAL, FIVE)

    await one.acquire()
    await other.acquire()

    assert other.plan == FIVE


async def test_whoever_waits_at_a_limiter_that_is_closed_hears_of_it_and_so_does_who_comes_later(machine):
    limiter = machine(FIVE)
    for _ in range(5):
        await limiter.acquire()
    waiting = [asyncio.create_task(limiter.acquire()) for _ in range(3)]
    await asyncio.sleep(0.02)

    await limiter.close()

    for task in waiting:
        with pytest.raises(ClientClosed):
            await asyncio.wait_for(task, SOON)
    with pytest.raises(ClientClosed):
        await asyncio.wait_for(limiter.acquire(), SOON)
    limiter.release()
    limiter.refuse(asyncio.get_running_loop().time())
    assert not limiter.try_acquire()
    assert len(asyncio.all_tasks()) == 1


def test_a_limiter_that_was_closed_serves_another_event_loop(redis_url):
    drain(redis_url, PORTAL, FIVE)
    limiter = RedisRateLimiter(RedisServer(redis_url), PORTAL, FIVE)

    async def use() -> None:
        await limiter.acquire()
        await limiter.close()

    asyncio.run(use())
    asyncio.run(use())


async def test_a_healthy_server_is_not_taken_for_away_because_its_connections_are_busy(redis_url):
    drain(redis_url, PORTAL, FIVE)
    server = RedisServer(redis_url, connections=1)
    busy = asyncio.create_task(server.redis.blpop(["nothing"], 2))
    await asyncio.sleep(0.02)
    limiter = RedisRateLimiter(server, PORTAL, FIVE)

    await asyncio.wait_for(limiter.acquire(), 0.9)

    assert not busy.done()
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    await server.close()


async def test_a_healthy_server_is_not_taken_for_away_because_the_loop_is_busy(redis_url, monkeypatch):
    monkeypatch.setattr("bitrix_chat.redis.reach.ANSWERS_WITHIN", 0.1)
    drain(redis_url, PORTAL, FIVE)
    server = RedisServer(redis_url)
    limiter = RedisRateLimiter(server, PORTAL, FIVE)
    for _ in range(3):
        taking = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(0.15)  # noqa: ASYNC251  # the loop is busy
        await taking

    assert not limiter.is_alone
    await server.close()


async def test_many_portals_go_to_the_server_together(redis_url):
    server = RedisServer(redis_url)
    limiters = [RedisRateLimiter(server, f"portal-{number}.example", FIVE) for number in range(150)]
    for number in range(150):
        drain(redis_url, f"portal-{number}.example", FIVE)

    with Redis.from_url(redis_url) as redis:
        before = len(redis.client_list())
        await asyncio.gather(*(limiter.acquire() for limiter in limiters))

        assert len(redis.client_list()) == before + 1
    assert not any(limiter.is_alone for limiter in limiters)
    await server.close()
