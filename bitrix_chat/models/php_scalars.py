"""Single values as PHP writes them, read without guessing: what stays ambiguous is a ValueError.

The second argument of each function is the type asked for, which cattrs passes to its hooks.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final

_TRUE: Final = frozenset({True, "Y", "1", "true", "TRUE"})
_FALSE: Final = frozenset({False, "N", "0", "false", "FALSE", ""})
_WHOLE: Final = re.compile(r"\s*-?[0-9]+\s*")
_UNIX_SECONDS: Final = re.compile(r"[0-9]{9,}")  # eight digits would be a day in ISO 8601


def boolean(value: Any, _: Any) -> bool:
    """Read yes or no, in words, letters or digits."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str):
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
    raise ValueError("no boolean")


def integer(value: Any, _: Any) -> int:
    """Read a whole number, also one that is text."""
    if type(value) is int:
        return value
    if (isinstance(value, str) and _WHOLE.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise ValueError("no integer")


def number(value: Any, _: Any) -> float:
    """Read a number, also one that is text."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return float(value)
    raise ValueError("no number")


def text(value: Any, _: Any) -> str:
    """Read a text; a number is one, absence an empty one."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if value is None or value is False:
        return ""
    raise ValueError("no text")


def moment(value: Any, _: Any) -> datetime:
    """Read ISO 8601 or Unix seconds; without an offset a moment stays naive."""
    # Nothing in the answer tells the time zone that a moment without an offset is meant in.
    if isinstance(value, str) and _UNIX_SECONDS.fullmatch(value):
        value = int(value)
    if isinstance(value, str) and value:
        return datetime.fromisoformat(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    raise ValueError("no date")


def moment_or_none(value: Any, kind: Any) -> datetime | None:
    """Read a moment, None for the zeros of the database."""
    if isinstance(value, str) and (value == "0" or value.startswith("0000-00-00")):
        return None
    return moment(value, kind)
