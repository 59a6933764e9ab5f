"""A limiter that knows how many slots are out, and an ear for what a loop complains of."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field

from bitrix_chat import MemoryRateLimiter, Plan
from bitrix_chat.limits.limiter import OwnSlots


@define
class CountingSlots(OwnSlots):
    """Counts what was taken and not given back, whatever has leaked since."""

    out: int = field(default=0, init=False)

    def take(self, now: float, count: int = 1) -> bool:
        taken = super().take(now, count)
        self.out += count if taken else 0
        return taken

    def give_back(self, count: int = 1) -> None:
        self.out -= count
        super().give_back(count)


class CountingLimiter(MemoryRateLimiter):
    """Knows its slots that are out: each has to be a request that left."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._slots = CountingSlots(plan)

    @property
    def out(self) -> int:
        """How many slots were granted and not given back."""
        return self._slots.out


@contextmanager
def complaints() -> Iterator[list[dict[str, Any]]]:
    """Collect what the running loop reports: exceptions never retrieved, tasks destroyed while pending."""
    loop, heard = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: heard.append(context))
    try:
        yield heard
    finally:
        gc.collect()
        loop.set_exception_handler(None)
