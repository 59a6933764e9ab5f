"""Who may send next: a queue before the portal's counter, first come first served.

Theory of operation. One timer serves all waiters: it is set for the moment at which the first of them may
leave, and a grant wakes exactly that one. A waiter that is cancelled leaves the queue without having spent
anything, and one that is cancelled between its grant and its turn gives the grant back. The portal counts by
address and not by caller, so all clients of one event loop and one portal share a limiter.
"""

import asyncio
import weakref
from asyncio import get_running_loop
from collections import deque
from typing import Final, Protocol, runtime_checkable

from bitrix_chat.errors import WrongEventLoop
from bitrix_chat.limits.bucket import STANDARD, LeakyBucket, Plan

MAX_IN_FLIGHT: Final = 16
"""HTTP requests of one client at a time."""


@runtime_checkable
class RateLimiter(Protocol):
    """Grants requests to one portal from one address; a contract suite holds for every implementation."""

    def try_acquire(self) -> bool:
        """Take a slot if one is free and nobody waits."""
        ...

    async def acquire(self) -> None:
        """Wait for a slot, in the order of the calls; cancelled, it takes none."""
        ...

    def release(self) -> None:
        """Give back a slot whose request never left."""
        ...

    def free(self) -> int:
        """Return how many slots are free now."""
        ...

    def wait(self, position: int) -> float:
        """Return the seconds until the `position`-th request from now may leave (1 is the next)."""
        ...

    def refuse(self, sent_at: float) -> None:
        """Learn that a request which left at the loop time `sent_at` met the limit: pause and slow down."""
        ...


class MemoryRateLimiter:
    """A `RateLimiter` for one event loop.

    Args:
        plan: the portal's limit, `STANDARD` or `ENTERPRISE` or your own.
    """

    def __init__(self, plan: Plan = STANDARD) -> None:
        self._bucket = LeakyBucket(plan)
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._cancelled: set[asyncio.Future[None]] = set()
        self._dropped: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        # Weak, since the limiters that a loop's clients share live as long as the loop.
        self._loop: weakref.ref[asyncio.AbstractEventLoop] | None = None
        self._loop_id = 0

    def __repr__(self) -> str:
        bucket = self._bucket
        return f"<MemoryRateLimiter level={bucket.level:.1f}/{bucket.plan.burst:g} waiting={self._waiting}>"

    @property
    def plan(self) -> Plan:
        """The limit it keeps."""
        return self._bucket.plan

    def adopt(self, plan: Plan) -> None:
        """Keep another plan from now on; what was counted stays counted."""
        self._bucket.adopt(plan)
        self._arm()

    @property
    def pace(self) -> float:
        """Requests a second it counts on at present; lower than the plan's after a refusal."""
        return self._bucket.pace

    def try_acquire(self) -> bool:
        """Take a slot if one is free and nobody waits."""
        loop = get_running_loop()
        if self._loop_id != id(loop):
            self._settle_in(loop)
        return not self._waiters and self._bucket.take(loop.time())

    async def acquire(self) -> None:
        """Wait for a slot, in the order of the calls; cancelled, it takes none."""
        loop = get_running_loop()
        if self._loop_id != id(loop):
            self._settle_in(loop)
        if not self._waiters and self._bucket.take(loop.time()):
            return
        waiter = get_running_loop().create_future()
        self._waiters.append(waiter)
        self._arm()
        try:
            await waiter
        except asyncio.CancelledError:
            self._forget(waiter)
            raise

    def release(self) -> None:
        """Give back a slot whose request never left."""
        self._bucket.give_back()
        self._grant()

    def free(self) -> int:
        """Return how many slots are free now."""
        return 0 if self._waiters else self._bucket.free(self._now())

    def wait(self, position: int) -> float:
        """Return the seconds until the `position`-th request from now may leave (1 is the next)."""
        return self._bucket.wait(self._now(), self._waiting + position)

    def refuse(self, sent_at: float) -> None:
        """Pause everyone once for a wave of refusals and lower the pace; it recovers by itself."""
        if self._bucket.refuse(self._now(), sent_at):
            self._arm()

    def assume_full(self, seconds_ago: float) -> None:
        """Take it that somebody at this address has sent a whole burst so many seconds ago."""
        self._bucket.assume_full(self._now(), seconds_ago)
        self._arm()

    @property
    def _waiting(self) -> int:
        return len(self._waiters) - len(self._cancelled)

    def _now(self) -> float:
        loop = get_running_loop()
        if self._loop_id != id(loop):
            self._settle_in(loop)
        return loop.time()

    def _settle_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve another event loop once the former has ended: those who wait there would not be woken from here."""
        former = None if self._loop is None else self._loop()
        if former is not None and former.is_running():
            raise WrongEventLoop("this limiter is in use in an event loop of another thread; give each its own")
        self._loop, self._loop_id, self._timer = weakref.ref(loop), id(loop), None
        self._waiters.clear()
        self._cancelled.clear()
        self._dropped.clear()

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        if not waiter.cancelled():
            self.release()
        elif waiter in self._dropped:  # another's turn met it at the head before its own came
            self._dropped.discard(waiter)
        else:
            self._cancelled.add(waiter)
            if self._waiters[0] is waiter:
                self._drop_cancelled()
                self._arm()

    def _drop_cancelled(self) -> None:
        # A waiter that was cancelled further back stays until it stands at the head.
        while self._waiters and self._waiters[0].cancelled():
            waiter = self._waiters[0]
            del self._waiters[0]
            if waiter in self._cancelled:
                self._cancelled.discard(waiter)
            else:
                self._dropped.add(waiter)

    def _grant(self) -> None:
        self._drop_cancelled()
        while self._waiters and self._bucket.take(self._now()):
            self._waiters.popleft().set_result(None)
            self._drop_cancelled()
        self._arm()

    def _on_timer(self) -> None:
        self._timer = None
        self._grant()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiters:
            self._timer = get_running_loop().call_later(self._bucket.wait(self._now()), self._on_timer)
