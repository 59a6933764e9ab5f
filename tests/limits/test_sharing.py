"""One bucket for all clients of a loop and a portal."""

import asyncio
import gc
import weakref

import pytest

from bitrix_chat import ENTERPRISE, STANDARD, InvalidParameter, MemoryRateLimiter, Plan, shared_limiter
from bitrix_chat.limits import shared_budget
from bitrix_chat.testing import on_virtual_clock


async def test_clients_of_one_portal_share_a_limiter():
    assert shared_limiter("acme.bitrix24.example") is shared_limiter("acme.bitrix24.example")


async def test_portals_and_egress_addresses_are_limited_apart():
    one = shared_limiter("acme.bitrix24.example")

    assert one is not shared_limiter("other.bitrix24.example")
    assert one is not shared_limiter("acme.bitrix24.example", egress="proxy-2")


async def test_two_plans_for_one_portal_are_refused():
    shared_limiter("acme.bitrix24.example", ENTERPRISE)

    assert shared_limiter("acme.bitrix24.example").plan == ENTERPRISE
    with pytest.raises(InvalidParameter, match="already limited"):
        shared_limiter("acme.bitrix24.example", STANDARD)


async def test_a_plan_said_later_replaces_the_assumed_one():
    limiter = shared_limiter("acme.bitrix24.example")
    await limiter.acquire()

    assert shared_limiter("acme.bitrix24.example", ENTERPRISE) is limiter
    assert (limiter.plan, limiter.pace, limiter.free()) == (ENTERPRISE, 5, 239)


async def test_a_caller_has_one_budget_a_limit():
    webhook = "https://acme.bitrix24.example/rest/1/secret/"

    assert shared_budget(webhook, 480) is shared_budget(webhook, 480)
    assert shared_budget(webhook, 480) is not shared_budget(webhook, None)
    assert shared_budget(webhook, 480) is not shared_budget("https://acme.bitrix24.example/rest/", 480)


@pytest.mark.parametrize(("size", "leak"), [(0, 2), (50, 0), (-1, 2), (float("nan"), 2), (50, float("inf")), ("50", 2)])
def test_a_plan_without_a_limit_is_refused(size, leak):
    with pytest.raises(InvalidParameter, match="of a plan"):
        Plan(size, leak)


def test_a_closed_loop_takes_its_limiters_along():
    async def made() -> weakref.ref[MemoryRateLimiter]:
        limiter = shared_limiter("acme.bitrix24.example")
        await limiter.acquire()
        return weakref.ref(limiter)

    reference = asyncio.run(made())
    gc.collect()

    assert reference() is None


@on_virtual_clock
async def test_its_repr_shows_level_and_waiters():
    limiter = MemoryRateLimiter(Plan(5, 2))
    await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)

    assert repr(limiter) == "<MemoryRateLimiter level=1.0/1 waiting=1>"
    assert limiter.pace == 2
    waiting.cancel()


@on_virtual_clock
async def test_what_another_process_has_sent_is_waited_for_by_all_who_come_and_who_wait():
    limiter, loop = MemoryRateLimiter(Plan(5, 2)), asyncio.get_running_loop()
    began = loop.time()
    await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0.25)

    limiter.assume_full(seconds_ago=0.0)
    await waiting

    assert loop.time() - began == pytest.approx(0.75)
    assert limiter.free() == 0
