"""What is known of one method's working time: what was told, what flies, and what is charged for it."""

from typing import Final

from attrs import define, field, frozen

_SHARES: Final = ((0.0, 0.1), (0.5, 0.6))
"""What portals are known to count of the time in a batch, and the measured share below which it must be that."""
_NEVER: Final = float("-inf")


@define
class Charge:
    """How much of the time that is worked the portal counts: nothing, half or all, as its sums have shown."""

    worked: float = 0.0
    counted: float = 0.0

    @property
    def share(self) -> float:
        """The part that is counted; all of it as long as nothing has shown another."""
        if not self.worked:
            return 1.0
        seen = self.counted / self.worked
        return next((step for step, below in _SHARES if seen < below), 1.0)


@frozen
class Elsewhere:
    """What other processes hold of a method: calls that fly, the dearest price, the end of a block."""

    flying: int = 0
    flying_inside: int = 0
    price: float = 0.0
    blocked_until: float = _NEVER


NOBODY: Final = Elsewhere()


@define
class MethodUse:
    """One method's seconds; times are of one monotonic clock, but for `told_at`, `adopted_at` and `forgets_at`.

    Attributes:
        used: seconds of the limit, as the portal last told.
        seen_price: seconds of the dearest recent call of this process.
        flying: calls that have left and not ended.
        flying_inside: those of them that left inside batches.
        reset_at: when the oldest of `used` are forgotten.
        told_at: when it told, by the portal's clock.
        adopted_at: when it told another process what was adopted last, by the portal's clock.
        forgets_at: when it forgets the oldest, by the portal's clock.
        blocked_until: nobody leaves before, after a 429 that this process met.
        probing: whether one call is to find out what was forgotten.
        alone: what is charged for calls on their own.
        inside: what is charged for calls inside batches.
        elsewhere: what other processes hold.
    """

    used: float = 0.0
    seen_price: float = 0.0
    flying: int = 0
    flying_inside: int = 0
    reset_at: float = 0.0
    told_at: float = _NEVER
    adopted_at: float = _NEVER
    forgets_at: float = 0.0
    blocked_until: float = _NEVER
    probing: bool = False
    alone: Charge = field(factory=Charge)
    inside: Charge = field(factory=Charge)
    elsewhere: Elsewhere = NOBODY

    @property
    def price(self) -> float:
        """Seconds of the dearest recent call, of whichever process."""
        return max(self.seen_price, self.elsewhere.price)

    @property
    def closed_until(self) -> float:
        """Nobody leaves before, whichever process met the 429."""
        return max(self.blocked_until, self.elsewhere.blocked_until)

    @property
    def is_flying(self) -> bool:
        """Whether an answer is to come, to whichever process."""
        return bool(self.flying or self.flying_inside or self.elsewhere.flying or self.elsewhere.flying_inside)

    @property
    def reserved(self) -> float:
        """Seconds that are kept for what flies."""
        flying = self.flying + self.elsewhere.flying
        inside = self.flying_inside + self.elsewhere.flying_inside
        held = flying * self.cost(inside=False) if flying else 0.0
        return held + inside * self.cost(inside=True) if inside else held

    def cost(self, *, inside: bool) -> float:
        """Return the seconds that a call is charged."""
        return self.price * (self.inside if inside else self.alone).share
