"""One bucket and one budget for all clients of a loop: the portal counts addresses and callers, not our objects.

They stay as long as somebody holds them, and beyond that as long as they count: a process that has served a thousand
portals, one after the other, does not keep what the portals themselves have forgotten.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from attrs import define

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.bucket import STANDARD, LeakyBucket, Plan
from bitrix_chat.limits.limiter import MemoryRateLimiter
from bitrix_chat.limits.operating import OperatingBudget

V = TypeVar("V")

_KEPT: Final = 128
"""How many of a kind are kept without a look at whether they count."""
_FORGOTTEN: Final = 600.0
"""Seconds after which a portal has forgotten all that a method has worked."""
_ROUNDING: Final = 1e-6


class _Kept(Generic[V]):
    """What is handed out by a key: the same as long as anybody has it, or it counts."""

    def __init__(self, counts: Callable[[V], bool]) -> None:
        self._counts = counts
        self._values: dict[tuple[object, ...], V] = {}
        self._most = _KEPT

    def get(self, key: tuple[object, ...], make: Callable[[], V]) -> V:
        value = self._values.get(key)
        if value is None:
            if len(self._values) >= self._most:
                self._forget()
            value = self._values[key] = make()
        return value

    def _forget(self) -> None:
        """Let go of all that do not count, and take back those that somebody else holds."""
        elsewhere = WeakValueDictionary({key: value for key, value in self._values.items() if not self._counts(value)})
        self._values = {key: value for key, value in self._values.items() if key not in elsewhere}
        self._values.update(elsewhere)
        self._most = max(_KEPT, 2 * len(self._values))


@define(eq=False)
class _LoopBudget(OperatingBudget):
    def counts(self, agreed: float | None, now: float) -> bool:
        """Return whether a new budget would know less."""
        return self.limit != agreed or any(
            known.is_flying or known.probing or max(known.reset_at + _FORGOTTEN, known.closed_until) > now
            for known in self._methods.values()
        )


class _Shared:
    """What the clients of one event loop share; it goes with the loop."""

    def __init__(self) -> None:
        self.limiters: _Kept[MemoryRateLimiter] = _Kept(_limiter_counts)
        self.plans: dict[tuple[str, str], Plan] = {}
        self.budgets: dict[float | None, _Kept[_LoopBudget]] = {}


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


def shared_limiter(portal: str, plan: Plan | None = None, *, egress: str = "") -> MemoryRateLimiter:
    """Return the limiter that all clients of the running loop share for one portal.

    Args:
        portal: the portal's host.
        plan: its limit; until a client says one, `STANDARD` is kept.
        egress: names the address that requests leave from, where a process has several (proxies).

    Raises:
        InvalidParameter: another client in this loop has said another plan.
    """
    shared, key = _of_running_loop(), (portal, egress)
    said = shared.plans.get(key)
    if plan is not None and said is not None and plan != said:
        raise InvalidParameter(f"`limiter`: {portal} is already limited to {said} in this event loop, not to {plan}")
    limiter = shared.limiters.get(key, lambda: MemoryRateLimiter(said or STANDARD))
    if plan is not None and said is None:
        shared.plans[key] = plan
        limiter.adopt(plan)
    return limiter


def shared_budget(endpoint: str, limit: float | None) -> OperatingBudget:
    """Return the operating budget that all clients of the running loop share for one caller.

    Args:
        endpoint: the REST address; a webhook's names the caller, applications of one portal are taken together.
        limit: seconds a method may work in ten minutes, None for a portal without this limit.
    """
    budgets = _of_running_loop().budgets
    if limit not in budgets:
        budgets[limit] = _Kept(lambda budget: budget.counts(limit, asyncio.get_running_loop().time()))
    key = hashlib.sha256(endpoint.encode()).hexdigest()
    return budgets[limit].get((key,), lambda: _LoopBudget(limit))


def _of_running_loop() -> _Shared:
    return _shared.setdefault(asyncio.get_running_loop(), _Shared())


def _limiter_counts(limiter: MemoryRateLimiter) -> bool:
    """Return whether somebody would wait longer with it than with a new one, however many come at once."""
    position = int(limiter.plan.burst) + 1
    return limiter.wait(position) > LeakyBucket(limiter.plan).wait(0.0, position) + _ROUNDING
