"""The whole way to the portal, as resources see it: calls, and files through their links."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from bitrix_chat.errors import BitrixError
from bitrix_chat.rest.request import Exchange, Response
from bitrix_chat.transport.dispatch import Dispatch
from bitrix_chat.transport.downloading import Downloading
from bitrix_chat.transport.home import Home
from bitrix_chat.transport.reconciling import Reconciling
from bitrix_chat.transport.retrying import Retrying, RetryPolicy
from bitrix_chat.transport.waiting import Ticket

Host = Callable[[], Awaitable[str]]


class PortalTransport:
    """Sends by the layers below, in the event loop of the client alone.

    Attributes:
        keys: what knows of creations by key.
        queue: what knows of the limits.
        host: tells the portal's host.
    """

    def __init__(
        self,
        calls: Reconciling,
        retrying: Retrying,
        queue: Dispatch,
        files: Downloading,
        *,
        policy: RetryPolicy,
        home: Home,
        host: Host,
    ) -> None:
        self._calls = calls
        self._retrying = retrying
        self.keys = calls
        self.queue = queue
        self.host = host
        self._files = files
        self._policy = policy
        self._home = home

    def send(self, exchange: Exchange) -> Coroutine[Any, Any, Response]:
        """Take an exchange to its answer.

        Raises:
            WrongEventLoop: the client belongs to another event loop.
            BitrixError: whatever became of it.
        """
        self._home.enter()
        return self._calls.send(exchange)

    def begin(self, exchange: Exchange) -> Ticket:
        """Queue an exchange that has neither a key nor a bound, without a coroutine to wait for it.

        Where its first attempt fails, `go_on` does what `send` would have done. Who gives it up calls `queue.abandon`.

        Raises:
            WrongEventLoop: the client belongs to another event loop.
            ClientClosed: the client is closed.
        """
        self._home.enter()
        return self.queue.queue(exchange)

    def go_on(self, exchange: Exchange, first: BitrixError) -> Coroutine[Any, Any, Response]:
        """Take an exchange of `begin` to its end whose first attempt has failed."""
        self._home.enter()
        return self._retrying.go_on(exchange, first)

    def download(self, link: str, *, timeout: float | None = None) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the file behind a signed link, and read it within `timeout` seconds from now."""
        self._home.enter()
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        return self._files.open(link, deadline, self._policy)
