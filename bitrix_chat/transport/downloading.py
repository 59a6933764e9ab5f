"""Files through their signed links: read from the portal alone, within its limit, and never named in an error.

A link holds a webhook's secret or a token. It is followed only to the portal that gave it, or to a host that the
caller has named, and so is every redirect.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Final

from yarl import URL

from bitrix_chat.errors import (
    BitrixError,
    DownloadFailed,
    PortalUnreachable,
    QueryLimitExceeded,
    UnexpectedAnswer,
    UntrustedCertificate,
)
from bitrix_chat.rest.envelope import open_envelope
from bitrix_chat.rest.redaction import scrub_error, webhook_secret
from bitrix_chat.rest.secret import concealed
from bitrix_chat.rest.tracebacks import forget_frames
from bitrix_chat.transport.dispatch import Dispatch
from bitrix_chat.transport.fetching import Download, Leaving
from bitrix_chat.transport.links import Links, is_at, parsed
from bitrix_chat.transport.retrying import NO_RETRIES, RetryPolicy
from bitrix_chat.transport.signing import Signing
from bitrix_chat.transport.wire import ANSWER_TIMEOUT, Wire

_HOPS: Final = 3
_LONGEST_ERROR: Final = 1 << 16


class Downloading:
    """Opens signed links.

    Args:
        wire: what fetches.
        signing: what knows the portal's address.
        dispatch: what grants slots of the request limit; a download counts as a request.
        hosts: hosts besides the portal's that a link or a redirect may name, with a port or without.

    Raises:
        InvalidParameter: one of the hosts is none.
    """

    def __init__(self, wire: Wire, signing: Signing, dispatch: Dispatch, hosts: Collection[str] = ()) -> None:
        self._wire = wire
        self._signing = signing
        self._dispatch = dispatch
        self._links = Links(hosts)
        # One download of a client waits at the limiter, so that its calls take turns with all of them.
        self._turn = asyncio.Lock()

    def open(
        self, link: str, deadline: float | None = None, policy: RetryPolicy = NO_RETRIES
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the file behind a link.

        Args:
            link: the signed link.
            deadline: the loop time by which all of it has to be here; without one, a file that drips takes for ever.
            policy: how often to repeat what never left, or was never answered.

        Raises:
            ClientClosed: the client was closed, also while the file is read.
            DeadlineExceeded: the deadline is over, also while the file is read.
            DownloadFailed: it leads to a host that was not agreed, or does not give the file.
            RestError: the portal refuses it, by a code.
        """
        return _Opening(self._open(concealed(link), deadline, policy))

    @asynccontextmanager
    async def _open(
        self, link: str, deadline: float | None, policy: RetryPolicy
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._wire.lifetime.wait(deadline):
            endpoint = await self._signing.endpoint()
        url = self._links.agreed(link, endpoint)
        hops = 0
        while hops <= _HOPS:
            async with AsyncExitStack() as opened:
                sent_at, download = await self._reached(opened, url, endpoint, deadline, policy)
                if download.status == 200:
                    yield _discreet_pieces(download.pieces)
                    return
                if download.location is not None:
                    url = self._links.agreed(download.location, endpoint, base=url)
                    hops += 1
                elif await _is_refused_for_now(download, _secrets(link, endpoint)):
                    self._dispatch.refused(sent_at)
                else:
                    raise DownloadFailed(f"{url.host}: HTTP {download.status} without the file")
        raise DownloadFailed(f"{url.host}: more than {_HOPS} redirects")

    async def _reached(
        self, opened: AsyncExitStack, url: URL, endpoint: str, deadline: float | None, policy: RetryPolicy
    ) -> tuple[float, Download]:
        unsent, unknown = 0, 0
        while True:
            await self._slot(deadline)
            sent_at = asyncio.get_running_loop().time()
            try:
                return sent_at, await opened.enter_async_context(self._by_slot(url, endpoint, deadline))
            except UntrustedCertificate:
                raise
            except PortalUnreachable:
                unsent += 1
                if unsent > policy.unsent:
                    raise
            except DownloadFailed:  # before an answer began, on a stale connection for example; reading may be repeated
                unknown += 1
                if unknown > policy.unknown:
                    raise
            async with self._wire.lifetime.wait(deadline):
                await asyncio.sleep(policy.pause(unsent + unknown))

    @asynccontextmanager
    async def _by_slot(self, url: URL, endpoint: str, deadline: float | None) -> AsyncIterator[Download]:
        leaving = Leaving()
        try:
            is_stranger = not is_at(url, endpoint)
            async with self._wire.get(url, leaving, deadline=deadline, is_stranger=is_stranger) as download:
                yield download
        finally:
            if not leaving.written:
                self._dispatch.give_back_slot()

    async def _slot(self, deadline: float | None) -> None:
        async with self._wire.lifetime.wait(deadline), self._turn:
            await self._dispatch.take_slot()


class _Opening(AbstractAsyncContextManager[AsyncIterator[bytes]]):
    """An opening of a file that fails without the frames in which its link stands."""

    def __init__(self, inner: AbstractAsyncContextManager[AsyncIterator[bytes]]) -> None:
        self._inner = inner

    async def __aenter__(self) -> AsyncIterator[bytes]:
        try:
            return await self._inner.__aenter__()
        except BaseException as error:
            forget_frames(error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            return await self._inner.__aexit__(kind, error, traceback)
        except BaseException as failure:
            forget_frames(failure)
            raise


async def _discreet_pieces(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for piece in pieces:
            yield piece
    except BaseException as error:
        forget_frames(error)
        raise


async def _is_refused_for_now(download: Download, secrets: Iterable[str]) -> bool:
    if 300 <= download.status < 400:  # without a Location it leads nowhere
        return False
    body = await _said_instead(download)
    if body is None:
        return False
    try:
        open_envelope("download", download.status, body)
    except QueryLimitExceeded:
        return True
    except UnexpectedAnswer:
        return False
    except BitrixError as error:
        error.method = None
        scrub_error(error, secrets)
        raise
    return False


async def _said_instead(download: Download) -> bytes | None:
    """Return what came instead of a file, None where it is too long for a portal's error or comes too slowly."""
    body = bytearray()
    bound = asyncio.timeout(ANSWER_TIMEOUT)
    try:
        async with bound:
            async for piece in download.pieces:
                body += piece
                if len(body) > _LONGEST_ERROR:
                    return None
    except TimeoutError:  # the deadline's error is one, too
        if not bound.expired():
            raise
        return None
    return bytes(body)


def _secrets(link: str, endpoint: str) -> list[str]:
    # Decoded and as written: the portal may repeat either.
    query = parsed(link)
    texts = (webhook_secret(endpoint), query.raw_query_string, *query.query.values())
    return [concealed(secret) for secret in texts if secret]
