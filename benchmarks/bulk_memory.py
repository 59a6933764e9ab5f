"""How much memory a long bulk run takes: specs generated lazily, and a consumer who is slower than the portal."""

import asyncio
import os
import resource
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bulk_cost import UNLIMITED, emulator
from bulk_tables import Bars, markdown

from bitrix_chat import BitrixChat, WebhookAuth
from bitrix_chat.limits import MemoryRateLimiter

CHATS = 100_000
AT_MOST = 60.0
FLAT = 10.0
A_SECOND = 2_500  # results that the consumer takes
_MIB = 1024 * 1024
_SAMPLE = 0.1


@dataclass(frozen=True)
class Memory:
    """MiB above the idle process: the highest, and what was added from a quarter of the run to its end."""

    journal: bool
    idle: float
    peak: float
    growth: float
    seconds: float


class Sampler(threading.Thread):
    """Notes the resident set size until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.samples: list[float] = []
        self._stopped = threading.Event()

    def run(self) -> None:
        """Sample."""
        while not self._stopped.wait(_SAMPLE):
            self.samples.append(resident())

    def stop(self) -> list[float]:
        """Return what was noted."""
        self._stopped.set()
        self.join()
        return self.samples


def resident() -> float:
    """Return the process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


def specs(count: int) -> Iterator[dict[str, Any]]:
    """Make each spec as it is asked for."""
    for number in range(count):
        yield {"title": f"Deal {number}: R&D #1", "description": f"All about deal {number}", "user_ids": (1, 2)}


async def _run(webhook: str, journal: Path | None, count: int) -> tuple[float, list[float], float]:
    limiter = MemoryRateLimiter(UNLIMITED)
    async with BitrixChat(WebhookAuth(webhook), limiter=limiter, allow_insecure_loopback=True) as b24:
        await b24.im.chat.bulk(specs(50)).run()  # all is imported, connections are open
        idle, sampler = resident(), Sampler()
        sampler.start()
        began = asyncio.get_running_loop().time()
        taken = 0
        async for result in b24.im.chat.bulk(
            specs(count), key=lambda spec: spec.title, key_is_new=True, journal=journal
        ):
            assert result.chat_id, result
            taken += 1
            if taken % 50 == 0:
                await asyncio.sleep(50 / A_SECOND)
        took = asyncio.get_running_loop().time() - began
        return idle, sampler.stop(), took


def measure(count: int, *, journal: bool) -> Memory:
    """Run once in this process, which should be a fresh one."""
    with emulator() as webhook, tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "run.sqlite" if journal else None
        idle, samples, took = asyncio.run(_run(webhook, path, count))
    highest = max(*samples, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    quarter = max(samples[: max(1, len(samples) // 4)])
    return Memory(journal, idle, highest - idle, max(samples) - quarter, took)


def measured(count: int = CHATS) -> list[Memory]:
    """Run without and with a journal, each in a fresh process, both at a time."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(measure, count, journal=journal) for journal in (False, True)]
        return [future.result() for future in running]


def report(found: list[Memory], bars: Bars) -> str:
    """Write the table, and hold it against the bars."""
    rows = []
    for memory in found:
        way = "bulk, journal" if memory.journal else "bulk"
        rows.append((way, *(f"{figure:.0f}" for figure in (memory.idle, memory.peak, memory.growth, memory.seconds))))
        bars.at_most(f"{way}: MiB above the idle process", memory.peak, AT_MOST)
        bars.at_most(f"{way}: MiB more at the end than at a quarter", memory.growth, FLAT)
    return markdown(("way", "idle MiB", "peak above", "from a quarter on", "seconds"), rows)
