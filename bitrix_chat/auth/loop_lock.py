"""A lock that outlives `asyncio.run`: an `asyncio.Lock` stays bound to the loop in which it was first waited for."""

import asyncio

from attrs import define


@define(eq=False)
class LoopLock:
    """Hands out one lock for as long as the loop is the same, and a free one in the next loop."""

    _loop: asyncio.AbstractEventLoop | None = None
    _lock: asyncio.Lock | None = None

    def current(self) -> asyncio.Lock:
        """Return the running loop's lock."""
        loop = asyncio.get_running_loop()
        if self._lock is None or self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock
