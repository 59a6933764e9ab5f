"""A limiter serves one event loop at a time."""

import asyncio
import threading

import pytest

from bitrix_chat import MemoryRateLimiter, Plan, WrongEventLoop


def test_a_limiter_goes_on_in_the_next_event_loop():
    limiter = MemoryRateLimiter(Plan(1, 1000))

    async def main() -> None:
        await asyncio.gather(*(limiter.acquire() for _ in range(3)))

    asyncio.run(main())
    asyncio.run(main())


def test_whoever_waited_in_a_loop_that_has_ended_holds_up_nobody():
    limiter = MemoryRateLimiter(Plan(1, 10))

    async def leave_one_waiting() -> None:
        await limiter.acquire()
        asyncio.get_running_loop().create_task(limiter.acquire())
        await asyncio.sleep(0)

    asyncio.run(leave_one_waiting())
    asyncio.run(asyncio.wait_for(limiter.acquire(), 30))


def test_two_running_event_loops_may_not_share_a_limiter():
    limiter, errors = MemoryRateLimiter(Plan(1, 1000)), []

    async def elsewhere() -> None:
        for use in (limiter.try_acquire, limiter.free):
            with pytest.raises(WrongEventLoop, match="in an event loop of another thread") as caught:
                use()
            errors.append(caught.value)
        with pytest.raises(WrongEventLoop):
            await limiter.acquire()

    async def main() -> None:
        await limiter.acquire()
        thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
        thread.start()
        await asyncio.to_thread(thread.join)
        await limiter.acquire()

    asyncio.run(main())
    assert len(errors) == 2
