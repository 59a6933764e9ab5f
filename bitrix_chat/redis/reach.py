"""Whether a Redis server is there: learned once for all who ask it, and asked again by one of them a second."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from attrs import define

from bitrix_chat.redis.errors import RedisAway, RedisFailed
from bitrix_chat.redis.server import RedisServer

ANSWERS_WITHIN: Final = 1.0
"""Seconds after which a server that has not answered counts as away."""
ASKED_EVERY: Final = 1.0
"""Seconds between two attempts at a server that is away."""

logger: Final = logging.getLogger("bitrix_chat")


@define
class _Health:
    is_away: bool = False
    again_at: float = 0.0


_health: WeakKeyDictionary[RedisServer, _Health] = WeakKeyDictionary()


class Reach:
    """The way to a server for those who can do without it for a while, refused at once if it is known to be away."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._health = _health.setdefault(server, _Health())

    @property
    def again_in(self) -> float:
        """Seconds until it may be asked; 0 as long as it is there."""
        return max(0.0, self._health.again_at - time.monotonic()) if self._health.is_away else 0.0

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run a Lua script.

        Raises:
            RedisFailed: the server did not do it within a second, or did not at the last attempt.
        """
        if self.again_in:
            raise RedisAway(f"the Redis server at {self._server.place} is away")
        # One that is away is asked by one: the others have to wait for what becomes of it.
        self._health.again_at = time.monotonic() + ANSWERS_WITHIN + ASKED_EVERY
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                answer = await self._server.run(script, keys, arguments)
        except RedisFailed as error:
            self._lost(str(error))
            raise
        except TimeoutError:
            self._lost(silent := f"the Redis server at {self._server.place} does not answer")
            raise RedisAway(silent) from None
        self._found()
        return answer

    def _lost(self, said: str) -> None:
        self._health.again_at = time.monotonic() + ASKED_EVERY
        if not self._health.is_away:
            self._health.is_away = True
            logger.warning("%s: this process keeps to a part of each limit until it is back", said)

    def _found(self) -> None:
        if self._health.is_away:
            self._health.is_away = False
            logger.info("the Redis server at %s is back: limits are shared again", self._server.place)
