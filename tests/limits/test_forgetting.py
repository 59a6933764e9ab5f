"""Of the portals that a process has served nothing is kept once it counts no more, and nothing forgotten before."""

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest

from bitrix_chat import MemoryRateLimiter, Plan, shared_limiter
from bitrix_chat.limits import OperatingBudget, shared_budget
from bitrix_chat.models.time import Time
from bitrix_chat.testing import on_virtual_clock

MANY = 1000


def now() -> float:
    return asyncio.get_running_loop().time()


def limiter_of(number: int) -> MemoryRateLimiter:
    return shared_limiter(f"portal-{number}.bitrix24.example")


def budget_of(number: int) -> OperatingBudget:
    return shared_budget(f"https://portal-{number}.bitrix24.example/rest/", 480.0)


def kept(of: Callable[[int], object], numbers: range) -> list[int]:
    """Return which are left of those that were handed out and are held by nobody, after many more were asked for."""
    references = {number: weakref.ref(of(number)) for number in numbers}
    for number in range(MANY, 2 * MANY):
        of(number)
    gc.collect()
    return [number for number, reference in references.items() if reference() is not None]


@pytest.mark.parametrize("of", [limiter_of, budget_of])
async def test_what_nobody_has_used_is_forgotten(of):
    assert kept(of, range(100)) == []


@pytest.mark.parametrize("of", [limiter_of, budget_of])
async def test_what_a_client_holds_stays_the_same(of):
    held = [of(number) for number in range(100)]
    kept(of, range(100, 200))

    assert all(of(number) is each for number, each in enumerate(held))


@on_virtual_clock
async def test_a_bucket_stays_until_it_is_drained():
    for number in (3, 5):
        await limiter_of(number).acquire()
    await asyncio.sleep(0.4)
    limiter_of(5).release()

    assert kept(limiter_of, range(10)) == [3]
    await asyncio.sleep(0.2)
    assert kept(limiter_of, range(10)) == []


@on_virtual_clock
async def test_a_pause_and_a_slower_pace_stay_until_they_are_over():
    limiter_of(3).refuse(now())
    assert kept(limiter_of, range(10)) == [3]
    await asyncio.sleep(40)
    assert kept(limiter_of, range(10)) == [3]
    await asyncio.sleep(20)
    assert kept(limiter_of, range(10)) == []


@on_virtual_clock
async def test_a_queue_stays_with_those_who_wait():
    limiter_of(3).refuse(now())
    waiting = [asyncio.create_task(limiter_of(3).acquire()) for _ in range(3)]
    await asyncio.sleep(0.1)

    assert kept(limiter_of, range(10)) == [3]
    await asyncio.gather(*waiting)


@on_virtual_clock
async def test_a_plan_that_was_said_is_remembered_without_its_limiter():
    shared_limiter("portal-3.bitrix24.example", Plan(250, 5))

    assert kept(limiter_of, range(10)) == []
    assert limiter_of(3).plan == Plan(250, 5)


@on_virtual_clock
async def test_what_a_method_has_worked_stays_until_the_portal_has_forgotten_it():
    time = Time(duration=2.0, operating=2.0, operating_reset_at=1300.0, finish=1000.0)
    budget_of(3).learn("im.chat.add", time, now())

    assert kept(budget_of, range(10)) == [3]
    await asyncio.sleep(850)
    assert kept(budget_of, range(10)) == [3]
    await asyncio.sleep(100)
    assert kept(budget_of, range(10)) == []


@on_virtual_clock
async def test_what_flies_or_is_blocked_or_was_lowered_stays():
    await asyncio.sleep(1000)
    budget_of(1).depart("im.chat.add")
    budget_of(2).refuse("im.chat.add", now())
    await asyncio.sleep(100_000)

    assert kept(budget_of, range(10)) == [1, 2]
    assert budget_of(2).limit != 480.0
    budget_of(1).land("im.chat.add")
    assert kept(budget_of, range(10)) == [2]
