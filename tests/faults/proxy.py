"""A proxy that breaks connections on purpose, at moments between which no exception of a client can tell.

It reads a whole request before it forwards any of it, and a whole answer before it returns any of that: what the
portal has executed at each moment is therefore certain. It speaks plain HTTP/1.1 with Content-Length.
"""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, final
from urllib.parse import urlsplit

import attrs

from tests.faults.trouble import NO_TROUBLE, End, Moment, Trouble

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_ABORTING: Final = struct.pack("ii", 1, 0)


@final
class _Ended(Exception):
    """The connection has come to its end."""


@final
@attrs.define
class _Line:
    """A connection to a client; a mute one says nothing more."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    mute: bool = False
    idle: bool = True

    async def end(self, how: End) -> None:
        """End it, unless it is only half closed.

        Raises:
            _Ended: There is nothing more to serve.
        """
        if how is End.RESET:
            self.reset()
            raise _Ended
        if how is not End.SILENCE and not self.mute:
            self.writer.write_eof()
        self.mute = True
        if how is not End.HALF_CLOSE:
            while await self.reader.read(65536):
                pass
            raise _Ended

    def reset(self) -> None:
        """Close the socket without lingering, which tells the client so at once."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTING)
        self.writer.transport.abort()

    async def say(self, answer: bytes, drip: float) -> None:
        """Send an answer, at once or in drops."""
        pieces = [answer] if not drip else [answer[at : at + 1] for at in range(len(answer))]
        for piece in [] if self.mute else pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if drip:
                await asyncio.sleep(drip)


@final
class Proxy:
    """Stands between a client and a portal at `portal_url`; requests take what `add` has put in line for them.

    Attributes:
        connections: How many were accepted.
        requests: How many requests were forwarded, as a whole.
        body_bytes: How many bytes of bodies were read.
    """

    def __init__(self, portal_url: str) -> None:
        address = urlsplit(portal_url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._troubles: list[Trouble] = []
        self._lines: dict[asyncio.Task[None], _Line] = {}
        self._server: asyncio.Server | None = None
        self.connections = 0
        self.requests = 0
        self.body_bytes = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        lines = dict(self._lines)
        for task in lines:
            task.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    def url_of(self, url: str) -> str:
        """Return the same path at the proxy's address."""
        return self.url + urlsplit(url).path

    def add(self, *troubles: Trouble) -> None:
        """Put troubles in line; a request takes the first that waits for it."""
        self._troubles += [trouble for trouble in troubles for _ in range(trouble.times)]

    def close_idle(self, how: End = End.FIN) -> int:
        """Close the connections that wait for their next request, and return how many those were."""
        idle = [line for line in self._lines.values() if line.idle]
        for line in idle:
            line.reset() if how is End.RESET else line.writer.close()
        return len(idle)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = _Line(reader, writer)
        serving = asyncio.create_task(self._serve(line))
        self._lines[serving] = line
        serving.add_done_callback(self._lines.pop)

    async def _serve(self, line: _Line) -> None:
        try:
            with contextlib.suppress(_Ended, OSError, asyncio.IncompleteReadError):
                trouble = self._taken(lambda waiting: waiting.moment is Moment.ACCEPT)
                await _begin(line, trouble, Moment.ACCEPT)
                while True:
                    await self._exchange(line)
        finally:
            line.writer.close()

    async def _exchange(self, line: _Line) -> None:
        """Pass one request and its answer on, until trouble begins."""
        head = await line.reader.readuntil(_END_OF_HEAD)
        line.idle = False
        trouble = self._taken(lambda waiting: _waits_for(waiting, head))
        await _begin(line, trouble, Moment.HEADERS)
        body = await self._body(line, _length(head), trouble)
        answer, cut = await self._answer(head + body, trouble)
        await _begin(line, trouble, Moment.REQUEST)
        await asyncio.sleep(trouble.delay)
        await line.say(answer[: trouble.after] if trouble.moment is Moment.ANSWER else answer, trouble.drip)
        await _begin(line, trouble, Moment.ANSWER)
        if cut is not None:
            await line.end(cut)
        line.idle = True
        await _begin(line, trouble, Moment.IDLE)

    async def _body(self, line: _Line, length: int, trouble: Trouble) -> bytes:
        wanted = min(trouble.after, length) if trouble.moment is Moment.BODY else length
        body = await self._read(line, wanted)
        await _begin(line, trouble, Moment.BODY)
        return body + await self._read(line, length - wanted)

    async def _read(self, line: _Line, length: int) -> bytes:
        pieces = []
        while length:
            piece = await line.reader.read(length)
            if not piece:
                raise _Ended
            self.body_bytes += len(piece)
            length -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    async def _answer(self, request: bytes, trouble: Trouble) -> tuple[bytes, End | None]:
        answer, cut = await self._forwarded(request) if trouble.forward else (b"", None)
        return (answer, cut) if trouble.answer is None else (trouble.answer, None)

    async def _forwarded(self, request: bytes) -> tuple[bytes, End | None]:
        """Ask the portal on a connection of its own; return what it said, and how it broke off if it did."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        answer = b""
        try:
            writer.write(request)
            self.requests += 1
            answer = await reader.readuntil(_END_OF_HEAD)
            return answer + await reader.readexactly(_length(answer)), None
        except asyncio.IncompleteReadError as broken:
            return answer + broken.partial, End.FIN
        except ConnectionError:
            return answer, End.RESET
        finally:
            writer.close()

    def _taken(self, wanted: Callable[[Trouble], bool]) -> Trouble:
        found = next((trouble for trouble in self._troubles if wanted(trouble)), None)
        if found is None:
            return NO_TROUBLE
        self._troubles.remove(found)
        return found


async def _begin(line: _Line, trouble: Trouble, moment: Moment) -> None:
    if trouble.moment is moment:
        await line.end(trouble.end)


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


def _waits_for(trouble: Trouble, head: bytes) -> bool:
    """Tell whether trouble waits for a request with this head."""
    path = head.split(b" ", 2)[1].decode()
    wanted = trouble.method is None or path.rpartition("/")[2].removesuffix(".json") == trouble.method
    return wanted and trouble.moment is not Moment.ACCEPT
