"""Files into a chat and out of it, for bots and for people alike: in memory on the way in, in pieces on the way out."""

import asyncio
import base64
import os
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from bitrix_chat.errors import DownloadFailed, ExpiredToken, InvalidParameter
from bitrix_chat.models.file import DownloadLink
from bitrix_chat.resources import arguments
from bitrix_chat.resources.replacing import replacing
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Downloads, Transport

MAX_BYTES: Final = 100 * 1024 * 1024
"""Bytes a file may have; the portal counts them before base64."""
_PIECE: Final = 1024 * 1024

FileContent = bytes | Path | BinaryIO
"""The file's bytes, the path of a file, or a file opened for reading bytes."""


def file_fields(name: str, content: FileContent, message: str | None) -> dict[str, Any]:
    """Return what is uploaded, as both branches want it in `fields`.

    Raises:
        InvalidParameter: the content is empty, unreadable or larger than 100 MB.
    """
    return {
        "name": arguments.required_text("name", name),
        "content": base64.b64encode(_checked(_content(content))).decode("ascii"),
        "message": arguments.text("message", message, arguments.MAX_MESSAGE),
    }


def _content(content: FileContent) -> bytes | bytearray:
    if isinstance(content, bytes | bytearray):
        return content
    if isinstance(content, Path):
        return _file_content(content)
    if hasattr(content, "read"):
        return _stream_content(content)
    raise InvalidParameter(f"`content` is {type(content).__name__}, not bytes, a pathlib.Path or an open binary file")


def _file_content(path: Path) -> bytearray:
    try:
        with path.open("rb") as file:
            return _stream_content(file)
    except OSError as error:
        reason = error.strerror
    raise InvalidParameter(f"`content`: the file cannot be read ({reason})")


def _stream_content(stream: BinaryIO) -> bytearray:
    content = bytearray()
    while piece := stream.read(_PIECE):
        _append(content, piece)
    return content


async def collected(stream: AsyncIterable[bytes]) -> bytes:
    """Read a stream to its end, or until it is more than the portal takes.

    Raises:
        InvalidParameter: it yields something else than bytes, or more than 100 MB.
    """
    content = bytearray()
    async for piece in stream:
        _append(content, piece)
    return bytes(content)


def _append(content: bytearray, piece: bytes) -> None:
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise InvalidParameter(f"`content` yields {type(piece).__name__}, not bytes")
    content += piece
    _checked(content)


def _checked(content: bytes | bytearray) -> bytes | bytearray:
    if len(content) > MAX_BYTES:
        raise InvalidParameter(
            f"`content` has more than {MAX_BYTES} bytes (100 MB), which is all that the portal takes"
        )
    if not content:
        raise InvalidParameter("`content` is empty")
    return content


Timeout = float | Literal["default"] | None
"""Seconds for a whole download, the link included; None for no bound, `default` for the client's."""


@asynccontextmanager
async def opened(
    transport: Transport,
    call: Call[DownloadLink],
    timeout: Timeout = "default",  # noqa: ASYNC109  # of the library's deadlines, as `Call.within`
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Ask for the link to a file and open what is behind it.

    Raises:
        TypeError: the transport cannot download.
        InvalidParameter: the timeout is not more than 0.
        DeadlineExceeded: the time is over, also while the file is read.
        DownloadFailed: the link did not give the whole file.
    """
    with closing(call):
        if not isinstance(transport, Downloads):
            raise TypeError(f"{type(transport).__name__} is no transport that downloads files")
        if timeout != "default":
            call = call.within(timeout)
        async with AsyncExitStack() as stack:
            link, deadline = await _link(transport, call)
            try:
                pieces = await stack.enter_async_context(transport.download(link.url, timeout=_left(deadline)))
            except ExpiredToken:
                # The token in the link is what expired; asking for another link renews it.
                link, _ = await _link(transport, Call(call.request, call.decode, transport, _left(deadline)))
                pieces = await stack.enter_async_context(transport.download(link.url, timeout=_left(deadline)))
            yield pieces


async def _link(transport: Transport, call: Call[DownloadLink]) -> tuple[DownloadLink, float | None]:
    # Sent by hand, since the deadline of the call is that of the whole download.
    exchange = call.claim()
    response = await transport.send(exchange)
    return call.decode(response.result), exchange.deadline


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else deadline - asyncio.get_running_loop().time()


async def read(
    transport: Transport,
    call: Call[DownloadLink],
    *,
    max_bytes: int | None = MAX_BYTES,
    timeout: Timeout = "default",  # noqa: ASYNC109  # of the library's deadlines, as `Call.within`
) -> bytes:
    """Read a whole file into memory.

    Raises:
        DownloadFailed: it has more than `max_bytes`; `save` and `open` take any size.
    """
    content = bytearray()
    async with opened(transport, call, timeout) as pieces:
        async for piece in pieces:
            content += piece
            if max_bytes is not None and len(content) > max_bytes:
                raise DownloadFailed(f"the file has more than {max_bytes} bytes (`max_bytes`); save it, or open it")
    return bytes(content)


async def save(
    transport: Transport,
    call: Call[DownloadLink],
    path: str | os.PathLike[str],
    *,
    timeout: Timeout = "default",  # noqa: ASYNC109  # as `read`
) -> int:
    """Write a file to disk and return how many bytes it has; what is at `path` changes only once all of it is there.

    Raises:
        InvalidParameter: `path` is empty or holds a NUL.
        OSError: a folder, a pipe or a device is at `path`, or nothing can be written there; nothing was asked for.
    """
    written = 0
    with closing(call), replacing(path) as file:
        async with opened(transport, call, timeout) as pieces:
            async for piece in pieces:
                written += await asyncio.to_thread(file.write, piece)
    return written
