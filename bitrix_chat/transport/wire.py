"""One POST to the portal, and the evidence of whether any of it left: the one module that opens sockets to it.

POST only, because aiohttp repeats a GET by itself; no redirects, because aiohttp would carry the token along.
No exception of aiohttp leaves this module: their texts hold the whole URL, and a webhook's is a secret.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Final, NamedTuple

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from attrs import define
from multidict import CIMultiDict
from yarl import URL

from bitrix_chat.errors import (
    BitrixError,
    ClientClosed,
    ConnectionLost,
    DownloadFailed,
    Outcome,
    PortalUnreachable,
    UnexpectedAnswer,
    UntrustedCertificate,
)
from bitrix_chat.transport.lifetime import Lifetime

CONNECT_TIMEOUT: Final = 10.0
ANSWER_TIMEOUT: Final = 75.0
"""Seconds for one attempt, connecting included: above the 60 that a portal gives a request."""

LONGEST_ANSWER: Final = 16 << 20
"""Bytes of an answer, unpacked, beyond which it is given up."""

_PIECE: Final = 1 << 16


class Reply(NamedTuple):
    """What came back, unread; `location` is where a redirect leads."""

    status: int
    body: bytes
    location: str | None = None


@define
class Leaving:
    """Whether a download's request may have left."""

    written: bool = False


class Download(NamedTuple):
    """A file on its way: its status, where a redirect leads, and its bytes in pieces."""

    status: int
    location: str | None
    pieces: AsyncIterator[bytes]


class _Body(aiohttp.Payload):
    """A JSON body that tells when its first byte is about to be handed over, and may be stopped then.

    Exceptions do not: aiohttp raises the same ones before and after a request has left.
    """

    def __init__(self, value: bytes, on_write: Callable[[], None]) -> None:
        super().__init__(value, content_type="application/json")
        self._size = len(value)
        self._on_write = on_write
        self.written = False

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        content: bytes = self._value
        return content.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:  # noqa: ARG002  # always whole
        self._on_write()
        self.written = True
        content: bytes = self._value
        if len(content) <= _PIECE:
            await writer.write(content)
            return
        for start in range(0, len(content), _PIECE):
            await writer.write(content[start : start + _PIECE])


class Wire:
    """Posts to the portal through its own session, or through the connections of the caller's.

    A caller's session is neither closed nor changed: its connector, headers, proxy and tracing are used, while
    cookies stay out. PHP would make requests with one session cookie wait for each other.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession | None = None,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        answer_timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        self._callers = session
        self._session: aiohttp.ClientSession | None = None
        self._for_downloads: dict[bool, aiohttp.ClientSession] = {}
        self.lifetime = Lifetime()
        self._timeout = aiohttp.ClientTimeout(total=answer_timeout, sock_connect=connect_timeout)
        self._download_timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=connect_timeout, sock_read=answer_timeout
        )

    async def post(self, url: URL, body: bytes, on_write: Callable[[], None]) -> Reply:
        """Post a JSON body and return whatever comes back.

        Args:
            url: where to.
            body: the JSON.
            on_write: called just before the first byte leaves; if it raises, none does.

        Raises:
            ClientClosed: the caller's session is closed.
            PortalUnreachable: no byte left.
            ConnectionLost: bytes left and no whole answer came.
            UnexpectedAnswer: the answer is longer than any of the portal's.
        """
        session = self._open_session()
        payload = _Body(body, on_write)
        try:
            async with session.post(
                url, data=payload, allow_redirects=False, raise_for_status=False, timeout=self._timeout
            ) as response:
                return Reply(response.status, await _read(response), _location(response))
        except BitrixError:
            raise
        except Exception as error:  # noqa: BLE001  # aiohttp raises many kinds, and a caller's tracing any
            failure = error
        # Outside the handler, so that the error holds no aiohttp exception in any of its attributes.
        raise _explained(failure, url.host or "", written=payload.written)

    @asynccontextmanager
    async def get(
        self, url: URL, leaving: Leaving, *, deadline: float | None = None, is_stranger: bool = False
    ) -> AsyncIterator[Download]:
        """Open an address for reading; redirects are not followed.

        Args:
            url: what to get.
            leaving: written down there once the request may have left.
            deadline: the loop time after which nothing is waited for.
            is_stranger: whether the headers of the caller's session are kept from it.

        Raises:
            ClientClosed: the client, or the caller's session, is closed.
            DeadlineExceeded: the deadline is over.
            PortalUnreachable: no byte left.
            DownloadFailed: it broke off, also while the pieces are read.
        """
        response = await self._response(url, leaving, deadline, is_stranger=is_stranger)
        async with response:
            yield Download(response.status, _location(response), self._pieces(response, url.host or "", deadline))

    async def _response(
        self, url: URL, leaving: Leaving, deadline: float | None, *, is_stranger: bool
    ) -> aiohttp.ClientResponse:
        try:
            async with self.lifetime.wait(deadline):
                session = self._session_for_downloads(is_stranger=is_stranger)
                return await session.get(
                    url,
                    allow_redirects=False,
                    raise_for_status=False,
                    timeout=self._download_timeout,
                    proxy_headers=_proxy_headers(self._callers) if is_stranger else None,
                    trace_request_ctx=leaving,
                )
        except BitrixError as error:
            if leaving.written:
                error.outcome = Outcome.UNKNOWN
            raise
        except Exception as error:  # noqa: BLE001  # as in `post`
            failure = error
        if leaving.written:
            raise DownloadFailed(f"{url.host}: {_what(failure)} after the request had left")
        raise _explained(failure, url.host or "", written=False)

    async def _pieces(
        self, response: aiohttp.ClientResponse, host: str, deadline: float | None
    ) -> AsyncIterator[bytes]:
        pieces = response.content.iter_any()
        while True:
            try:
                async with self.lifetime.wait(deadline):
                    piece = await anext(pieces, None)
            except BitrixError as error:
                error.outcome = Outcome.UNKNOWN
                raise
            except Exception as error:  # noqa: BLE001  # as in `post`
                fault = _what(error)
            else:
                if piece is None:
                    return
                yield piece
                continue
            raise DownloadFailed(f"{host}: {fault} before the whole file was here")

    async def close(self) -> None:
        """End downloads and close the own sessions; the caller's stays open."""
        self.lifetime.end()
        for session in (*self._for_downloads.values(), self._session):
            if session is not None:
                await session.close()

    def _session_for_downloads(self, *, is_stranger: bool) -> aiohttp.ClientSession:
        base = self._open_session()
        session = self._for_downloads.get(is_stranger)
        if session is None:
            session = self._for_downloads[is_stranger] = _session_for_downloads(base, is_stranger=is_stranger)
        return session

    def _open_session(self) -> aiohttp.ClientSession:
        if self._callers is not None and self._callers.closed:
            raise ClientClosed("the aiohttp session that was passed in is closed")
        if self._session is None or self._session.closed:
            self._session = _own_session() if self._callers is None else _session_over(self._callers)
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > LONGEST_ANSWER:
            response.close()
            raise UnexpectedAnswer(f"an answer of more than {LONGEST_ANSWER >> 20} MiB", status=response.status)
    return bytes(body)


def _location(response: aiohttp.ClientResponse) -> str | None:
    return response.headers.get("Location") if 300 <= response.status < 400 else None


def _user_agent() -> str:
    from importlib.metadata import version  # noqa: PLC0415  # slow to import, and needed once a session

    return f"bitrix_chat/{version('bitrix-chat')}"


def _own_session() -> aiohttp.ClientSession:
    # The threaded resolver is the system's; aiohttp prefers c-ares where it is installed, which fails on some networks.
    connector = aiohttp.TCPConnector(limit=0, resolver=aiohttp.ThreadedResolver())
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": _user_agent()}
    )


def _session_over(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    headers = session.headers.copy()
    headers.setdefault("User-Agent", _user_agent())
    for name, value in _proxy_headers(session).items():
        headers.setdefault(name, value)
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
    )


def _proxy_headers(session: aiohttp.ClientSession | None) -> dict[str, str]:
    proxy_auth = getattr(session, "_default_proxy_auth", None)
    return {} if proxy_auth is None else {"Proxy-Authorization": proxy_auth.encode()}


def _telling_what_left() -> aiohttp.TraceConfig:
    async def leave(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:  # aiohttp awaits it
        context.trace_request_ctx.written = True

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(leave)
    return trace


def _explained(error: Exception, host: str, *, written: bool) -> BitrixError:
    if written:
        return ConnectionLost(f"{host}: {_what(error)} after the request had left")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return UntrustedCertificate(f"{host}: TLS failed ({_reason(error)})")
    return PortalUnreachable(f"{host}: {_what(error)}")


def _what(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name does not resolve"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed"
    if isinstance(error, OSError) and error.strerror:
        return f"the connection failed ({error.strerror})"
    return f"the exchange failed ({type(error).__name__})"


def _reason(error: Exception) -> str:
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return getattr(inner, "verify_message", None) or getattr(inner, "reason", None) or type(inner).__name__
