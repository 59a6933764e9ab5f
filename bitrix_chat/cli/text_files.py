"""Values that stand in a file, so that a secret need not stand in the shell's history."""

from pathlib import Path
from typing import Final

from bitrix_chat import InvalidParameter

MOST: Final = 256 << 20
"""Bytes that are read of a file; a device might never end."""


def read_file(option: str, path: Path) -> str:
    """Return a file's text.

    Raises:
        InvalidParameter: it cannot be read; the message names the option and not the path, which may be a slip.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
    else:
        return decoded(option, content)
    raise InvalidParameter(f"{option}: the file cannot be read ({reason})")


def decoded(option: str, content: bytes) -> str:
    """Return the text of bytes, whose line breaks stay as they are.

    Raises:
        InvalidParameter: they are no UTF-8, or more than `MOST`.
    """
    if len(content) > MOST:
        raise InvalidParameter(f"{option}: the file has more than {MOST >> 20:,} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        reason = "it is no UTF-8 text"
    raise InvalidParameter(f"{option}: the file cannot be read ({reason})")


def given(option: str, value: str | None) -> str | None:
    """Return an option's value, which `@path` takes from a file."""
    if value is None or not value.startswith("@"):
        return value
    return read_file(option, Path(value[1:])).strip()
