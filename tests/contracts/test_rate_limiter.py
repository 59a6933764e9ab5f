"""What every `RateLimiter` must do, run over all implementations."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat import MemoryRateLimiter, Plan, RateLimiter
from bitrix_chat.testing import on_virtual_clock

TEN = Plan(14, 2)
"""Ten at once, then two a second."""

IMPLEMENTATIONS: list[Callable[[], RateLimiter]] = [lambda: MemoryRateLimiter(TEN)]


@pytest.fixture(params=IMPLEMENTATIONS, ids=["memory"])
def make(request: pytest.FixtureRequest) -> Callable[[], RateLimiter]:
    return request.param


async def arrivals(limiter: RateLimiter, count: int) -> list[tuple[int, float]]:
    """Start `count` waiters in order and note when each was let through."""
    loop, began, passed = asyncio.get_running_loop(), asyncio.get_running_loop().time(), []

    async def pass_through(number: int) -> None:
        await limiter.acquire()
        passed.append((number, loop.time() - began))

    await asyncio.gather(*(pass_through(number) for number in range(count)))
    return passed


@on_virtual_clock
async def test_it_is_a_rate_limiter(make):
    assert isinstance(make(), RateLimiter)


@on_virtual_clock
async def test_the_burst_leaves_at_once_and_the_rest_at_the_pace(make):
    passed = await arrivals(make(), 14)

    assert [when for _, when in passed] == pytest.approx([0.0] * 10 + [0.5, 1.0, 1.5, 2.0])


@on_virtual_clock
async def test_first_come_first_served(make):
    passed = await arrivals(make(), 200)

    assert [number for number, _ in passed] == list(range(200))


@on_virtual_clock
async def test_a_newcomer_does_not_overtake(make):
    limiter = make()
    waiting = asyncio.create_task(arrivals(limiter, 12))
    await asyncio.sleep(0.25)

    assert not limiter.try_acquire()
    assert limiter.free() == 0
    await waiting


@on_virtual_clock
async def test_a_slot_given_back_wakes_the_next_at_once(make):
    limiter, loop = make(), asyncio.get_running_loop()
    await arrivals(limiter, 10)
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    began = loop.time()

    limiter.release()
    await waiting

    assert loop.time() == began


@on_virtual_clock
async def test_the_promised_wait_is_kept(make):
    limiter, loop = make(), asyncio.get_running_loop()
    await arrivals(limiter, 10)
    began, promised = loop.time(), limiter.wait(3)

    for _ in range(3):
        await limiter.acquire()

    assert loop.time() - began == pytest.approx(promised)


@on_virtual_clock
async def test_a_refusal_pauses_everyone_and_a_wave_of_them_once(make):
    limiter, loop = make(), asyncio.get_running_loop()
    began = loop.time()
    waiting = asyncio.create_task(arrivals(limiter, 12))
    await asyncio.sleep(0.1)

    for _ in range(5):
        limiter.refuse(sent_at=began)
    passed = await waiting

    assert passed[10][1] > 1.0
    assert passed[-1][1] < 10.0


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_subset_of_waiters_may_be_cancelled_without_losing_a_slot_or_the_order(data):
    count = data.draw(st.integers(1, 40))
    cancelled = data.draw(st.sets(st.integers(0, count - 1)))
    after = data.draw(st.floats(0, 6))
    for implementation in IMPLEMENTATIONS:
        on_virtual_clock(_cancel_some)(implementation(), count, cancelled, after)


async def _cancel_some(limiter: RateLimiter, count: int, cancelled: set[int], after: float) -> None:
    loop, passed = asyncio.get_running_loop(), []

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
    began = loop.time()
    for _ in range(10):
        await limiter.acquire()
    assert loop.time() - began <= 5.0 + 1e-6
    assert len(asyncio.all_tasks()) == 1


@on_virtual_clock
async def test_ten_thousand_waiters_keep_their_order_with_one_wake_up_a_grant(make):
    limiter = make()

    passed = await arrivals(limiter, 10_000)

    assert [number for number, _ in passed] == list(range(10_000))
    assert passed[-1][1] == pytest.approx((10_000 - 10) / 2)


@on_virtual_clock
async def test_a_waiter_cancelled_between_its_grant_and_its_turn_gives_the_slot_on(make):
    limiter, loop = make(), asyncio.get_running_loop()
    await arrivals(limiter, 10)
    first, second = (loop.create_task(limiter.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    began = loop.time()

    limiter.release()
    first.cancel()
    await second

    assert loop.time() == began
    assert first.cancelled()


@on_virtual_clock
async def test_a_waiter_cancelled_in_the_turn_in_which_a_slot_comes_back_takes_none(make):
    limiter, loop = make(), asyncio.get_running_loop()
    await arrivals(limiter, 10)
    only = loop.create_task(limiter.acquire())
    await asyncio.sleep(0)

    only.cancel()
    loop.call_soon(limiter.release)
    with pytest.raises(asyncio.CancelledError):
        await only

    assert limiter.wait(1) == 0.0
    assert limiter.try_acquire()


@on_virtual_clock
async def test_neighbours_cancelled_in_one_turn_leave_the_line_to_those_behind_them(make):
    limiter, loop = make(), asyncio.get_running_loop()
    await arrivals(limiter, 10)
    first, second, third = (loop.create_task(limiter.acquire()) for _ in range(3))
    await asyncio.sleep(0)
    began = loop.time()

    first.cancel()
    second.cancel()
    await third

    assert loop.time() - began == pytest.approx(0.5)
    assert (first.cancelled(), second.cancelled()) == (True, True)
