"""One bucket and one budget for all clients of a loop: the portal counts addresses and callers, not our objects."""

import asyncio
import hashlib
from weakref import WeakKeyDictionary

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.bucket import STANDARD, Plan
from bitrix_chat.limits.limiter import MemoryRateLimiter
from bitrix_chat.limits.operating import OperatingBudget


class _Shared:
    """What the clients of one event loop share; it goes with the loop."""

    def __init__(self) -> None:
        self.limiters: dict[tuple[str, str], MemoryRateLimiter] = {}
        self.plans: dict[tuple[str, str], Plan] = {}
        self.budgets: dict[tuple[str, float | None], OperatingBudget] = {}


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
    limiter = shared.limiters.setdefault(key, MemoryRateLimiter(STANDARD))
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
    key = hashlib.sha256(endpoint.encode()).hexdigest(), limit
    return _of_running_loop().budgets.setdefault(key, OperatingBudget(limit))


def _of_running_loop() -> _Shared:
    return _shared.setdefault(asyncio.get_running_loop(), _Shared())
