"""Bodies unpacked in small steps: 292 kB of gzip can hold 300 MB, and whoever unpacks it at once has no memory left."""

import zlib
from collections.abc import AsyncIterable, Iterable
from typing import Final, NamedTuple

ACCEPTED: Final = "gzip, deflate"
"""What may be asked for with `Accept-Encoding`: what this module unpacks."""

_STEP: Final = 1 << 16
_GZIP: Final = 31
_ZLIB: Final = 15
_RAW: Final = -15
_MOST_MEMBERS: Final = 1000


class Unpacking:
    """A body that comes as it is, and the protocol of the packed ones.

    Attributes:
        fault: why nothing more can be read of it, in words that hold nothing of it; empty so far.
    """

    fault: str = ""

    def feed(self, packed: bytes) -> Iterable[bytes]:
        """Return what the next bytes hold, 64 KiB at a time if they were packed; nothing after a fault."""
        return (packed,)

    def finish(self) -> None:
        """Say that no more bytes come, which is a fault in the midst of a packed body."""


class _Foreign(Unpacking):
    fault = "the body is packed in a way that nobody asked for"

    def feed(self, packed: bytes) -> Iterable[bytes]:  # noqa: ARG002  # nothing can be made of it
        return ()


class _Inflating(Unpacking):
    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._members = 0
        self._inflater = zlib.decompressobj(_GZIP)

    def feed(self, packed: bytes) -> Iterable[bytes]:
        is_full = False
        while (packed or is_full) and not self.fault:
            if self._members == 0 or self._inflater.eof:
                self._open_member(packed[0])
            piece, packed = self._inflate(packed)
            # A full step may have left some of its output inside, whether or not input is left.
            is_full = len(piece) == _STEP and not self._inflater.eof
            if piece:
                yield piece

    def finish(self) -> None:
        if self._members and not self._inflater.eof and not self.fault:
            self.fault = "the packed body was cut short"

    def _open_member(self, first_byte: int) -> None:
        self._members += 1
        if self._is_gzip:
            self._inflater = zlib.decompressobj(_GZIP)
        else:
            # "deflate" is zlib's format by the standard, and bare deflate by the habit of some servers.
            self._inflater = zlib.decompressobj(_ZLIB if first_byte & 0x0F == 8 else _RAW)
        if self._members > (_MOST_MEMBERS if self._is_gzip else 1):
            self.fault = "the packed body does not end where it should"

    def _inflate(self, packed: bytes) -> tuple[bytes, bytes]:
        if self.fault:
            return b"", b""
        try:
            piece = self._inflater.decompress(packed, _STEP)
        except zlib.error:
            self.fault = "the packed body is corrupt"
            return b"", b""
        return piece, self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail


def unpacking(encoding: str | None) -> Unpacking:
    """Return what unpacks a body of a `Content-Encoding`."""
    name = (encoding or "identity").strip().lower()
    if name in {"", "identity"}:
        return Unpacking()
    if name in {"gzip", "x-gzip", "deflate"}:
        return _Inflating(is_gzip=name != "deflate")
    return _Foreign()


class Unreadable(NamedTuple):
    """Why a body was given up, in words that hold nothing of it."""

    why: str


async def read_whole(pieces: AsyncIterable[bytes], encoding: str | None, longest: int) -> bytes | Unreadable:
    """Collect a body of at most `longest` bytes, unpacked as well as packed.

    It returns what is wrong, so that no traceback holds a frame that holds the body.
    """
    body, length, unpacked = bytearray(), 0, unpacking(encoding)
    async for packed in pieces:
        length += len(packed)
        for piece in unpacked.feed(packed):
            body += piece
            if len(body) > longest:
                break
        if length > longest or len(body) > longest:
            return Unreadable(f"the body is longer than {longest >> 10} KiB")
        if unpacked.fault:
            return Unreadable(unpacked.fault)
    unpacked.finish()
    return Unreadable(unpacked.fault) if unpacked.fault else bytes(body)
