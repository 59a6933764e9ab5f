"""Files into a chat and out of it, for bots and for people alike: in memory on the way in, in pieces on the way out."""

import asyncio
import base64
import os
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.file import DownloadLink
from bitrix_chat.resources import arguments
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


@asynccontextmanager
async def opened(transport: Transport, call: Call[DownloadLink]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Ask for the link to a file and open what is behind it.

    Raises:
        TypeError: the transport cannot download.
        DownloadFailed: the link did not give the whole file.
    """
    with closing(call):
        if not isinstance(transport, Downloads):
            raise TypeError(f"{type(transport).__name__} is no transport that downloads files")
        link = await call
        async with transport.download(link.url) as pieces:
            yield pieces


async def read(transport: Transport, call: Call[DownloadLink]) -> bytes:
    """Read a whole file into memory."""
    content = bytearray()
    async with opened(transport, call) as pieces:
        async for piece in pieces:
            content += piece
    return bytes(content)


async def save(transport: Transport, call: Call[DownloadLink], path: str | os.PathLike[str]) -> int:
    """Write a file to disk and return how many bytes it has; `path` changes only once all of it is there."""
    written = 0
    with closing(call), _replacing(Path(path)) as file:
        async with opened(transport, call) as pieces:
            async for piece in pieces:
                written += await asyncio.to_thread(file.write, piece)
    return written


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with partial.open("xb") as file:
            yield file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
