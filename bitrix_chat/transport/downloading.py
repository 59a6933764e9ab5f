"""Files through their signed links: read from the portal alone, within its limit, and never named in an error.

A link holds a webhook's secret or a token. It is followed only to the portal that gave it, or to a host that the
caller has named, and so is every redirect.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from yarl import URL

from bitrix_chat.errors import BitrixError, DownloadFailed, QueryLimitExceeded, UnexpectedAnswer
from bitrix_chat.rest.envelope import open_envelope
from bitrix_chat.rest.redaction import scrub_error, webhook_secret
from bitrix_chat.transport.dispatch import Dispatch
from bitrix_chat.transport.retrying import Retrying, RetryPolicy
from bitrix_chat.transport.signing import Signing
from bitrix_chat.transport.wire import Download, Wire

_HOPS: Final = 3
_LONGEST_ERROR: Final = 1 << 16


class Downloading:
    """Opens signed links.

    Args:
        wire: what fetches.
        signing: what knows the portal's address.
        dispatch: what grants slots of the request limit; a download counts as a request.
        hosts: hosts besides the portal's that a link or a redirect may name.
    """

    def __init__(self, wire: Wire, signing: Signing, dispatch: Dispatch, hosts: Collection[str] = ()) -> None:
        self._wire = wire
        self._signing = signing
        self._dispatch = dispatch
        self._hosts = frozenset(hosts)

    @asynccontextmanager
    async def open(self, link: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the file behind a link.

        Raises:
            DownloadFailed: it leads to a host that was not agreed, or does not give the file.
            RestError: the portal refuses it, by a code.
        """
        endpoint = await self._signing.endpoint()
        url = self._agreed(link, endpoint)
        hops = 0
        while hops <= _HOPS:
            sent_at = await self._slot()
            async with self._wire.get(url) as download:
                if download.status == 200:
                    yield download.pieces
                    return
                if download.location is not None:
                    url = self._agreed(str(url.join(URL(download.location, encoded=True))), endpoint)
                    hops += 1
                elif not await _is_refused_for_now(download, _secrets(link, endpoint)):
                    raise DownloadFailed(f"{url.host}: HTTP {download.status} without the file")
                else:
                    self._dispatch.refused(sent_at)
        raise DownloadFailed(f"{url.host}: more than {_HOPS} redirects")

    async def _slot(self) -> float:
        await self._dispatch.take_slot()
        return asyncio.get_running_loop().time()

    def _agreed(self, link: str, endpoint: str) -> URL:
        url, portal = _parsed(link), URL(endpoint, encoded=True)
        if url.scheme not in {portal.scheme, "https"}:
            raise DownloadFailed("the link is no https address; nothing was asked for")
        if (url.host, url.port) != (portal.host, portal.port) and url.host not in self._hosts:
            raise DownloadFailed(
                f"the link leads to {url.host}, not to the portal; nothing was asked for there. If files really lie"
                f" there, allow it by download_hosts=[{url.host!r}]"
            )
        return url


async def _is_refused_for_now(download: Download, secrets: Iterable[str]) -> bool:
    body = bytearray()
    async for piece in download.pieces:
        body += piece
        if len(body) > _LONGEST_ERROR:
            return False
    try:
        open_envelope("download", download.status, bytes(body))
    except QueryLimitExceeded:
        return True
    except UnexpectedAnswer:
        return False
    except BitrixError as error:
        error.method = None
        scrub_error(error, secrets)
        raise
    return False


def _secrets(link: str, endpoint: str) -> list[str]:
    # Decoded and as written: the portal may repeat either.
    query = _parsed(link)
    return [secret for secret in (webhook_secret(endpoint), query.raw_query_string, *query.query.values()) if secret]


def _parsed(link: str) -> URL:
    try:
        url = URL(link, encoded=True)
    except ValueError:
        url = URL()
    if not url.host or url.user is not None:
        raise DownloadFailed("the portal gave no link to the file")
    return url


class PortalTransport(Retrying):
    """The whole way to the portal: calls, and files through their links."""

    def __init__(self, dispatch: Dispatch, policy: RetryPolicy, timeout: float | None, files: Downloading) -> None:
        super().__init__(dispatch, policy, timeout)
        self._files = files

    def download(self, link: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open the file behind a signed link."""
        return self._files.open(link)
