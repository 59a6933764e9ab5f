"""One GET of a file's link, sent at most once, and its bytes in pieces: the only GET there is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import aiohttp
from attrs import define, field, frozen
from yarl import URL

from bitrix_chat.errors import BitrixError, ClientClosed, DownloadFailed
from bitrix_chat.http.unpacking import unpacking
from bitrix_chat.http.unrepeated import unrepeated
from bitrix_chat.outcomes import Outcome
from bitrix_chat.transport.failures import Failure, failure_of, what_happened
from bitrix_chat.transport.lifetime import Lifetime
from bitrix_chat.transport.moving import location_of
from bitrix_chat.transport.sessions import Sessions


@define
class Leaving:
    """Whether a download's request may have left, and what is to happen then."""

    written: bool = False
    on_leave: Callable[[], None] | None = field(default=None, init=False, repr=False)

    def leave(self) -> None:
        """Note that its head is leaving."""
        self.written = True
        if self.on_leave is not None:
            self.on_leave()


@frozen
class Download:
    """A file on its way: its status, where a redirect leads, and its bytes in pieces."""

    status: int
    location: str | None = field(repr=False)
    pieces: AsyncIterator[bytes]


class Fetching:
    """Opens addresses for reading.

    From when a request has left, the head of its answer may take `answer_timeout` seconds, and so may each pause of the
    file behind it; the whole file, however slowly it drips, may take as long as the deadline allows.
    """

    def __init__(
        self, sessions: Sessions, lifetime: Lifetime, *, connect_timeout: float, answer_timeout: float
    ) -> None:
        self._sessions = sessions
        self._lifetime = lifetime
        self._answer_timeout = answer_timeout
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout, sock_read=answer_timeout)

    @asynccontextmanager
    async def open(
        self, url: URL, leaving: Leaving, *, deadline: float | None, is_stranger: bool
    ) -> AsyncIterator[Download]:
        """Open an address, as `Wire.get` says."""
        incoming = await self._opened(url, leaving, deadline, is_stranger=is_stranger)
        del url  # a secret: this frame stays in tracebacks
        if isinstance(incoming, Failure):
            raise incoming.error()
        async with incoming:
            yield incoming.download()

    async def _opened(
        self, url: URL, leaving: Leaving, deadline: float | None, *, is_stranger: bool
    ) -> "_Incoming | Failure":
        host = url.host or ""
        try:
            async with self._lifetime.wait(deadline):
                session = self._sessions.for_downloads(url, is_stranger=is_stranger)
                if session is None:
                    return Failure(ClientClosed, "the aiohttp session that was passed in is closed")
                response = await self._asked(session, url, leaving)
        except BitrixError as error:
            return _ended(error, written=leaving.written)
        except Exception as error:  # noqa: BLE001  # aiohttp raises many kinds, and a caller's tracing any
            return failure_of(error, host, written=leaving.written, when_written=DownloadFailed)
        return _Incoming(response, host, self._lifetime, deadline)

    async def _asked(self, session: aiohttp.ClientSession, url: URL, leaving: Leaving) -> aiohttp.ClientResponse:
        async with asyncio.timeout(None) as head:
            leaving.on_leave = lambda: head.reschedule(asyncio.get_running_loop().time() + self._answer_timeout)
            return await session.get(
                url,
                allow_redirects=False,
                raise_for_status=False,
                timeout=self._timeout,
                ssl=self._sessions.verification,
                proxy_headers=self._sessions.proxy_headers,
                middlewares=(unrepeated,),
                trace_request_ctx=leaving,
            )


class _Incoming:
    """Holds the response where no traceback shows it."""

    def __init__(self, response: aiohttp.ClientResponse, host: str, lifetime: Lifetime, deadline: float | None) -> None:
        self._response = response
        self._host = host
        self._lifetime = lifetime
        self._deadline = deadline
        self._unpacking = unpacking(response.headers.get("Content-Encoding"))
        self._failure: Failure | None = None

    async def __aenter__(self) -> Self:
        await self._response.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._response.__aexit__(kind, error, trace)

    def download(self) -> Download:
        """Return what a caller sees of it."""
        return Download(self._response.status, location_of(self._response), self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        while not self._unpacking.fault and (packed := await self._read()):
            for piece in self._unpacking.feed(packed):
                yield piece
        packed = piece = b""  # this frame stays in tracebacks
        failure = self._failure or self._fault()
        if failure is not None:
            raise failure.error()

    async def _read(self) -> bytes:
        try:
            async with self._lifetime.wait(self._deadline):
                return await self._response.content.readany()
        except BitrixError as error:
            self._failure = _ended(error, written=True)
        except Exception as error:  # noqa: BLE001  # as in `_opened`
            text = f"{self._host}: {what_happened(error)} before the whole file was here"
            self._failure = Failure(DownloadFailed, text)
        return b""

    def _fault(self) -> Failure | None:
        self._unpacking.finish()
        fault = self._unpacking.fault
        return Failure(DownloadFailed, f"{self._host}: {fault}", status=self._response.status) if fault else None


def _ended(error: BitrixError, *, written: bool) -> Failure:
    return Failure(type(error), error.description, outcome=Outcome.UNKNOWN if written else error.outcome)
