"""What the rate limiters cost: an acquire without contention against what it cannot do without, and many waiters."""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiolimiter import AsyncLimiter

from bitrix_chat import MemoryRateLimiter, Plan
from bitrix_chat.limits.file_limiter import FileRateLimiter
from bitrix_chat.storage.file_lock import try_lock, unlock
from bitrix_chat.storage.positions import read_at, write_at
from bitrix_chat.testing import run_on_virtual_clock

ACQUIRES = 100_000
FILE_ACQUIRES = 20_000
WAITERS = 10_000
AMPLE = Plan(1e9, 1e8)


async def seconds_of(acquire: Callable[[], Awaitable[None]], acquires: int = ACQUIRES) -> float:
    """Return the CPU seconds of many acquires that never wait."""
    started = time.process_time()
    for _ in range(acquires):
        await acquire()
    return time.process_time() - started


async def uncontended(runs: int) -> tuple[float, float]:
    """Return the median seconds of ours and of aiolimiter's, measured in turn."""
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(await seconds_of(MemoryRateLimiter(AMPLE).acquire))
        theirs.append(await seconds_of(AsyncLimiter(1e9, 10).acquire))
    return statistics.median(ours), statistics.median(theirs)


def seconds_of_bare_file(path: Path, size: int) -> float:
    """Return the CPU seconds of as many locks, reads, writes and unlocks of a record, with nothing done in between."""
    descriptor, record = os.open(path, os.O_RDWR | os.O_CREAT, 0o600), bytes(size)
    try:
        write_at(descriptor, record, 0)
        started = time.process_time()
        for _ in range(FILE_ACQUIRES):
            try_lock(descriptor)
            read_at(descriptor, size, 0)
            write_at(descriptor, record, 0)
            unlock(descriptor)
        return time.process_time() - started
    finally:
        os.close(descriptor)


async def in_a_file(runs: int) -> tuple[float, float]:
    """Return the median seconds of a limiter in a file and of the bare file, measured in turn."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as folder:
        limiter = FileRateLimiter(Path(folder) / "ours", AMPLE)
        size = limiter.path.stat().st_size
        for _ in range(runs):
            ours.append(await seconds_of(limiter.acquire, FILE_ACQUIRES))
            bare.append(seconds_of_bare_file(Path(folder) / "bare", size))
        limiter.close()
    return statistics.median(ours), statistics.median(bare)


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
    runs = parser.parse_args().runs
    ours, theirs = asyncio.run(uncontended(runs))
    shared, bare = asyncio.run(in_a_file(runs))
    ordered, wake_ups, grants = run_on_virtual_clock(contended())
    print(f"uncontended  ratio {ours / theirs:.2f}  ours {ours / ACQUIRES * 1e6:.2f} us, aiolimiter", end=" ")
    print(f"{theirs / ACQUIRES * 1e6:.2f} us  (bar 1.0)")
    print(
        f"in a file    ratio {shared / bare:.2f}  ours {shared / FILE_ACQUIRES * 1e6:.2f} us, lock, read, write",
        end=" ",
    )
    print(f"{bare / FILE_ACQUIRES * 1e6:.2f} us  (bar 3.0)")
    print(f"{WAITERS} waiters  order kept: {ordered}, {wake_ups} wake-ups for {grants} grants  (bar: one a grant)")


if __name__ == "__main__":
    main()
