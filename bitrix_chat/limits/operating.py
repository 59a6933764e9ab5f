"""The portal's second limit: how long one method may work in ten minutes.

Theory of operation. The portal adds up the seconds that each method worked for one webhook or application, in
ten one-minute parts. It checks before a call: the one that crosses the limit still runs, the next is refused
with 429. Answers tell the sum so far (`operating`, cumulative) and when its oldest part is forgotten
(`operating_reset_at`).

Our invariant: what the portal last told, plus what is in flight at the price of the dearest recent call, stays
within the limit. A method that would break it waits for `operating_reset_at`, counted from the portal's own clock,
never ours. What is forgotten then cannot be known, so one call goes ahead alone and its answer tells. A 429 that we
meet all the same proves a smaller limit or another reading of it: the limit is lowered for good.

Portals differ in what they charge for a batch: some each command to its own method, others the batch itself, at half.
Nobody tells; but how far the sums rise beside the time that was worked does. Until an answer has shown it, both count.
"""

from typing import Final, Protocol
from weakref import WeakSet

from attrs import define, field

from bitrix_chat.limits.method_use import Charge, MethodUse
from bitrix_chat.models.time import Time

CLOUD_LIMIT: Final = 480.0
"""Seconds in ten minutes, as Bitrix24's cloud documents it; self-hosted portals have 420 or none."""
COUNTED_FROM: Final = 0.1
"""The portal does not count calls that are shorter, in seconds."""
BLIND_STEP: Final = 60.0
"""Seconds to wait after a 429 where the portal did not tell when: one of its ten parts."""
_LOWERED: Final = 0.875
_LEAST: Final = 60.0
_ROUNDING: Final = 1e-6
_DAY: Final = 86_400.0
"""Seconds that a portal can have a method wait at most, whatever it says."""
_LONGEST: Final = 3600.0
"""Seconds that no call takes; a portal that says so is not believed."""


class Watcher(Protocol):
    """Whoever looks at the budget again when something has changed."""

    def schedule(self) -> None:
        """Look again, soon."""
        ...


@define
class OperatingBudget:
    """Which methods may leave now; all times are seconds of one monotonic clock.

    Attributes:
        limit: seconds a method may work in ten minutes, None for a portal without this limit.
        watchers: who waits for an answer, whoever of those who share the budget it comes to.
    """

    limit: float | None = CLOUD_LIMIT
    watchers: "WeakSet[Watcher]" = field(factory=WeakSet, init=False, repr=False, eq=False)
    _methods: dict[str, MethodUse] = field(factory=dict, init=False)

    def opens_at(self, method: str, now: float, count: int = 1, *, inside: bool = False) -> float:
        """Return when `count` calls of `method` may leave: `now` for at once, infinity for after an answer.

        Args:
            method: the method.
            now: the time.
            count: how many.
            inside: they would leave inside a batch.
        """
        known = self._methods.get(method)
        if known is None:
            return now
        if known.closed_until > now:
            return known.closed_until
        if not known.probing and self._affords(known, count, inside=inside):
            return now
        if known.is_flying:
            return float("inf")
        return now if known.probing or self._never_fits(known, count) else max(now, known.reset_at)

    def room(self, method: str, now: float) -> float:
        """Return how many calls of `method` may leave now inside batches."""
        known = self._methods.get(method)
        if known is None:
            return float("inf")
        if known.closed_until > now:
            return 0
        count = 0.0 if known.probing else self._affordable(known)
        if count >= 1 or known.is_flying:
            return count
        return 1 if known.probing or known.reset_at <= now else 0

    def _affordable(self, known: MethodUse) -> float:
        cost = known.cost(inside=True)
        if self.limit is None or not known.price:
            return float("inf")
        left = self.limit + _ROUNDING - known.used - known.reserved
        if not cost:
            return float("inf") if left >= 0 else 0
        return max(0.0, left // cost)

    def depart(self, method: str, count: int = 1, *, inside: bool = False) -> None:
        """Reserve for calls that leave; those the limit has no room for go to find out what was forgotten."""
        known = self._methods.get(method)
        if known is None:
            known = self._methods[method] = MethodUse()
        if not known.probing and not self._affords(known, count, inside=inside):
            known.probing = True
        if inside:
            known.flying_inside += count
        else:
            known.flying += count

    def _affords(self, known: MethodUse, count: int, *, inside: bool) -> bool:
        if self.limit is None or not known.price:
            return True
        return known.used + known.reserved + count * known.cost(inside=inside) <= self.limit + _ROUNDING

    def _never_fits(self, known: MethodUse, count: int) -> bool:
        # A batch that is dearer than a whole limit gains nothing by waiting, as long as it can begin.
        return self.limit is not None and count * known.price > self.limit >= known.used + known.price

    def land(self, method: str, count: int = 1, *, inside: bool = False) -> None:
        """Release calls that ended."""
        known = self._methods[method]
        if inside:
            known.flying_inside -= count
        else:
            known.flying -= count

    def cost(self, method: str, *, inside: bool) -> float:
        """Return the seconds that a call is charged, as far as is known."""
        known = self._methods.get(method)
        return 0.0 if known is None else known.cost(inside=inside)

    def share(self, method: str) -> float:
        """Return which part of the time that a method works is counted for it; 0 as long as it was not called."""
        known = self._methods.get(method)
        return known.alone.share if known is not None and known.alone.worked else 0.0

    def used(self, method: str, now: float) -> tuple[float, float]:
        """Return the seconds of the limit that a method has used, and those until the oldest are forgotten."""
        known = self._methods.get(method)
        return (0.0, 0.0) if known is None else (known.used, max(0.0, known.reset_at - now))

    def learn(self, method: str, time: Time, now: float, *, worked: float | None = None, inside: bool = False) -> None:
        """Learn from the `time` of a call that ran, or of the last of a batch's with all their `worked` seconds."""
        if time.operating is None:
            return
        known = self._methods.get(method)
        if known is None:
            known = self._methods[method] = MethodUse()
        duration = time.duration if time.duration is not None and _is_counted(time.duration) else 0.0
        if duration:
            known.seen_price = max(duration, known.seen_price * 0.9)
        worked = duration if worked is None else worked
        self._learn_sum(known, time, now, known.inside if inside else known.alone, worked)
        known.probing = False

    def learn_price(self, method: str, duration: float) -> None:
        """Learn the dearest of several calls in a batch."""
        known = self._methods.get(method)
        if known is not None and _is_counted(duration):
            known.seen_price = max(duration, known.seen_price)

    def _learn_sum(self, known: MethodUse, time: Time, now: float, charge: Charge, worked: float) -> None:
        finish, used = time.finish, time.operating or 0.0
        if finish is not None and finish < known.told_at:  # batches end in another order than their commands
            if time.operating_reset_at == known.forgets_at and finish > known.adopted_at:
                charge.worked += worked  # the later sum held it already
            return
        if time.operating_reset_at == known.forgets_at or not known.used:
            used = max(used, known.used)  # nothing was forgotten in between
            counted = used - known.used
            if known.told_at == float("-inf"):  # others, or an earlier run of ours, may have used the rest of it
                counted = min(counted, max(worked, known.price * (known.flying + known.flying_inside)))
            charge.counted += counted
            charge.worked += worked
        known.used = used
        if finish is not None:
            known.told_at = finish
            if time.operating_reset_at is not None:
                known.forgets_at = time.operating_reset_at
                known.reset_at = now + min(_DAY, max(0.0, time.operating_reset_at - finish))

    def refuse(self, method: str, now: float) -> float:
        """Learn of a 429 and return when the method opens again; a wave of them counts once."""
        known = self._methods.setdefault(method, MethodUse())
        if known.closed_until <= now:
            if not known.probing:
                self.limit = self._lowered(known)
            known.blocked_until = max(known.reset_at, now + BLIND_STEP)
            known.probing = True
        return known.closed_until

    def _lowered(self, known: MethodUse) -> float:
        limit = self.limit or CLOUD_LIMIT
        return min(limit, max(_LEAST, min(limit * _LOWERED, max(known.used, limit / 2))))


def _is_counted(duration: float) -> bool:
    return COUNTED_FROM <= duration < _LONGEST
