"""What clients on many machines share by a Redis server: request limits, operating times and token pairs."""

import asyncio
import hashlib
from weakref import WeakKeyDictionary, WeakValueDictionary

from bitrix_chat.auth.stores import TokenStore
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.bucket import STANDARD, Plan
from bitrix_chat.limits.operating import OperatingBudget
from bitrix_chat.limits.shared_operating import SharedOperatingBudget
from bitrix_chat.redis.limiter import FALLBACK, RedisRateLimiter, check_fallback
from bitrix_chat.redis.operating import RedisBoard
from bitrix_chat.redis.server import RedisServer, server_at


class _OfLoop:
    """What the clients of one event loop hold together; what none of them holds is known at the server alone."""

    def __init__(self) -> None:
        self.limiters: WeakValueDictionary[tuple[str, str], RedisRateLimiter] = WeakValueDictionary()
        self.plans: dict[tuple[str, str], Plan] = {}
        self.budgets: WeakValueDictionary[tuple[str, float | None], SharedOperatingBudget] = WeakValueDictionary()


class RedisSharing:
    """A `Sharing` between all machines that are given the same server.

    Tokens need a server that keeps an append-only file (`appendonly yes`); limits need none. Two installations on
    one server keep apart by the `prefix` of their `RedisServer`.

    Args:
        server: the address of a Redis or Valkey server, or a `RedisServer`.
        fallback: part of each limit that this process keeps to while the server is away; one by the number of
            processes that share keeps them within it together.

    Raises:
        InvalidParameter: `fallback` is no part, or the server's address none.
    """

    def __init__(self, server: str | RedisServer, *, fallback: float = FALLBACK) -> None:
        check_fallback(fallback)
        self._server, self._owns_server = server_at(server)
        self._fallback = fallback
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _OfLoop] = WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"<RedisSharing {self._server.place}>"

    def limiter(self, portal: str, plan: Plan | None, egress: str) -> RedisRateLimiter:
        """Return this loop's limiter of a portal; all loops, processes and machines count together.

        Raises:
            InvalidParameter: another client of this loop has said another plan.
        """
        held, key = self._of_running_loop(), (portal, egress)
        said = held.plans.get(key, plan)
        if plan is not None and plan != said:
            raise InvalidParameter(f"`limiter`: {portal} is already limited to {said} in this loop, not to {plan}")
        if said is not None:
            held.plans[key] = said
        agreed = said or STANDARD
        limiter = held.limiters.get(key)
        if limiter is None:
            limiter = RedisRateLimiter(self._server, portal, agreed, egress=egress, fallback=self._fallback)
            held.limiters[key] = limiter
        elif agreed != limiter.plan:
            limiter.adopt(agreed)
        return limiter

    def budget(self, endpoint: str, limit: float | None) -> OperatingBudget:
        """Return this loop's operating budget of a caller, which tells those of others what it learns."""
        held, key = self._of_running_loop(), (hashlib.sha256(endpoint.encode()).hexdigest(), limit)
        budget = held.budgets.get(key)
        if budget is None:
            budget = SharedOperatingBudget(limit, board=RedisBoard(self._server, endpoint, limit))
            held.budgets[key] = budget
        return budget

    def tokens(self, application: str, portal: str) -> TokenStore:
        """Return where the token pair of an application on a portal is kept."""
        from bitrix_chat.redis.token_store import RedisTokenStore  # noqa: PLC0415  # few have applications

        return RedisTokenStore(self._server, f"{portal} {application}")

    async def close(self) -> None:
        """Tell the others the last, and close the connections of the running loop if they are its own."""
        held = self._loops.pop(asyncio.get_running_loop(), None)
        if held is not None:
            closing = [*(it.close() for it in held.budgets.values()), *(it.close() for it in held.limiters.values())]
            await asyncio.gather(*closing)
        if self._owns_server:
            await self._server.close()

    def _of_running_loop(self) -> _OfLoop:
        return self._loops.setdefault(asyncio.get_running_loop(), _OfLoop())
