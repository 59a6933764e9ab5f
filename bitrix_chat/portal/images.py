"""Just enough of image formats to judge an avatar: the kind and the size, from the first bytes."""

import binascii
import re
import struct
from typing import Final

MAX_SIDE: Final = 5000

_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]")
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_STANDALONE: Final = frozenset(range(0xD0, 0xDA)) | {0x01, 0xFF}


def is_avatar(encoded: str) -> bool:
    """Tell whether base64 text holds an image the portal keeps: PNG, JPEG or GIF of at most 5000 x 5000."""
    size = image_size(decode_loosely(encoded))
    return size is not None and max(size) <= MAX_SIDE


def decode_loosely(encoded: str) -> bytes:
    """Decode as PHP's `base64_decode` does by default: foreign characters are skipped, not refused.

    This is what spoils a `data:image/png;base64,` prefix: its letters are decoded along.
    """
    letters = _NOT_BASE64.sub(b"", encoded.encode())
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def image_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels; None if the bytes start no image."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 10:
        return struct.unpack("<HH", data[6:10])
    if data.startswith(b"\xff\xd8"):
        return _jpeg_size(data)
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        if marker in _JPEG_STANDALONE:
            position += 1 if marker == 0xFF else 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4])
    return None
