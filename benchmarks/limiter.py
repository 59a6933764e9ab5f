"""What the rate limiter costs: an uncontended acquire against aiolimiter's, and ten thousand waiters."""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from aiolimiter import AsyncLimiter

from bitrix_chat import MemoryRateLimiter, Plan
from bitrix_chat.testing import run_on_virtual_clock

ACQUIRES = 100_000
WAITERS = 10_000


async def seconds_of(acquire: Callable[[], Awaitable[None]]) -> float:
    """Return the CPU seconds of many acquires that never wait."""
    started = time.process_time()
    for _ in range(ACQUIRES):
        await acquire()
    return time.process_time() - started


async def uncontended(runs: int) -> tuple[float, float]:
    """Return the median seconds of ours and of aiolimiter's, measured in turn."""
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(await seconds_of(MemoryRateLimiter(Plan(1e9, 1e8)).acquire))
        theirs.append(await seconds_of(AsyncLimiter(1e9, 10).acquire))
    return statistics.median(ours), statistics.median(theirs)


class CountingLimiter(MemoryRateLimiter):
    """Counts how often its timer woke."""

    wake_ups = 0

    def _on_timer(self) -> None:
        self.wake_ups += 1
        super()._on_timer()


async def contended() -> tuple[bool, int, int]:
    """Return whether the waiters kept their order, the timer's wake-ups, and the grants."""
    limiter, passed = CountingLimiter(Plan(50, 2)), []

    async def pass_through(number: int) -> None:
        await limiter.acquire()
        passed.append(number)

    await asyncio.gather(*(pass_through(number) for number in range(WAITERS)))
    return passed == sorted(passed), limiter.wake_ups, len(passed)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    ours, theirs = asyncio.run(uncontended(parser.parse_args().runs))
    ordered, wake_ups, grants = run_on_virtual_clock(contended())
    print(f"uncontended  ratio {ours / theirs:.2f}  ours {ours / ACQUIRES * 1e6:.2f} us, aiolimiter", end=" ")
    print(f"{theirs / ACQUIRES * 1e6:.2f} us  (bar 1.0)")
    print(f"{WAITERS} waiters  order kept: {ordered}, {wake_ups} wake-ups for {grants} grants  (bar: one a grant)")


if __name__ == "__main__":
    main()
