"""The sessions requests go by: our own, or ones over the connections of a caller's, which stays as it was.

Its connector, headers, proxy and tracing are used. Cookies stay out: PHP would make requests with one session cookie
wait for each other. So do its middlewares, since one that retries would repeat what must not be repeated.
"""

import ssl
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Final

import aiohttp
from multidict import CIMultiDict

from bitrix_chat.rest.tls import verification_for
from bitrix_chat.rest.unpacking import ACCEPTED

_PROXY_AUTHORIZATION: Final = "Proxy-Authorization"


class Sessions:
    """Opens sessions as they are needed, over `callers` if there is one.

    Attributes:
        verification: what every request says with `ssl=`: True leaves it to the connector, which then verifies.
        proxy_headers: what every request tells a proxy, and nobody else. http:// reaches only loopback hosts, where no
            proxy stands in between.
    """

    def __init__(self, callers: aiohttp.ClientSession | None) -> None:
        self._callers = callers
        self._for_calls: aiohttp.ClientSession | None = None
        self._for_downloads: dict[bool, aiohttp.ClientSession] = {}
        self.verification: ssl.SSLContext | bool = verification_for(callers)
        self.proxy_headers: Mapping[str, str] = _proxy_headers(callers)

    def for_calls(self) -> aiohttp.ClientSession | None:
        """Return the session for calls, None once the caller's session is closed."""
        if self._callers is not None and self._callers.closed:
            return None
        if self._for_calls is None or self._for_calls.closed:
            self._for_calls = _own_session() if self._callers is None else _session_over(self._callers)
        return self._for_calls

    def for_downloads(self, *, is_stranger: bool) -> aiohttp.ClientSession | None:
        """Return the session for downloads, without the caller's headers for hosts that are not the portal."""
        base = self.for_calls()
        if base is None:
            return None
        session = self._for_downloads.get(is_stranger)
        if session is None or session.closed:
            session = self._for_downloads[is_stranger] = _session_for_downloads(base, is_stranger=is_stranger)
        return session

    async def close(self) -> None:
        """Close the own sessions; the caller's stays open."""
        for session in (*self._for_downloads.values(), self._for_calls):
            if session is not None:
                await session.close()


def _user_agent() -> str:
    from importlib.metadata import version  # noqa: PLC0415  # slow to import, and needed once a session

    return f"bitrix_chat/{version('bitrix-chat')}"


def _own_session() -> aiohttp.ClientSession:
    # The threaded resolver is the system's; aiohttp prefers c-ares where it is installed, which fails on some networks.
    connector = aiohttp.TCPConnector(limit=0, resolver=aiohttp.ThreadedResolver())
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": _user_agent(), "Accept-Encoding": ACCEPTED},
        auto_decompress=False,
    )


def _session_over(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    headers = session.headers.copy()
    headers.popall(_PROXY_AUTHORIZATION, None)
    headers.setdefault("User-Agent", _user_agent())
    headers["Accept-Encoding"] = ACCEPTED
    return _sharing(session, headers, list(session.trace_configs))


def _session_for_downloads(session: aiohttp.ClientSession, *, is_stranger: bool) -> aiohttp.ClientSession:
    headers = CIMultiDict(session.headers)
    if is_stranger:
        headers = CIMultiDict({"User-Agent": headers["User-Agent"]})
    headers["Accept-Encoding"] = "identity"
    return _sharing(session, headers, [*session.trace_configs, _telling_what_left()])


def _sharing(
    session: aiohttp.ClientSession, headers: Mapping[str, str], traces: list[aiohttp.TraceConfig]
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=session.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        proxy=getattr(session, "_default_proxy", None),
        trust_env=session.trust_env,
        trace_configs=traces,
        auto_decompress=False,
    )


def _proxy_headers(session: aiohttp.ClientSession | None) -> Mapping[str, str]:
    if session is None:
        return {}
    proxy_auth = getattr(session, "_default_proxy_auth", None)
    written = session.headers.get(_PROXY_AUTHORIZATION) if proxy_auth is None else proxy_auth.encode()
    return {} if written is None else {_PROXY_AUTHORIZATION: written}


def _telling_what_left() -> aiohttp.TraceConfig:
    async def leave(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:  # aiohttp awaits it
        context.trace_request_ctx.written = True

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(leave)
    return trace
