"""The portal's request limit as arithmetic: no clock, no waiting, only numbers in and out.

Theory of operation. The portal counts every HTTP request from one address: the counter rises by one a
request, falls by Y once a second, and a request that would lift it above X is refused with 503. We keep a
mirror of that counter which drains continuously. Theirs drains in steps, so it can stand up to Y - 1 above
ours; a burst of X - Y + 1 is the most that never meets the limit, and X - 2Y leaves room for jitter on the
way and for a few requests of others.

A refusal means that others use the same counter (or that the plan is smaller than was said). Then the bucket
is full whatever we counted: everyone pauses, and the pace is halved. The next refusal tells exactly what the
strangers leave, since the counter was full at both: what was granted in between, by the seconds. The pace starts
a tenth below that and grows with the cube of time, so that it stays near what was found for half a minute and is
back at the plan's after fifty seconds. Where the strangers stay, one refusal in forty requests keeps it up to date.

Where many processes draw on one bucket, each *reserves* one request ahead: it is counted at once and leaves after the
wait that this tells, so that they take turns and nobody has to be woken by another. A refusal voids what is reserved.
"""

from collections.abc import Sequence
from typing import Final

from attrs import Attribute, define, field, frozen

from bitrix_chat.errors import InvalidParameter

PAUSE: Final = 2.0
"""Seconds nobody sends after a refusal: two of the portal's own drains."""
RECOVERY: Final = 50.0
"""Seconds after a refusal until the pace is the plan's again."""
_BELOW_WHAT_WAS_FOUND: Final = 0.9
_SLOWEST: Final = 0.125
_ROUNDING: Final = 1e-9


def _more_than_nothing(_: object, attribute: "Attribute[float]", value: float) -> None:
    if not (isinstance(value, int | float) and 0 < value < float("inf")):
        raise InvalidParameter(f"`{attribute.name}` of a plan is {value!r}, but a limit is more than 0")


@frozen
class Plan:
    """A portal's request limit: a counter of `size` that loses `leak` a second (the portal's X and Y)."""

    size: float = field(validator=_more_than_nothing)
    leak: float = field(validator=_more_than_nothing)

    @property
    def burst(self) -> float:
        """How many requests may leave at once: X - 2Y, and never less than one."""
        return max(1.0, self.size - 2 * self.leak)


STANDARD: Final = Plan(50, 2)
"""Every Bitrix24 plan but Enterprise."""
ENTERPRISE: Final = Plan(250, 5)
"""Bitrix24 Enterprise."""


@define
class LeakyBucket:
    """A mirror of the portal's counter; all times are seconds of one monotonic clock.

    Attributes:
        plan: the limit it mirrors.
        level: the counter as of `updated`.
        pace: requests a second the counter is believed to lose for us, at most the plan's leak.
        paused_until: nobody is granted before.
        epoch: how many refusals were counted; what was reserved before the last of them is void.
    """

    plan: Plan = STANDARD
    level: float = 0.0
    updated: float = 0.0
    pace: float = field(init=False)
    paused_until: float = field(default=float("-inf"), init=False)
    epoch: int = field(default=0, init=False)
    _slowed_at: float = field(default=float("-inf"), init=False)
    _slowed_to: float = field(init=False)
    _granted: int = field(default=0, init=False)
    _ceiling: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.adopt(self.plan)

    def adopt(self, plan: Plan) -> None:
        """Mirror another limit from now on, at its full pace."""
        self.plan = plan
        self.pace = self._slowed_to = plan.leak
        self._ceiling = plan.burst + _ROUNDING

    def take(self, now: float, count: int = 1) -> bool:
        """Count `count` requests if they may leave now."""
        if now > self.updated:
            self._drain(now)
        if self.level + count > self._ceiling or now < self.paused_until:
            return False
        self.level += count
        self._granted += count
        return True

    def give_back(self, count: int = 1) -> None:
        """Uncount requests that were granted and never left."""
        self.level = max(0.0, self.level - count)
        self._granted -= count

    def reserve(self, now: float) -> float:
        """Count a request that leaves later and return in how many seconds it may; then it is to be redeemed."""
        seconds = self.wait(now)
        self.level += 1
        return seconds

    def redeem(self) -> None:
        """Let a reserved request leave."""
        self._granted += 1

    def forgo(self) -> None:
        """Uncount a request that was reserved and is not going to leave."""
        self.level = max(0.0, self.level - 1)

    def assume_full(self, now: float, seconds_ago: float) -> None:
        """Take it that the counter stood at its most `seconds_ago`, and has lost the leak since."""
        if now > self.updated:
            self._drain(now)
        self.level = max(self.level, self._ceiling - max(0.0, seconds_ago) * self.plan.leak)

    def free(self, now: float) -> int:
        """Return how many requests may leave now."""
        if now > self.updated:
            self._drain(now)
        return 0 if now < self.paused_until else max(0, int(self._ceiling - self.level))

    def wait(self, now: float, count: int = 1) -> float:
        """Return the seconds until the `count`-th request from now may leave, at the present pace."""
        if now > self.updated:
            self._drain(now)
        excess = self.level + count - self.plan.burst
        pause = max(0.0, self.paused_until - now)
        return pause if excess <= _ROUNDING else max(pause, excess / self.pace)

    def refuse(self, now: float, sent_at: float) -> bool:
        """Learn that a request sent at `sent_at` was refused.

        Returns:
            False where it left before the last slowdown: that wave has been paid for.
        """
        if now > self.updated:
            self._drain(now)
        if sent_at <= self._slowed_at:
            return False
        self.level = self._ceiling
        self.pace = self._slowed_to = max(self.plan.leak * _SLOWEST, self.pace / 2, self._found(now))
        self.paused_until = now + PAUSE
        self._slowed_at = now
        self._granted = 0
        self.epoch += 1
        return True

    @property
    def facts(self) -> tuple[float, ...]:
        """All there is to know of it as numbers, for those who keep it elsewhere; the last two are integers."""
        limit = self.plan.size, self.plan.leak
        times = self.updated, self.paused_until, self._slowed_at
        return (*limit, self.level, *times, self.pace, self._slowed_to, self._granted, self.epoch)

    def recall(self, facts: Sequence[float]) -> None:
        """Become the bucket that these facts are of."""
        size, leak, self.level, self.updated, self.paused_until, self._slowed_at, *others = facts
        self.pace, self._slowed_to, granted, epoch = others
        self._granted, self.epoch = int(granted), int(epoch)
        if (size, leak) != (self.plan.size, self.plan.leak):
            self.plan = Plan(size, leak)
            self._ceiling = self.plan.burst + _ROUNDING

    def shift(self, seconds: float) -> None:
        """Move all its times, for a clock that stands elsewhere now."""
        self.updated += seconds
        self.paused_until += seconds
        self._slowed_at += seconds

    def _found(self, now: float) -> float:
        """Return what others have left of the counter since it was last full; halving says more if we hardly sent."""
        left = (self._granted - 1) / (now - self._slowed_at)
        return min(self.pace, _BELOW_WHAT_WAS_FOUND * left)

    def _drain(self, now: float) -> None:
        leak = self.plan.leak
        level = self.level - (now - self.updated) * leak
        if self.pace < leak:
            level += self._missed(now)
        self.level = level if level > 0 else 0.0
        self.updated = now
        if self.pace < leak:
            self._recover(now)

    def _missed(self, now: float) -> float:
        """Return by how much less the counter fell than at the full leak, while the pace was lower."""
        missing = self.plan.leak - self._slowed_to
        return missing * (_shortfall(now - self._slowed_at) - _shortfall(self.updated - self._slowed_at))

    def _recover(self, now: float) -> None:
        recovered = min(1.0, (now - self._slowed_at) / RECOVERY) ** 3
        self.pace = self._slowed_to + (self.plan.leak - self._slowed_to) * recovered


def _shortfall(seconds: float) -> float:
    """Add up what is not yet recovered, as a part of the whole, over the seconds since the slowdown."""
    seconds = min(seconds, RECOVERY)
    return seconds - seconds**4 / (4 * RECOVERY**3)
