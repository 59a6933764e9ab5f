"""What processes tell each other of the operating limit: text that means the same under any clock.

Times to come travel as seconds from now, and whoever reads them takes off how long ago they were written; only what
the portal's own clock said travels as it is.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import astuple, field, frozen

from bitrix_chat.limits.method_use import Elsewhere, MethodUse

FLIES_FOR: Final = 10.0
"""Seconds after which calls of a process that says nothing no longer count as in flight: it has died."""
_LONGEST: Final = 86_400.0
_SAME_BLOCK: Final = 1.0


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("a fact is a number")
    return float(value)


def _seconds(value: Any) -> float:
    return min(_LONGEST, max(0.0, _number(value)))


def _count(value: Any) -> int:
    return max(0, int(_number(value)))


def _moment(value: Any) -> float:
    return float("-inf") if value is None else _number(value)


@frozen
class MethodFacts:
    """One method, as one process knows it.

    Attributes:
        used: seconds of the limit, as the portal last told.
        told_at: when it told, by its own clock; minus infinity where it never did.
        forgets_at: when it forgets the oldest of them, by its own clock.
        reset_in: seconds until then.
        price: seconds of the dearest recent call.
        flying: calls that have left on their own and not ended.
        flying_inside: calls that have left inside batches and not ended.
        blocked_for: seconds that a 429 has still to be waited out.
    """

    used: float = field(converter=_number)
    told_at: float = field(converter=_moment)
    forgets_at: float = field(converter=_number)
    reset_in: float = field(converter=_seconds)
    price: float = field(converter=_seconds)
    flying: int = field(converter=_count)
    flying_inside: int = field(converter=_count)
    blocked_for: float = field(converter=_seconds)


@frozen
class Facts:
    """All that one process has to say: its methods, and the limit where a 429 has shown a smaller one."""

    methods: Mapping[str, MethodFacts]
    limit: float | None = None


def known_of(use: MethodUse, now: float) -> MethodFacts:
    """Return what there is to say of a method; what others have said of blocks and prices is theirs to repeat."""
    has_told = use.told_at > float("-inf")
    return MethodFacts(
        use.used if has_told else 0.0,
        use.told_at if has_told else None,
        use.forgets_at,
        use.reset_at - now,
        use.seen_price,
        use.flying,
        use.flying_inside,
        max(0.0, use.blocked_until - now),
    )


def written(facts: Facts) -> str:
    """Return facts as text; nothing at all where there is nothing to say."""
    if not facts.methods and facts.limit is None:
        return ""
    rows = {
        name: [None if value == float("-inf") else value for value in astuple(it)] for name, it in facts.methods.items()
    }
    return json.dumps({"limit": facts.limit, "methods": rows}, separators=(",", ":"))


def read(text: str) -> Facts | None:
    """Read what another process wrote; None where it makes no sense, as another version's may."""
    try:
        raw = json.loads(text)
        limit = None if raw["limit"] is None else _number(raw["limit"])
        return Facts({str(name): MethodFacts(*row) for name, row in raw["methods"].items()}, limit)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def adopt(use: MethodUse, others: Iterable[tuple[float, MethodFacts]], now: float) -> bool:
    """Take over what others know of a method, each with the seconds since it was written.

    Returns:
        Whether it changes anything.
    """
    others = list(others)
    before = use.told_at, use.elsewhere
    for age, facts in others:
        if facts.told_at > use.told_at:
            use.used, use.told_at, use.forgets_at = facts.used, facts.told_at, facts.forgets_at
            use.adopted_at = facts.told_at
            use.reset_at = now + max(0.0, facts.reset_in - age)
            use.probing = False
    use.elsewhere = _held_by(others, use.elsewhere.blocked_until, now)
    if use.elsewhere.blocked_until > max(now, before[1].blocked_until):
        use.probing = True  # after it one call goes alone, as after a 429 of our own
    return (use.told_at, use.elsewhere) != before


def _held_by(others: list[tuple[float, MethodFacts]], former: float, now: float) -> Elsewhere:
    alive = [facts for age, facts in others if age < FLIES_FOR]
    blocked_until = max((now + facts.blocked_for - age for age, facts in others), default=now)
    if abs(blocked_until - former) < _SAME_BLOCK:
        blocked_until = former  # read a moment earlier or later than before
    return Elsewhere(
        sum(facts.flying for facts in alive),
        sum(facts.flying_inside for facts in alive),
        max((facts.price for _, facts in others), default=0.0),
        blocked_until if blocked_until > now else float("-inf"),
    )
