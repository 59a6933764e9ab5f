"""The portal's second limit: how long one method may work in ten minutes.

Theory of operation. The portal adds up the seconds that each method worked for one webhook or application, in
ten one-minute parts. It checks before a call: the one that crosses the limit still runs, the next is refused
with 429. Answers tell the sum so far (`operating`, cumulative) and when its oldest part is forgotten
(`operating_reset_at`).

Our invariant: what the portal last told, plus what is in flight at the price of the dearest recent call, stays
within the limit. A method that would break it waits for `operating_reset_at`, counted from the portal's own clock,
never ours. What is forgotten then cannot be known, so one call goes ahead alone and its answer tells. A 429 that we
meet all the same proves a smaller limit or another reading of it: the limit is lowered for good.
"""

from typing import Final, Protocol
from weakref import WeakSet

from attrs import define, field

from bitrix_chat.models.time import Time

CLOUD_LIMIT: Final = 480.0
"""Seconds in ten minutes, as Bitrix24's cloud documents it; self-hosted portals have 420 or none."""
COUNTED_FROM: Final = 0.1
"""The portal does not count calls that are shorter, in seconds."""
BLIND_STEP: Final = 60.0
"""Seconds to wait after a 429 where the portal did not tell when: one of its ten parts."""
_LOWERED: Final = 0.875
_LEAST: Final = 60.0


class Watcher(Protocol):
    """Whoever looks at the budget again when something has changed."""

    def schedule(self) -> None:
        """Look again, soon."""
        ...


@define
class _Method:
    used: float = 0.0
    price: float = 0.0
    flying: int = 0
    reset_at: float = 0.0
    blocked_until: float = float("-inf")
    probing: bool = False


@define
class OperatingBudget:
    """Which methods may leave now; all times are seconds of one monotonic clock.

    Attributes:
        limit: seconds a method may work in ten minutes, None for a portal without this limit.
        watchers: who waits for an answer, whoever of those who share the budget it comes to.
    """

    limit: float | None = CLOUD_LIMIT
    watchers: "WeakSet[Watcher]" = field(factory=WeakSet, init=False, repr=False, eq=False)
    _methods: dict[str, _Method] = field(factory=dict, init=False)

    def opens_at(self, method: str, now: float, count: int = 1) -> float:
        """Return when `count` calls of `method` may leave: `now` for at once, infinity for after an answer."""
        known = self._methods.get(method)
        if known is None:
            return now
        if known.blocked_until > now:
            return known.blocked_until
        if not known.probing and self._affords(known, count):
            return now
        if known.flying:
            return float("inf")
        return now if known.probing or self._never_fits(known, count) else max(now, known.reset_at)

    def depart(self, method: str, count: int = 1) -> None:
        """Reserve for calls that leave; those the limit has no room for go to find out what was forgotten."""
        known = self._methods.setdefault(method, _Method())
        if not known.probing and not self._affords(known, count):
            known.probing = True
        known.flying += count

    def _affords(self, known: _Method, count: int) -> bool:
        return self.limit is None or known.used + (known.flying + count) * known.price <= self.limit

    def _never_fits(self, known: _Method, count: int) -> bool:
        # A batch that is dearer than a whole limit gains nothing by waiting, as long as it can begin.
        return self.limit is not None and count * known.price > self.limit >= known.used + known.price

    def land(self, method: str, count: int = 1) -> None:
        """Release calls that ended."""
        self._methods[method].flying -= count

    def learn(self, method: str, time: Time, now: float) -> None:
        """Learn from the `time` of a call that ran, alone or inside a batch."""
        if time.operating is not None:
            self._learn(self._methods.setdefault(method, _Method()), time, now)

    def refuse(self, method: str, now: float) -> float:
        """Learn of a 429 and return when the method opens again; a wave of them counts once."""
        known = self._methods.setdefault(method, _Method())
        if known.blocked_until <= now:
            if not known.probing:
                self.limit = self._lowered(known)
            known.blocked_until = max(known.reset_at, now + BLIND_STEP)
            known.probing = True
        return known.blocked_until

    def _lowered(self, known: _Method) -> float:
        limit = self.limit or CLOUD_LIMIT
        return min(limit, max(_LEAST, min(limit * _LOWERED, max(known.used, limit / 2))))

    def _learn(self, known: _Method, time: Time, now: float) -> None:
        known.used = time.operating or 0.0
        if time.duration is not None and time.duration >= COUNTED_FROM:
            known.price = max(time.duration, known.price * 0.9)
        if time.operating_reset_at is not None and time.finish is not None:
            known.reset_at = now + max(0.0, time.operating_reset_at - time.finish)
        known.probing = False
