"""Sessions over the connections of a caller's: what it lends is its way to a host, not the making of our requests.

Its connector, proxy, tracing and, where that is wanted, headers are used. Cookies stay out: PHP would make requests
with one session cookie wait for each other. So do its middlewares, since one that retries would repeat what must not
be repeated.
"""

import functools
from collections.abc import Mapping
from typing import Final

import aiohttp
from multidict import CIMultiDict

PROXY_AUTHORIZATION: Final = "Proxy-Authorization"

_OF_ONE_MESSAGE: Final = ("content-", "if-")
_OF_THE_EXCHANGE: Final = frozenset(
    {"accept-encoding", "expect", "host", "range", "te", "trailer", "transfer-encoding", "upgrade"}
)


def sharing(
    session: aiohttp.ClientSession,
    headers: Mapping[str, str],
    traces: list[aiohttp.TraceConfig] | None = None,
    *,
    scheme: str,
) -> aiohttp.ClientSession:
    """Return a session over the connections of another, which stays open when this one is closed.

    Args:
        session: the one that lends.
        headers: what every request says.
        traces: what watches the requests besides the lender's tracing.
        scheme: of the addresses it is for. Its proxy is told a plain http request as it is, secrets and all, and
            http leads only to this very host, so that such a request goes there directly.

    Raises:
        RuntimeError: `session` is closed.
    """
    if session.closed:
        raise RuntimeError("Session is closed")
    by_proxy = scheme == "https"
    return aiohttp.ClientSession(
        connector=session.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        proxy=getattr(session, "_default_proxy", None) if by_proxy else None,
        trust_env=by_proxy and session.trust_env,
        trace_configs=[*_traces_of(session), *(traces or ())],
        auto_decompress=False,
    )


def lent_headers(session: aiohttp.ClientSession, accepted: str) -> CIMultiDict[str]:
    """Return what a session says of its owner, without what would say of our requests that they are others."""
    headers = CIMultiDict(
        (name, value) for name, value in session.headers.items() if not _is_of_a_request(name.lower())
    )
    headers.setdefault("User-Agent", user_agent())
    headers["Accept-Encoding"] = accepted
    return headers


def own_headers(session: aiohttp.ClientSession | None, accepted: str) -> CIMultiDict[str]:
    """Return what is said to a host for which the headers of a session were not meant: who asks."""
    agent = None if session is None else session.headers.get("User-Agent")
    return CIMultiDict({"User-Agent": agent or user_agent(), "Accept-Encoding": accepted})


def proxy_headers(session: aiohttp.ClientSession | None) -> Mapping[str, str]:
    """Return what a request tells the proxy of a session, and nobody else."""
    if session is None:
        return {}
    proxy_auth = getattr(session, "_default_proxy_auth", None)
    written = session.headers.get(PROXY_AUTHORIZATION) if proxy_auth is None else proxy_auth.encode()
    return {} if written is None else {PROXY_AUTHORIZATION: written}


@functools.cache
def user_agent() -> str:
    """Return what we call ourselves."""
    from importlib.metadata import version  # noqa: PLC0415  # slow to import, and needed once a process

    return f"bitrix_chat/{version('bitrix-chat')}"


def _is_of_a_request(name: str) -> bool:
    return name in _OF_THE_EXCHANGE or name == PROXY_AUTHORIZATION.lower() or name.startswith(_OF_ONE_MESSAGE)


def _traces_of(session: aiohttp.ClientSession) -> list[aiohttp.TraceConfig]:
    # OpenTelemetry's instrumentor adds its own to every session that is made: copied too, they would count twice.
    mark = "_is_instrumented_by_opentelemetry"
    return [trace for trace in session.trace_configs if not getattr(trace, mark, False)]
