"""Waits of downloads, which a deadline cuts short, and the end of the client as well.

aiohttp does not wake who reads from a session that is being closed, so whoever waits is cancelled by us and told why.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bitrix_chat.errors import BitrixError, ClientClosed, DeadlineExceeded


class Lifetime:
    """The time in which a client may wait."""

    def __init__(self) -> None:
        self._waits: set[asyncio.Timeout] = set()
        self._over = False

    def end(self) -> None:
        """Cut all waits short, the running ones and those to come."""
        self._over = True
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def wait(self, deadline: float | None) -> AsyncIterator[None]:
        """Let what is inside wait until a loop time at most.

        Raises:
            ClientClosed: the client was closed before or meanwhile.
            DeadlineExceeded: the deadline was over before or meanwhile.
        """
        self._refuse_if_late(deadline)
        scope = asyncio.timeout_at(deadline)
        try:
            async with scope:
                self._waits.add(scope)
                try:
                    yield
                finally:
                    self._waits.discard(scope)
        except Exception:
            if not (self._over or scope.expired()):
                raise
        else:
            return
        # Outside the handler, so that the error holds no aiohttp exception in any of its attributes.
        raise self._ending()

    def _refuse_if_late(self, deadline: float | None) -> None:
        if self._over or (deadline is not None and asyncio.get_running_loop().time() >= deadline):
            raise self._ending()

    def _ending(self) -> BitrixError:
        if self._over:
            return ClientClosed("the client was closed before the whole file was here")
        return DeadlineExceeded("the time was over before the whole file was here")
