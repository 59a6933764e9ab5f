"""What every `RateLimiter` must do, run over all implementations, each on its own clock."""

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bitrix_chat import MemoryRateLimiter, Plan, RateLimiter
from bitrix_chat.limits.file_limiter import FileRateLimiter
from bitrix_chat.redis.limiter import RedisRateLimiter
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.testing import run_on_virtual_clock
from tests.redis.buckets import drain

Make = Callable[[Plan], RateLimiter]
numbers = itertools.count()


@attrs.frozen
class Limiters:
    """New limiters of one implementation, within an event loop.

    Attributes:
        make: makes one, for a plan.
        second: how long a second of these tests lasts: 1 on the virtual clock, which tells exact times; less in real
            time, of which a test may only say that nothing came too early.
    """

    make: Make
    second: float

    def ten(self) -> RateLimiter:
        """Return one that lets ten leave at once and then two a second."""
        leak = 2 / self.second
        return self.make(Plan(10 + 2 * leak, leak))

    def ten_and_no_more(self) -> RateLimiter:
        """Return one that lets ten leave at once, and the next in a quarter of an hour."""
        return self.make(Plan(10.002, 0.001))

    def took(self, elapsed: float, seconds: float) -> bool:
        """Tell whether something took what it should."""
        if self.second == 1:
            return elapsed == pytest.approx(seconds)
        return elapsed >= seconds * self.second - 0.001


@attrs.frozen
class Implementation:
    """One implementation, and how it is set up and cleaned up around a test.

    Attributes:
        name: what tests call it.
        opened: what hands out new limiters, within the test's event loop.
        second: as in `Limiters`.
        many: waiters that it can serve in a moment.
    """

    name: str
    opened: Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Make]]
    second: float = 1
    many: int = 10_000

    def run(self, request: pytest.FixtureRequest, scene: Callable[[Limiters], Awaitable[None]]) -> None:
        async def main() -> None:
            async with self.opened(request) as make:
                await scene(Limiters(make, self.second))

        (run_on_virtual_clock if self.second == 1 else asyncio.run)(main())


@asynccontextmanager
async def in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Make]:
    yield MemoryRateLimiter


@asynccontextmanager
async def in_files(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    folder, clock = request.getfixturevalue("tmp_path"), asyncio.get_running_loop().time
    yield lambda plan: FileRateLimiter(folder / f"{next(numbers)}.limit", plan, clock=clock)


@asynccontextmanager
async def at_a_redis_server(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    url = request.getfixturevalue("redis_url")
    server = RedisServer(url)

    def make(plan: Plan) -> RateLimiter:
        portal = f"portal-{next(numbers)}.example"
        drain(url, portal, plan)
        return RedisRateLimiter(server, portal, plan)

    yield make
    await server.close()


IMPLEMENTATIONS = [
    Implementation("memory", in_memory),
    Implementation("file", in_files),
    Implementation("redis", at_a_redis_server, second=0.005, many=200),
]


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda implementation: implementation.name)
def implementation(request: pytest.FixtureRequest) -> Implementation:
    return request.param


def on_its_clock(test):
    """Let a test run within the loop of the implementation, with `limiters` for its fixtures."""

    @functools.wraps(test)
    def run(implementation, request):
        implementation.run(request, test)

    del run.__wrapped__  # or the fixtures would be those that the inner test names
    return run


async def arrivals(limiter: RateLimiter, count: int) -> list[tuple[int, float]]:
    """Start `count` waiters in order and note when each was let through."""
    loop, began, passed = asyncio.get_running_loop(), asyncio.get_running_loop().time(), []

    async def pass_through(number: int) -> None:
        await limiter.acquire()
        passed.append((number, loop.time() - began))

    await asyncio.gather(*(pass_through(number) for number in range(count)))
    return passed


@on_its_clock
async def test_it_is_a_rate_limiter(limiters):
    assert isinstance(limiters.ten(), RateLimiter)


@on_its_clock
async def test_the_burst_leaves_at_once_and_the_rest_at_the_pace(limiters):
    passed = await arrivals(limiters.ten(), 14)

    assert [limiters.took(when, 0.0) for _, when in passed[:10]] == [True] * 10
    assert [limiters.took(when, 0.5 * number) for number, (_, when) in enumerate(passed[9:])] == [True] * 5


@on_its_clock
async def test_first_come_first_served(limiters):
    passed = await arrivals(limiters.ten(), 100)

    assert [number for number, _ in passed] == list(range(100))


@on_its_clock
async def test_a_newcomer_does_not_overtake(limiters):
    limiter = limiters.ten_and_no_more()
    waiting = asyncio.create_task(arrivals(limiter, 12))
    await asyncio.sleep(0.25)

    assert not limiter.try_acquire()
    assert limiter.free() == 0
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


@on_its_clock
async def test_a_slot_given_back_wakes_the_next_at_once(limiters):
    limiter, loop = limiters.ten_and_no_more(), asyncio.get_running_loop()
    await arrivals(limiter, 10)
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    began = loop.time()

    limiter.release()
    await waiting

    assert limiters.took(loop.time() - began, 0.0)


@on_its_clock
async def test_the_promised_wait_is_kept(limiters):
    limiter, loop = limiters.ten(), asyncio.get_running_loop()
    await arrivals(limiter, 10)
    began, promised = loop.time(), limiter.wait(3)

    for _ in range(3):
        await limiter.acquire()

    assert limiters.took(loop.time() - began, promised / limiters.second)


@on_its_clock
async def test_a_refusal_pauses_everyone_and_a_wave_of_them_once(limiters):
    limiter, loop = limiters.ten(), asyncio.get_running_loop()
    began = loop.time()
    await arrivals(limiter, 10)
    await asyncio.sleep(0.1)

    for _ in range(5):
        limiter.refuse(sent_at=began)
    passed = await arrivals(limiter, 2)

    assert passed[0][1] >= 2.0 - 0.001
    assert passed[-1][1] < 10.0


def test_any_subset_of_waiters_may_be_cancelled_without_losing_a_slot_or_the_order(implementation, request):
    @settings(max_examples=60 if implementation.second == 1 else 6, deadline=None, suppress_health_check=HealthCheck)
    @given(st.data())
    def holds(data):
        count = data.draw(st.integers(1, 40))
        cancelled = data.draw(st.sets(st.integers(0, count - 1)))
        after = data.draw(st.floats(0, 6))

        async def scene(limiters: Limiters) -> None:
            await _cancel_some(limiters, count, cancelled, after * limiters.second)

        implementation.run(request, scene)

    holds()


async def _cancel_some(limiters: Limiters, count: int, cancelled: set[int], after: float) -> None:
    limiter, loop, passed = limiters.ten(), asyncio.get_running_loop(), []

    async def pass_through(number: int) -> None:
        await limiter.acquire()
        passed.append(number)

    tasks = [loop.create_task(pass_through(number)) for number in range(count)]
    await asyncio.sleep(after)
    for number in cancelled:
        tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    survivors = [number for number in range(count) if number not in cancelled or number in passed]
    assert passed == survivors
    assert limiter.wait(10) <= 5.0 * limiters.second + 1e-6
    await arrivals(limiter, 10)
    assert len(asyncio.all_tasks()) == 1


def test_very_many_waiters_keep_their_order(implementation, request):
    async def scene(limiters: Limiters) -> None:
        passed = await arrivals(limiters.ten(), implementation.many)

        assert [number for number, _ in passed] == list(range(implementation.many))
        assert limiters.took(passed[-1][1], (implementation.many - 10) / 2)

    implementation.run(request, scene)


@on_its_clock
async def test_a_waiter_cancelled_between_its_grant_and_its_turn_gives_the_slot_on(limiters):
    limiter, loop = limiters.ten_and_no_more(), asyncio.get_running_loop()
    await arrivals(limiter, 10)
    first, second = (loop.create_task(limiter.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    began = loop.time()

    limiter.release()
    first.cancel()
    await second

    assert limiters.took(loop.time() - began, 0.0)
    assert first.cancelled()


@on_its_clock
async def test_a_waiter_cancelled_in_the_turn_in_which_a_slot_comes_back_takes_none(limiters):
    limiter, loop = limiters.ten_and_no_more(), asyncio.get_running_loop()
    await arrivals(limiter, 10)
    only = loop.create_task(limiter.acquire())
    await asyncio.sleep(0)

    only.cancel()
    loop.call_soon(limiter.release)
    with pytest.raises(asyncio.CancelledError):
        await only

    assert limiter.wait(1) == 0.0
    assert limiter.try_acquire()


@on_its_clock
async def test_neighbours_cancelled_in_one_turn_leave_the_line_to_those_behind_them(limiters):
    limiter, loop = limiters.ten(), asyncio.get_running_loop()
    await arrivals(limiter, 10)
    first, second, third = (loop.create_task(limiter.acquire()) for _ in range(3))
    await asyncio.sleep(0)
    began = loop.time()

    first.cancel()
    second.cancel()
    await third

    assert limiters.took(loop.time() - began, 0.5)
    assert (first.cancelled(), second.cancelled()) == (True, True)
