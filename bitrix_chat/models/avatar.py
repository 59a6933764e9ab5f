"""Avatars as the portal wants them, checked for what it would drop without a word."""

import base64
import binascii
import errno
import io
import stat
from pathlib import Path
from typing import Final

from bitrix_chat.errors import InvalidParameter

MAX_SIDE: Final = 5000
"""Pixels an avatar may have on either side."""
MAX_BYTES: Final = 100_000_000
"""Bytes that are read of an avatar's file: as many as its pixels have without compression."""

Avatar = bytes | Path | str
"""The image's bytes, the path of its file, or its base64 text; a plain string is never a path."""


def encode_avatar(avatar: Avatar, name: str = "avatar") -> str:
    """Return the image as base64 text.

    Raises:
        InvalidParameter: it is no image, has a side of more than 5000 pixels or a file of more than 100 MB, or is text
            of digits, which the portal would take for the id of somebody's file.
    """
    content = _content(avatar, name)
    width, height = _size(content)
    if width <= 0 or height <= 0:
        raise InvalidParameter(f"`{name}` is no image that the portal shows (PNG, JPEG, GIF, WebP)")
    if max(width, height) > MAX_SIDE:
        raise InvalidParameter(f"`{name}` is {width}x{height} pixels, the portal takes {MAX_SIDE}x{MAX_SIDE} at most")
    return base64.b64encode(content).decode("ascii")


def _content(avatar: Avatar, name: str) -> bytes:
    if isinstance(avatar, bytes | bytearray):
        return bytes(avatar)
    if isinstance(avatar, Path):
        return _read(avatar, name)
    if not isinstance(avatar, str):
        raise InvalidParameter(f"`{name}` is {type(avatar).__name__}, not bytes, a pathlib.Path or base64 text")
    return _decoded(avatar, name)


def _read(path: Path, name: str) -> bytes:
    try:
        content = _bounded(path)
    except OSError as error:
        reason: str | None = error.strerror
    except ValueError:
        reason = "it is no path"
    else:
        if len(content) > MAX_BYTES:
            raise InvalidParameter(f"`{name}`: the file has more than {MAX_BYTES} bytes")
        return content
    raise InvalidParameter(f"`{name}`: the file cannot be read ({reason})")


def _bounded(path: Path) -> bytes:
    # Asked before it is opened: a pipe would wait for its writer, and a device may never end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _decoded(text: str, name: str) -> bytes:
    if text.strip().isdecimal():
        raise InvalidParameter(f"`{name}` is a number, which the portal would take for the id of a file")
    if text.startswith("data:"):
        raise InvalidParameter(f"`{name}` is a data: address; pass only the base64 text after its comma")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        pass
    raise InvalidParameter(f"`{name}` is no base64 text; for a file pass a pathlib.Path")


def _size(content: bytes) -> tuple[int, int]:
    import imagesize  # noqa: PLC0415  # only needed where an avatar is set

    if not content or content.lstrip()[:1] == b"<":  # vector images are no avatars
        return 0, 0
    try:
        width, height = imagesize.get(io.BytesIO(content))
    except Exception:  # noqa: BLE001  # a malformed header may make it raise anything
        return 0, 0
    return int(width), int(height)
