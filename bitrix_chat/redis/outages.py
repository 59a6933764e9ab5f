"""A Redis server that restarts is back in seconds, so that what may be asked for twice waits for it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeVar

from bitrix_chat.redis.errors import RedisAway

T = TypeVar("T")

OUTAGE: Final = 20.0
"""Seconds for which a server may be away; less than a lease lasts, so that whoever waited still holds his."""
_PAUSES: Final = (0.02, 1.0)
_GROWTH: Final = 1.4


async def outlasting(work: Callable[[], Awaitable[T]], outage: float = OUTAGE) -> T:
    """Do what may be done twice, and again as long as the server is away.

    Raises:
        RedisAway: it was away for too long.
    """
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + outage
    for pause in growing(*_PAUSES):
        try:
            return await work()
        except RedisAway:
            if loop.time() + pause >= ends_at:
                raise
        await asyncio.sleep(pause)
    raise AssertionError  # there is always another pause


def growing(first: float, longest: float) -> Iterator[float]:
    """Yield pauses without end: the longer it has been, the longer, and none like those of others who wait.

    Args:
        first: the longest that the first one may be; each is at least half of what it may be.
        longest: the longest that any may be.
    """
    while True:
        yield random.uniform(first / 2, first)  # noqa: S311  # no secret
        first = min(longest, first * _GROWTH)
