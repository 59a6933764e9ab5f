"""Which requests may travel in a batch without anybody noticing, and what they are there.

An explicit batch refuses what it cannot say; here nobody has asked for a batch, so what would lose anything in one
simply travels alone: null, empty lists and maps, fractions, booleans whose method is not known to take `Y` and `N`,
files, text that the portal would take for a reference, what is too long or too deep, and what JSON cannot say either.
"""

import enum
import functools
import re
from typing import Any, Final
from urllib.parse import quote

from bitrix_chat.rest.batch import KEY, MAX_LEAVES, NAME, NOT_IN_BATCH
from bitrix_chat.rest.query import MAX_DEPTH
from bitrix_chat.rest.redaction import is_secret
from bitrix_chat.rest.reference import LOOKALIKE
from bitrix_chat.rest.request import Request
from bitrix_chat.rest.safety import SAFETY
from bitrix_chat.rest.secret import Secret

LONGEST_COMMAND: Final = 1 << 16
"""Characters of a command beyond which it travels alone: an avatar is better sent once than fifty at a time."""
LONGEST_BATCH: Final = 1 << 20
"""Characters that the commands of one batch have together at most."""

_UPLOADS: Final = re.compile(r"\.file\.(?:upload|save|commit)$", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*")
_MOSTLY_BEYOND_ASCII: Final = 1.6
"""Octets a character from which on a text is written octet by octet, ASCII included."""
_BOOLEAN_DEPTH: Final = 2
"""Arguments of a method, and of its `fields`; what nests deeper (keyboards, attachments) tells true from `Y`."""


class _Lossy(Exception):
    """Something that a batch cannot say."""


def command_of(request: Request) -> str | None:
    """Return a request as the command of a batch; None if it loses anything there and has to travel alone."""
    method = request.method
    if not _is_welcome(method):
        return None
    pairs: list[str] = []
    try:
        for name, value in request.params.items():
            _write(_name(name), value, pairs, 1, method)
    except (_Lossy, ValueError):  # half of a surrogate pair, or a number of thousands of digits
        return None
    if len(pairs) > MAX_LEAVES:
        return None
    command = f"{method}?{'&'.join(pairs)}" if pairs else method
    if len(command) > LONGEST_COMMAND:
        return None
    return Secret(command) if _hold_secrets(tuple(request.params)) else command


@functools.cache
def _is_welcome(method: str) -> bool:
    return method.lower() not in NOT_IN_BATCH and not _UPLOADS.search(method)


@functools.lru_cache(maxsize=1024)
def _hold_secrets(names: tuple[str, ...]) -> bool:
    return any(map(is_secret, names))


@functools.cache
def _takes_words(method: str) -> bool:
    return method in SAFETY and method.lower().startswith(("im.", "imbot."))


@functools.lru_cache(maxsize=1024)
def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise _Lossy
    return quote(name, safe="")


@functools.lru_cache(maxsize=1024)
def _key(name: Any) -> str:
    if type(name) is not str or not KEY.fullmatch(name):
        raise _Lossy
    return quote(name, safe="")


def _write(name: str, value: Any, pairs: list[str], depth: int, method: str) -> None:
    kind = type(value)
    if kind is str:
        pairs.append(f"{name}={_text(value)}")
    elif kind is int:
        pairs.append(f"{name}={value}")
    elif kind is list or kind is tuple:
        _write_list(name, value, pairs, depth, method)
    elif isinstance(value, dict):
        _write_map(name, value, pairs, depth, method)
    elif kind is bool and depth <= _BOOLEAN_DEPTH and _takes_words(method):
        pairs.append(f"{name}={'Y' if value else 'N'}")
    elif isinstance(value, enum.Enum) and isinstance(value, str | int):
        _write(name, value.value, pairs, depth, method)
    elif isinstance(value, str):
        pairs.append(f"{name}={_text(str(value))}")
    else:
        raise _Lossy


def _write_map(name: str, value: dict[Any, Any], pairs: list[str], depth: int, method: str) -> None:
    if not value or depth >= MAX_DEPTH:
        raise _Lossy
    for key, inner in value.items():
        _write(f"{name}[{_key(key)}]", inner, pairs, depth + 1, method)


def _write_list(name: str, value: list[Any] | tuple[Any, ...], pairs: list[str], depth: int, method: str) -> None:
    if not value or len(value) > MAX_LEAVES or depth >= MAX_DEPTH:
        raise _Lossy
    for index, inner in enumerate(value):
        if type(inner) is int:
            pairs.append(f"{name}[{index}]={inner}")
        else:
            _write(f"{name}[{index}]", inner, pairs, depth + 1, method)


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if len(value) > LONGEST_COMMAND or ("$" in value and LOOKALIKE.search(value)):
        raise _Lossy
    octets = value.encode()
    if len(octets) > _MOSTLY_BEYOND_ASCII * len(value):
        return "%" + octets.hex("%").upper()  # in one go: what could be left as it is, is little
    return "".join(map(_QUOTED.__getitem__, octets))


_QUOTED: Final = tuple(quote(bytes((byte,)), safe="") for byte in range(256))
"""What `quote` makes of each byte; looked up here, since it is most of what packing a call costs."""
