"""One bucket for all clients of a loop and a portal."""

import asyncio
import gc
import weakref

import pytest

from bitrix_chat import ENTERPRISE, STANDARD, MemoryRateLimiter, Plan, shared_limiter
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
    with pytest.raises(ValueError, match="already limited"):
        shared_limiter("acme.bitrix24.example", STANDARD)


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
