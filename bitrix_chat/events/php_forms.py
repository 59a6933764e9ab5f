"""Forms as PHP reads them, since PHP wrote them; what no portal writes is refused before any of it is read.

No library was found that follows PHP: those on PyPI make lists of repeated names, or read JavaScript's dialect.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from bitrix_chat.rest.tracebacks import discreet

MAX_BYTES: Final = 1024 * 1024
MAX_PAIRS: Final = 1000
MAX_DEPTH: Final = 16
"""Brackets that one name may open."""
MAX_KEY: Final = 512
"""Bytes that one name may have, percent signs resolved."""

PhpForm: TypeAlias = "dict[str, str | PhpForm]"

_FORM: Final = "application/x-www-form-urlencoded"
_CHARSETS: Final = frozenset({"", "utf-8", "utf8"})
_LEAST_INDEX: Final = -(2**63)
_LAST_INDEX: Final = 2**63 - 1
_INDEX: Final = re.compile("0|-?[1-9][0-9]{0,18}")
_ONE_BLANK: Final = re.compile(r"[ \t\n\r\v\f]")
_MANGLED: Final = str.maketrans({".": "_", " ": "_"})
_MANGLED_REST: Final = str.maketrans({".": "_", " ": "_", "[": "_"})
_COOKIE_NAMES: Final = ("__Host-", "__Secure-")


class FormRefused(ValueError):
    """A body beyond the limits; none of it was parsed, and the message repeats none of it.

    Attributes:
        is_too_large: it has too many bytes, rather than a shape that no portal gives it.
    """

    def __init__(self, fault: str, *, is_too_large: bool = False) -> None:
        super().__init__(fault)
        self.is_too_large = is_too_large


def is_form(content_type: str | None) -> bool:
    """Tell whether a body of this `Content-Type` is a form in UTF-8, which every portal posts."""
    kind, *parameters = (content_type or "").lower().split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    charset = {name.strip(): value.strip(' "') for name, _, value in pairs}.get("charset", "")
    return kind.strip() == _FORM and charset in _CHARSETS


@discreet
def read_form(body: bytes) -> dict[str, Any]:
    """Read a body of `application/x-www-form-urlencoded` within the limits.

    Every value is text, every array a dict whose keys are text, "0" and "1" for a list. What is no UTF-8 becomes
    U+FFFD, so that the result can be written as JSON anywhere.

    Raises:
        FormRefused: the body is larger, has more pairs, nests deeper or has longer names than a portal's.
    """
    check_form(body)
    form = parse_str(body)
    return _readable(form) if _is_broken(form) else form


@discreet
def check_form(body: bytes) -> None:
    """Refuse a body beyond the limits, at a fraction of the cost of reading it.

    Raises:
        FormRefused: it is.
    """
    if len(body) > MAX_BYTES:
        raise FormRefused(f"the form has more than {MAX_BYTES} bytes", is_too_large=True)
    if body.count(b"&") >= MAX_PAIRS:
        raise FormRefused(f"the form has more than {MAX_PAIRS} pairs")
    for pair in body.split(b"&"):
        end = pair.find(b"=")
        name = pair if end < 0 else pair[:end]
        if len(name) > MAX_KEY and (len(name) > 3 * MAX_KEY or len(unquote_to_bytes(name)) > MAX_KEY):
            raise FormRefused(f"a name of the form has more than {MAX_KEY} bytes")
        if name.count(b"[") + name.count(b"%5B") + name.count(b"%5b") > MAX_DEPTH:
            raise FormRefused(f"a name of the form has more than {MAX_DEPTH} brackets")


def parse_str(body: bytes) -> PhpForm:
    """Read a form exactly as PHP's `parse_str` does, whatever its size; a byte that is no UTF-8 is a lone surrogate.

    A later pair wins over an earlier one, also where one of the two is an array. Compared with PHP 8.2.
    """
    form = _Array()
    for pair in body.partition(b"\0")[0].split(b"&"):
        name, _, value = pair.partition(b"=")
        if path := _path(_decoded(name)):
            _put(form, path, _decoded(value))
    return form


class _Array(dict[str, "str | PhpForm"]):
    """An array of PHP's, which knows the index that `[]` takes."""

    __slots__ = ("_next_index",)

    def __init__(self) -> None:
        super().__init__()
        self._next_index: int | None = None

    def slot(self, key: str | None) -> str | None:
        """Return the key to write to, for None the next index; None again where there is none left."""
        if key is None:
            index = self._next_index or 0
            if index > _LAST_INDEX:
                return None
            key = str(index)
        elif not _INDEX.fullmatch(key) or not _LEAST_INDEX <= (index := int(key)) <= _LAST_INDEX:
            return key
        self._next_index = index + 1 if self._next_index is None else max(self._next_index, index + 1)
        return key


def _decoded(text: bytes) -> str:
    return unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8", "surrogateescape")


def _path(name: str) -> list[str | None]:
    """Split `a[b][]` into keys, where None appends; nothing for a name that PHP drops."""
    name = name.lstrip(" ").partition("\0")[0]
    written, bracket, rest = name.partition("[")
    head = written.translate(_MANGLED)
    # A cookie's name with a promise in it may not come about by PHP's rewriting.
    if not head or (head.startswith(_COOKIE_NAMES) and not name.startswith(_COOKIE_NAMES)):
        return []
    if not bracket:
        return [head]
    if "]" not in rest:
        # A bracket that is never closed is part of the name.
        return [f"{head}_{rest.translate(_MANGLED_REST)}"]
    return [head, *_inner_keys(rest)]


def _inner_keys(rest: str) -> Iterator[str | None]:
    # By positions: cutting the rest off at each bracket would copy it as often as it has some.
    start = 0
    while (end := rest.find("]", start)) >= 0:
        key = rest[start:end]
        yield None if not key or _ONE_BLANK.fullmatch(key) else key
        if not rest.startswith("[", end + 1):
            return
        start = end + 2


def _put(array: _Array, path: list[str | None], value: str) -> None:
    for step in path[:-1]:
        key = array.slot(step)
        if key is None:
            return
        inner = array.get(key)
        if not isinstance(inner, _Array):
            inner = array[key] = _Array()
        array = inner
    if (key := array.slot(path[-1])) is not None:
        array[key] = value


def _is_broken(form: PhpForm) -> bool:
    arrays = [form]
    for array in arrays:
        for key, value in array.items():
            if not _is_utf8(key) or (isinstance(value, str) and not _is_utf8(value)):
                return True
            if isinstance(value, dict):
                arrays.append(value)
    return False


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _readable(form: PhpForm) -> PhpForm:
    """Write U+FFFD for what is no UTF-8; of two names that are then the same the later wins."""
    return {
        _legible(key): _legible(value) if isinstance(value, str) else _readable(value) for key, value in form.items()
    }


def _legible(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
