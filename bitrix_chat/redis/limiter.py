"""One request limit for all machines: a queue in each process, one counter at a Redis server."""

import asyncio
from typing import Final

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.queueing import QueueingLimiter
from bitrix_chat.redis.reach import Reach
from bitrix_chat.redis.server import RedisServer, server_at
from bitrix_chat.redis.slots import RedisSlots

FALLBACK: Final = 0.25
"""Part of a portal's limit that one process keeps to while the Redis server is away."""


class RedisRateLimiter(QueueingLimiter[RedisSlots]):
    """A `RateLimiter` that machines share; first come first served within a process, and processes take turns.

    A slot costs one round trip to the server, a second one where it had to be waited for. `try_acquire` only
    takes what was given back here: anything else has to be asked for, so `acquire` it. While the server is
    away, or does not answer within a second, each process keeps to a part of the limit by itself, without a
    burst, and comes back by itself. As many processes as parts make a whole keep within the limit then, as long as it
    is away for all of them.

    The server may not evict the key: its `maxmemory-policy` should be `noeviction`.

    Args:
        server: the address of a Redis or Valkey server, or a `RedisServer`.
        portal: the portal's host.
        plan: the portal's limit, `STANDARD` or `ENTERPRISE` or your own, from now on for all who share; None for the
            one that is kept there already, which is `STANDARD` where nobody has said one.
        egress: names the address that requests leave from; the portal counts each on its own.
        fallback: part of the limit that this process keeps to while the server is away.

    Raises:
        InvalidParameter: `fallback` is no part, or the server's address none.
    """

    def __init__(
        self,
        server: str | RedisServer,
        portal: str,
        plan: Plan | None = None,
        *,
        egress: str = "",
        fallback: float = FALLBACK,
    ) -> None:
        check_fallback(fallback)
        self._server, self._owns_server = server_at(server)
        key = self._server.key(portal, "limit", *([egress] if egress else []))
        super().__init__(RedisSlots(Reach(self._server, "limits"), key, plan, fallback))
        self._slots.serve(self._count_waiting, self._grant_now)

    def __repr__(self) -> str:
        place = "alone" if self._slots.is_alone else self._server.place
        return f"<RedisRateLimiter {place} plan={self.plan.size:g}/{self.plan.leak:g} waiting={self._waiters.waiting}>"

    @property
    def plan(self) -> Plan:
        """The limit that all who share keep, as far as is known here."""
        return self._slots.plan

    @property
    def said(self) -> Plan | None:
        """The plan that was said here; None where it keeps whatever others say."""
        return self._slots.said

    def adopt(self, plan: Plan) -> None:
        """Have all who share keep another plan; what was counted stays counted."""
        self._slots.adopt(plan)
        self._arm()

    @property
    def pace(self) -> float:
        """Requests a second that all count on at present; lower than the plan's after a refusal."""
        return self._slots.pace

    @property
    def is_alone(self) -> bool:
        """Whether the server is away, and this process keeps to its part of the limit."""
        return self._slots.is_alone

    async def close(self) -> None:
        """Say no more to the server, and leave it where it was connected here.

        Whoever waits in this event loop, or comes later, meets a `ClientClosed`.
        """
        await self._slots.close()
        if self._owns_server:
            await self._server.close()

    def _settle_in(self, loop: asyncio.AbstractEventLoop) -> None:
        super()._settle_in(loop)
        self._slots.forget_loop()

    def _count_waiting(self) -> int:
        return self._waiters.waiting

    def _grant_now(self) -> None:
        self._grant(self._now())


def check_fallback(fallback: float) -> None:
    """Raise `InvalidParameter` unless it is a part of a limit."""
    if not (isinstance(fallback, int | float) and 0 < fallback <= 1):
        raise InvalidParameter(f"`fallback` is {fallback!r}, but it is a part of the limit: more than 0, at most 1")
