"""What clients on many machines share by a Redis server: request limits, operating times and token pairs."""

import asyncio
import hashlib
from typing import TypeAlias
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from bitrix_chat.auth.stores import TokenStore
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.operating import OperatingBudget
from bitrix_chat.limits.shared_operating import SharedOperatingBudget
from bitrix_chat.redis.limiter import FALLBACK, RedisRateLimiter, check_fallback
from bitrix_chat.redis.operating import RedisBoard
from bitrix_chat.redis.server import RedisServer, server_at
from bitrix_chat.rest.secret import concealed


class _OfLoop:
    """What the clients of one event loop hold together; what none of them holds is known at the server alone.

    Attributes:
        server: where it is; whoever shares by an address shares the pool.
        users: who has not been closed.
    """

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.users: WeakSet[RedisSharing] = WeakSet()
        self.limiters: WeakValueDictionary[tuple[str, str], RedisRateLimiter] = WeakValueDictionary()
        self.plans: dict[tuple[str, str], Plan] = {}
        self.budgets: WeakValueDictionary[tuple[str, float | None], SharedOperatingBudget] = WeakValueDictionary()

    async def close(self) -> None:
        closing = [*(it.close() for it in self.budgets.values()), *(it.close() for it in self.limiters.values())]
        await asyncio.gather(*closing)


_Key: TypeAlias = tuple[str | int, float]
_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[_Key, _OfLoop]] = WeakKeyDictionary()


class RedisSharing:
    """A `Sharing` between all machines that are given the same server.

    All that name one server in one event loop, by the same address or the same `RedisServer`, are one there.

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
        self._url = concealed(server) if isinstance(server, str) else None
        self._fallback = fallback
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, _OfLoop] = WeakKeyDictionary()

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
        limiter = held.limiters.get(key)
        if limiter is None:
            limiter = RedisRateLimiter(held.server, portal, said, egress=egress, fallback=self._fallback)
            held.limiters[key] = limiter
        elif said is not None and said != limiter.said:
            limiter.adopt(said)
        return limiter

    def budget(self, endpoint: str, limit: float | None) -> OperatingBudget:
        """Return this loop's operating budget of a caller, which tells those of others what it learns."""
        held, key = self._of_running_loop(), (hashlib.sha256(endpoint.encode()).hexdigest(), limit)
        budget = held.budgets.get(key)
        if budget is None:
            budget = SharedOperatingBudget(limit, board=RedisBoard(held.server, endpoint, limit))
            held.budgets[key] = budget
        return budget

    def tokens(self, application: str, portal: str) -> TokenStore:
        """Return where the token pair of an application on a portal is kept."""
        from bitrix_chat.redis.token_store import RedisTokenStore  # noqa: PLC0415  # few have applications

        return RedisTokenStore(self._of_running_loop().server, f"{portal} {application}")

    async def close(self) -> None:
        """Leave what is shared in the running loop.

        With the last who leaves, the others are told the last, calls that wait meet a `ClientClosed`, and the
        connections are closed where none but an address was given.
        """
        held = self._held.pop(asyncio.get_running_loop(), None)
        if held is None:
            return
        held.users.discard(self)
        if held.users:
            return
        _of_running_loop().pop(self._key, None)
        await held.close()
        if self._owns_server:
            await held.server.close()

    @property
    def _key(self) -> _Key:
        return self._url or id(self._server), self._fallback

    def _of_running_loop(self) -> _OfLoop:
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None:
            shared = _of_running_loop()
            held = shared.get(self._key)
            if held is None:
                server = self._server if self._url is None else RedisServer(self._url)
                held = shared[self._key] = _OfLoop(server)
            held.users.add(self)
            self._held[loop] = held
        return held


def _of_running_loop() -> WeakValueDictionary[_Key, _OfLoop]:
    return _loops.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
