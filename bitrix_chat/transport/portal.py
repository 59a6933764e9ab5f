"""The whole way to the portal, as resources see it: calls, and files through their links."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from bitrix_chat.rest.request import Exchange, Response, Transport
from bitrix_chat.transport.downloading import Downloading
from bitrix_chat.transport.home import Home
from bitrix_chat.transport.retrying import RetryPolicy


class PortalTransport:
    """Sends by the layers below, in the event loop of the client alone."""

    def __init__(self, calls: Transport, files: Downloading, policy: RetryPolicy, home: Home) -> None:
        self._calls = calls
        self._files = files
        self._policy = policy
        self._home = home

    async def send(self, exchange: Exchange) -> Response:
        """Take an exchange to its answer.

        Raises:
            WrongEventLoop: the client belongs to another event loop.
            BitrixError: whatever became of it.
        """
        self._home.enter()
        return await self._calls.send(exchange)

    def download(self, link: str, *, timeout: float | None = None) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the file behind a signed link, and read it within `timeout` seconds from now."""
        self._home.enter()
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        return self._files.open(link, deadline, self._policy)
