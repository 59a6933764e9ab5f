"""One POST to the portal, and the evidence of whether any of it left.

POST only, because aiohttp repeats a GET by itself; no redirects, because aiohttp would carry the token along.
No exception of aiohttp leaves this module, and no frame that holds an address or a body stays in a traceback.
"""

import functools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from attrs import field, frozen
from yarl import URL

from bitrix_chat.errors import ClientClosed, UnexpectedAnswer
from bitrix_chat.http.tls import warn_where_unverified
from bitrix_chat.http.unpacking import read_whole
from bitrix_chat.http.unrepeated import unrepeated
from bitrix_chat.transport.failures import Failure, failure_of
from bitrix_chat.transport.lifetime import Lifetime
from bitrix_chat.transport.moving import location_of
from bitrix_chat.transport.sessions import Sessions

if TYPE_CHECKING:
    from bitrix_chat.transport.fetching import Download, Fetching, Leaving

CONNECT_TIMEOUT: Final = 10.0
ANSWER_TIMEOUT: Final = 75.0
"""Seconds for one attempt, connecting included: above the 60 that a portal gives a request."""

LONGEST_ANSWER: Final = 16 << 20
"""Bytes of an answer, unpacked, beyond which it is given up."""

_PIECE: Final = 1 << 16
_JSON: Final = {"Content-Type": "application/json"}


@frozen
class Reply:
    """What came back, unread; `location` is where a redirect leads."""

    status: int
    body: bytes = field(repr=False)
    location: str | None = field(default=None, repr=False)


class _Body(aiohttp.Payload):
    """A JSON body that tells when each of its pieces is about to be handed over, and may be stopped then.

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
        content: bytes = self._value
        for start in range(0, len(content), _PIECE):
            self._on_write()
            self.written = True
            await writer.write(content[start : start + _PIECE])


class Wire:
    """Posts to the portal through its own session, or through the connections of the caller's.

    A caller's session is neither closed nor changed. One that does not verify certificates earns a
    `RuntimeWarning`, and its connections are not used without verification, nor its proxy for plain http.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession | None = None,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        answer_timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        self._sessions = Sessions(session)
        warn_where_unverified(session)
        self.lifetime = Lifetime()
        self._timeout = aiohttp.ClientTimeout(total=answer_timeout, sock_connect=connect_timeout)
        self._connect_timeout, self._answer_timeout = connect_timeout, answer_timeout

    @functools.cached_property
    def _fetching(self) -> "Fetching":
        from bitrix_chat.transport.fetching import Fetching  # noqa: PLC0415  # few programs download anything

        bounds = {"connect_timeout": self._connect_timeout, "answer_timeout": self._answer_timeout}
        return Fetching(self._sessions, self.lifetime, **bounds)

    async def post(self, url: URL, body: bytes, on_write: Callable[[], None]) -> Reply:
        """Post a JSON body, not an empty one, and return whatever comes back.

        Args:
            url: where to.
            body: the JSON.
            on_write: called just before each piece of 64 KiB leaves; if it raises, neither that one nor any after it
                does, and no byte at all if it was the first.

        Raises:
            ClientClosed: the caller's session is closed.
            PortalUnreachable: no byte left.
            ConnectionLost: bytes left and no whole answer came.
            UnexpectedAnswer: the answer is longer than any of the portal's, or its packing is corrupt.
        """
        seen = await self._exchange(url, _Body(body, on_write))
        if isinstance(seen, Reply):
            return seen
        del url, body, on_write  # secrets: this frame stays in the traceback
        raise seen.error()

    async def _exchange(self, url: URL, payload: _Body) -> Reply | Failure:
        session = self._sessions.for_calls(url)
        if session is None:
            return Failure(ClientClosed, "the aiohttp session that was passed in is closed")
        try:
            async with session.post(
                url,
                data=payload,
                headers=_JSON,
                allow_redirects=False,
                raise_for_status=False,
                timeout=self._timeout,
                ssl=self._sessions.verification,
                proxy_headers=self._sessions.proxy_headers,
                middlewares=(unrepeated,),
            ) as response:
                pieces, encoding = response.content.iter_any(), response.headers.get("Content-Encoding")
                answer = await read_whole(pieces, encoding, LONGEST_ANSWER)
                if isinstance(answer, bytes):
                    return Reply(response.status, answer, location_of(response))
                response.close()
                return Failure(UnexpectedAnswer, answer.why, status=response.status)
        except Exception as error:  # noqa: BLE001  # aiohttp raises many kinds, and a caller's tracing any
            return failure_of(error, url.host or "", written=payload.written)

    def get(
        self, url: URL, leaving: "Leaving", *, deadline: float | None = None, is_stranger: bool = False
    ) -> AbstractAsyncContextManager["Download"]:
        """Open an address for reading; it is asked for once, and redirects are not followed.

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
        return self._fetching.open(url, leaving, deadline=deadline, is_stranger=is_stranger)

    async def close(self) -> None:
        """End downloads and close the own sessions; the caller's stays open."""
        self.lifetime.end()
        await self._sessions.close()
