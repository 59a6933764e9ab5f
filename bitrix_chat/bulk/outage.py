"""Waiting for a portal that is away, for all chats of a run together."""

import asyncio
from collections.abc import Callable
from typing import Final

LONGEST: Final = 300.0
"""Seconds after which an outage stops the run."""
_FIRST: Final = 2.0
_PAUSE: Final = 30.0


class Outage:
    """Says how long to wait, and when waiting has not helped.

    Args:
        clock: seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: float | None = None

    def is_over(self) -> None:
        """Learn that the portal has answered."""
        self._began = None

    async def passes(self) -> bool:
        """Wait a while, the longer the longer it lasts; False where it has lasted too long."""
        now = self._clock()
        if self._began is None:
            self._began = now
        lasted = now - self._began
        if lasted > LONGEST:
            return False
        await asyncio.sleep(min(_PAUSE, _FIRST + lasted / 2))
        return True
