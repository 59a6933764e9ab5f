"""The sessions requests go by: our own, or ones over the connections of a caller's, which stays as it was."""

import ssl
from collections.abc import Mapping
from types import SimpleNamespace

import aiohttp
from yarl import URL

from bitrix_chat.http.lending import lent_headers, own_headers, proxy_headers, sharing
from bitrix_chat.http.tls import verification_for
from bitrix_chat.http.unpacking import ACCEPTED


class Sessions:
    """Opens sessions as they are needed, over `callers` if there is one.

    Attributes:
        proxy_headers: what every request tells a proxy, and nobody else. http:// reaches only loopback hosts, and no
            proxy is asked on the way there.
    """

    def __init__(self, callers: aiohttp.ClientSession | None) -> None:
        self._callers = callers
        self._own: aiohttp.ClientSession | None = None
        self._for_calls: dict[str, aiohttp.ClientSession] = {}
        self._for_downloads: dict[tuple[str, bool], aiohttp.ClientSession] = {}
        self.proxy_headers: Mapping[str, str] = proxy_headers(callers)

    @property
    def verification(self) -> ssl.SSLContext | bool:
        """What a request says with `ssl=`, asked anew for each: a caller may change an SSLContext at any time.

        True leaves it to the connector, which then verifies.
        """
        return verification_for(self._callers)

    def for_calls(self, url: URL) -> aiohttp.ClientSession | None:
        """Return the session for a call to an address, None once the caller's session is closed."""
        base = self._base()
        if base is None:
            return None
        session = self._for_calls.get(url.scheme)
        if session is None or session.closed:
            session = self._for_calls[url.scheme] = sharing(base, lent_headers(base, ACCEPTED), scheme=url.scheme)
        return session

    def for_downloads(self, url: URL, *, is_stranger: bool) -> aiohttp.ClientSession | None:
        """Return the session for a download, without the caller's headers for hosts that are not the portal."""
        base = self._base()
        if base is None:
            return None
        session = self._for_downloads.get((url.scheme, is_stranger))
        if session is None or session.closed:
            headers = (own_headers if is_stranger else lent_headers)(base, "identity")
            session = sharing(base, headers, [_telling_what_left()], scheme=url.scheme)
            self._for_downloads[url.scheme, is_stranger] = session
        return session

    async def close(self) -> None:
        """Close the own sessions; the caller's stays open."""
        for session in (*self._for_downloads.values(), *self._for_calls.values(), self._own):
            if session is not None:
                await session.close()

    def _base(self) -> aiohttp.ClientSession | None:
        if self._callers is not None:
            return None if self._callers.closed else self._callers
        if self._own is None or self._own.closed:
            self._own = _own_session()
        return self._own


def _own_session() -> aiohttp.ClientSession:
    # The threaded resolver is the system's; aiohttp prefers c-ares where it is installed, which fails on some networks.
    connector = aiohttp.TCPConnector(limit=0, resolver=aiohttp.ThreadedResolver())
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _telling_what_left() -> aiohttp.TraceConfig:
    async def leave(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:  # aiohttp awaits it
        context.trace_request_ctx.leave()

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(leave)
    return trace
