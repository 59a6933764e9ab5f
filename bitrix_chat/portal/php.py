"""PHP's view of a request: everything is a string, an array may be a list or a map, and nothing fails.

Arrays are Python lists when their keys are 0..n-1 in order, and dicts with text keys otherwise: PHP
itself keeps `"7"` and `7` as one key, so text is enough.
"""

import math
import re
from collections.abc import Iterable
from typing import Final, TypeAlias
from urllib.parse import quote_plus, unquote_plus

PhpValue: TypeAlias = "bool | int | float | str | list[PhpValue] | dict[str, PhpValue] | None"
PhpArray: TypeAlias = "list[PhpValue] | dict[str, PhpValue]"

_INTEGER_KEY: Final = re.compile(r"0|-?[1-9][0-9]*")
_NUMBER_PREFIX: Final = re.compile(r"[ \t\n\r\v\f]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NUMERIC: Final = re.compile(_NUMBER_PREFIX.pattern + r"[ \t\n\r\v\f]*")
_MANGLED: Final = str.maketrans({".": "_", " ": "_"})
_MAX_DEPTH: Final = 64  # max_input_nesting_level


class _Array(dict[str, "str | _Array"]):
    """An array under construction, which knows the index that `[]` would take."""

    __slots__ = ("next_index",)

    def __init__(self) -> None:
        super().__init__()
        self.next_index = 0

    def slot(self, key: str | None) -> str:
        """Name the slot of a key, where None appends."""
        if key is None:
            key = str(self.next_index)
        if _INTEGER_KEY.fullmatch(key):
            self.next_index = max(self.next_index, int(key) + 1)
        return key


def parse_str(query: str, *, max_vars: int = 1000) -> dict[str, PhpValue]:
    """Read a query string or form body as PHP's `parse_str` does.

    Variables beyond `max_vars` (`max_input_vars`) are dropped without a word, as PHP does.
    """
    parts = (part.partition("=") for part in query.split("&") if part)
    return from_pairs(
        ((unquote_plus(name, errors="replace"), unquote_plus(value, errors="replace")) for name, _, value in parts),
        max_vars=max_vars,
    )


def from_pairs(pairs: Iterable[tuple[str, str]], *, max_vars: int = 1000) -> dict[str, PhpValue]:
    """Build the parameters from decoded names and values; names carry PHP's brackets."""
    root = _Array()
    for count, (name, value) in enumerate(pairs):
        if count >= max_vars:
            break
        path = _path(name)
        if path:
            _store(root, path, value)
    return {key: _finished(value) for key, value in root.items()}


def _path(name: str) -> list[str | None]:
    """Split `a[b][]` into its steps; an empty list if PHP would drop the variable."""
    name = name.lstrip(" ")
    head, bracket, rest = name.partition("[")
    if not head:
        return []
    head = head.translate(_MANGLED)
    if not bracket:
        return [head]
    if "]" not in rest:
        return [f"{head}_{rest}"]  # an unclosed bracket is not an index
    steps: list[str | None] = [head]
    while bracket and "]" in rest:
        index, _, rest = rest.partition("]")
        steps.append(index if index.strip() else None)
        bracket = rest[:1] if rest[:1] == "[" else ""  # anything else after `]` is ignored
        rest = rest[1:]
    return steps if len(steps) <= _MAX_DEPTH else []


def _store(array: _Array, path: list[str | None], value: str) -> None:
    for step in path[:-1]:
        slot = array.slot(step)
        inner = array.get(slot)
        if not isinstance(inner, _Array):
            inner = array[slot] = _Array()
        array = inner
    array[array.slot(path[-1])] = value


def _finished(value: str | _Array) -> PhpValue:
    if isinstance(value, str):
        return value
    return packed({key: _finished(inner) for key, inner in value.items()})


def packed(array: dict[str, PhpValue]) -> PhpArray:
    """Return the array as `json_encode` sees it: a list when the keys are 0..n-1 in order, also when empty."""
    if all(key == str(index) for index, key in enumerate(array)):
        return list(array.values())
    return array


def build_query(params: PhpArray) -> str:
    """Write parameters as `http_build_query` does: null and empty arrays vanish, booleans become 1 and 0."""
    return "&".join(
        f"{quote_plus(name)}={quote_plus(value)}" for key, inner in entries(params) for name, value in _flat(key, inner)
    )


def _flat(name: str, value: PhpValue) -> Iterable[tuple[str, str]]:
    if isinstance(value, list | dict):
        for key, inner in entries(value):
            yield from _flat(f"{name}[{key}]", inner)
    elif value is not None:
        yield name, str(int(value)) if isinstance(value, bool) else str(value)


def entries(array: PhpArray) -> list[tuple[str, PhpValue]]:
    """List the keys and values of an array of either shape."""
    if isinstance(array, list):
        return [(str(index), value) for index, value in enumerate(array)]
    return list(array.items())


def elements(array: PhpArray) -> list[PhpValue]:
    """List the values of an array of either shape."""
    return array if isinstance(array, list) else list(array.values())


def offset(container: PhpValue, key: str) -> PhpValue:
    """Return `container[key]`, or None where `isset` says no; text has offsets too."""
    if isinstance(container, dict):
        return container.get(key)
    if isinstance(container, list | str) and key.isdecimal() and _INTEGER_KEY.fullmatch(key):
        return container[int(key)] if int(key) < len(container) else None
    return None


def truthy(value: PhpValue) -> bool:
    """Tell PHP's truth: `"0"` and the empty array are false, `"false"` and `"N"` are true."""
    return bool(value) and value != "0"


def is_numeric(value: PhpValue) -> bool:
    """Tell whether PHP takes the value for a number."""
    if isinstance(value, str):
        return _NUMERIC.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def intval(value: PhpValue) -> int:
    """Cast as `(int)` does: text by its leading number, and any array that is not empty to 1."""
    if isinstance(value, list | dict):
        return int(bool(value))
    if not isinstance(value, str):
        return _truncated(value or 0)
    prefix = _NUMBER_PREFIX.match(value)
    if prefix is None:
        return 0
    number = prefix[0].strip()
    return int(number) if len(number) < 18 and number.lstrip("+-").isdecimal() else _truncated(float(number))


def _truncated(number: float) -> int:
    """Drop the fraction; what is beyond 64 bits ends at their edge, and infinity is 0."""
    return max(-(2**63), min(2**63 - 1, int(number))) if math.isfinite(number) else 0


def strval(value: PhpValue) -> str:
    """Cast a scalar to text: true is `1`, false and null are empty; an array reads `Array`."""
    if isinstance(value, str):
        return value
    if value is None or value is False:
        return ""
    if isinstance(value, list | dict):
        return "Array"
    return "1" if value is True else str(value)


def type_name(value: PhpValue) -> str:
    """Name the type as PHP's own errors do."""
    if isinstance(value, bool):
        return "bool"
    names: list[tuple[type | tuple[type, ...], str]] = [
        (str, "string"),
        (int, "int"),
        (float, "float"),
        ((list, dict), "array"),
    ]
    return next((name for kind, name in names if isinstance(value, kind)), "null")
