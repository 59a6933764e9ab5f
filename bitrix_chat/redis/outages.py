"""A Redis server that restarts is back in seconds, so that what may be asked for twice waits for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from bitrix_chat.redis.errors import RedisAway

T = TypeVar("T")

OUTAGE: Final = 20.0
"""Seconds for which a server may be away; less than a lease lasts, so that whoever waited still holds his."""
_PAUSES: Final = (0.02, 1.0)


async def outlasting(work: Callable[[], Awaitable[T]], outage: float = OUTAGE) -> T:
    """Do what may be done twice, and again as long as the server is away.

    Raises:
        RedisAway: it was away for too long.
    """
    loop = asyncio.get_running_loop()
    ends_at, (pause, longest) = loop.time() + outage, _PAUSES
    while True:
        try:
            return await work()
        except RedisAway:
            if loop.time() + pause >= ends_at:
                raise
        await asyncio.sleep(pause)
        pause = min(longest, 2 * pause)
