"""Who talks to a portal for a job: a registry of many clients, or the one that a worker has."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, runtime_checkable

from bitrix_chat.client import BitrixChat
from bitrix_chat.jobs.errors import WrongWorker


@runtime_checkable
class Clients(Protocol):
    """Lends out the client of a portal; `Portals` is one.

    All jobs of a portal get the same client, so that those which wait travel together.
    """

    def client(self, portal: str, /) -> AbstractAsyncContextManager[BitrixChat]:
        """Return the client for the time of one job."""
        ...


class OneClient:
    """One client, for the jobs of its own portal, which are named by the portal's host."""

    def __init__(self, client: BitrixChat) -> None:
        self._client = client
        self._host: str | None = None

    def __repr__(self) -> str:
        return f"<OneClient of {self._host or 'a portal'}>"

    @asynccontextmanager
    async def client(self, portal: str, /) -> AsyncIterator[BitrixChat]:
        """Lend out the client.

        Raises:
            WrongWorker: the job is another portal's, for whose worker it has to wait.
        """
        if self._host is None:
            self._host = await portal_of(self._client)
        if portal != self._host:
            raise WrongWorker(f"the job is for {portal}, and this worker serves {self._host}")
        yield self._client


async def portal_of(client: BitrixChat) -> str:
    """Return the host of a client's portal, by which its jobs name it."""
    return await client.im.chat.bulk(()).portal()
