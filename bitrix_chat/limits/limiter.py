"""What keeps the portal's request limit, as a protocol, and the limiter of one event loop."""

from typing import Final, Protocol, runtime_checkable

from attrs import define

from bitrix_chat.limits.bucket import STANDARD, LeakyBucket, Plan
from bitrix_chat.limits.queueing import QueueingLimiter

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


@define
class OwnSlots(LeakyBucket):
    """A bucket that nobody else draws on: a turn is worth no more than being there."""

    def take_turn(self, now: float) -> bool:
        """Count a request of the first who waits, if it may leave now."""
        return self.take(now)

    def until_turn(self, now: float) -> float:
        """Return the seconds until the first who waits may leave."""
        return self.wait(now)

    def rest(self) -> None:
        """Do nothing: those who waited had nothing put down."""


class MemoryRateLimiter(QueueingLimiter[OwnSlots]):
    """A `RateLimiter` for one event loop.

    The portal counts by address and not by caller, so all clients of one event loop and one portal share a limiter.

    Args:
        plan: the portal's limit, `STANDARD` or `ENTERPRISE` or your own.
    """

    def __init__(self, plan: Plan = STANDARD) -> None:
        super().__init__(OwnSlots(plan))

    def __repr__(self) -> str:
        bucket = self._slots
        return f"<MemoryRateLimiter level={bucket.level:.1f}/{bucket.plan.burst:g} waiting={self._waiters.waiting}>"

    @property
    def plan(self) -> Plan:
        """The limit it keeps."""
        return self._slots.plan

    def adopt(self, plan: Plan) -> None:
        """Keep another plan from now on; what was counted stays counted."""
        self._slots.adopt(plan)
        self._arm()

    @property
    def pace(self) -> float:
        """Requests a second it counts on at present; lower than the plan's after a refusal."""
        return self._slots.pace

    def assume_full(self, seconds_ago: float) -> None:
        """Take it that somebody at this address has sent a whole burst so many seconds ago."""
        self._slots.assume_full(self._now(), seconds_ago)
        self._arm()
