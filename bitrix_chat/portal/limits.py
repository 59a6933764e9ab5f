"""The portal's two limits: how often it may be asked, and how long each method may work.

The request limiter stands in front of PHP and knows nothing but hits. The operating limiter stands
inside and counts seconds by credential and method, in minutes kept for ten minutes; the call that
crosses the limit still runs, the next one is refused.
"""

from collections.abc import Callable
from typing import Final, Protocol, final

import attrs

from bitrix_chat.portal.policy import Plan

_WINDOW: Final = 600
_BUCKET: Final = 60
_IGNORED: Final = 0.1  # shorter work is not recorded
_BAN: Final = 300


@final
class LeakyBucket:
    """A counter of hits that drains once a second, on the second."""

    def __init__(self, plan: Plan, clock: Callable[[], float], *, refused_count: bool) -> None:
        self.level = 0
        self.peak = 0
        self._capacity = plan.capacity
        self._drain = plan.drain
        self._clock = clock
        self._refused_count = refused_count
        self._second = int(clock())

    def admit(self) -> bool:
        """Count one hit; False if it would lift the counter above the capacity."""
        if self._capacity is None:
            return True
        second = int(self._clock())
        self.level = max(0, self.level - self._drain * (second - self._second))
        self._second = second
        admitted = self.level < self._capacity
        if admitted or self._refused_count:
            self.level += 1
            self.peak = max(self.peak, self.level)
        return admitted


@final
@attrs.frozen
class OperatingKey:
    """Whose time is counted: one webhook or application, one method."""

    credential: str
    method: str


class OperatingLimit(Protocol):
    """The time budget of each method."""

    def blocked(self, key: OperatingKey) -> bool:
        """Tell whether the next call is refused."""

    def record(self, key: OperatingKey, seconds: float) -> None:
        """Add working time that was spent."""

    def spent(self, key: OperatingKey) -> float:
        """Return the seconds that count now."""

    def reset_at(self, key: OperatingKey) -> int:
        """Return the unix second at which the oldest counted work stops counting."""


@final
class SlidingOperatingLimit:
    """Blocks a method until enough of its minutes have left the window, as the documentation has it."""

    def __init__(self, limit: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._work: dict[OperatingKey, dict[int, float]] = {}

    def blocked(self, key: OperatingKey) -> bool:
        """Refuse while the counted seconds exceed the limit."""
        return self.spent(key) > self._limit + 1e-9

    def record(self, key: OperatingKey, seconds: float) -> None:
        """Add to the running minute, or open one; a minute starts with its first work, not on the clock's."""
        if seconds <= _IGNORED:
            return
        now = int(self._clock())
        minutes = self._live(key)
        start = max(minutes, default=now - _BUCKET)
        start = start if now - start < _BUCKET else now
        minutes[start] = minutes.get(start, 0.0) + seconds

    def spent(self, key: OperatingKey) -> float:
        """Add up the minutes of the window."""
        return sum(self._live(key).values())

    def reset_at(self, key: OperatingKey) -> int:
        """Return when the oldest minute leaves; ten minutes from now when nothing is counted."""
        return min(self._live(key), default=int(self._clock())) + _WINDOW

    def forget(self, key: OperatingKey) -> None:
        """Drop everything counted for a key."""
        self._work.pop(key, None)

    def _live(self, key: OperatingKey) -> dict[int, float]:
        minutes = self._work.setdefault(key, {})
        expired = [start for start in minutes if start + _WINDOW <= self._clock()]
        for start in expired:
            del minutes[start]
        return minutes


@final
class BanningOperatingLimit:
    """Bans a method for 300 s once its work exceeds the limit and forgets the work, as newer portals do."""

    def __init__(self, limit: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._window = SlidingOperatingLimit(limit, clock)
        self._banned_until: dict[OperatingKey, float] = {}

    def blocked(self, key: OperatingKey) -> bool:
        """Refuse while the ban runs."""
        if self._clock() < self._banned_until.get(key, 0.0):
            return True
        if not self._window.blocked(key):
            return False
        self._window.forget(key)
        self._banned_until[key] = self._clock() + _BAN
        return True

    def record(self, key: OperatingKey, seconds: float) -> None:
        """Add working time that was spent."""
        self._window.record(key, seconds)

    def spent(self, key: OperatingKey) -> float:
        """Return the seconds that count now."""
        return self._window.spent(key)

    def reset_at(self, key: OperatingKey) -> int:
        """Return the end of the ban, or when the oldest minute leaves."""
        return int(max(self._banned_until.get(key, 0.0), self._window.reset_at(key)))
