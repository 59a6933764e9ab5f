"""PHP's query strings, both ways: what a batch command is written in, and what webhooks arrive in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, quote

MAX_PAIRS: Final = 1000
"""PHP drops silently what goes beyond its `max_input_vars`; here it is an error."""
MAX_DEPTH: Final = 64
"""Brackets one name may have: PHP drops what nests deeper (`max_input_nesting_level`); here it is an error."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_ONE_BLANK: Final = re.compile(r"[ \t\n\r\v\f]")


def build(params: Mapping[str, Any]) -> str:
    """Write nested parameters as PHP's `http_build_query` does: `fields[userIds][0]=1`.

    Leaves are text and numbers. Empty lists and maps vanish and a bracket in a key nests, as in PHP.
    """
    return "&".join(f"{quote(name, safe='[]')}={quote(str(value), safe='')}" for name, value in leaves(params))


def leaves(params: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every leaf under its PHP name, in order."""
    for name, value in params.items():
        yield from _leaves(str(name), value)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(f"{name}[{key}]", item)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, item in enumerate(value):
            yield from _leaves(f"{name}[{index}]", item)
    else:
        yield name, value


def parse(query: str, *, max_pairs: int = MAX_PAIRS) -> dict[str, Any]:
    """Read a query string as PHP's `parse_str` does: names with brackets nest, a later pair wins.

    Every value is text. A PHP array is a dict whose keys are text, "0" and "1" for a list: only a model
    knows whether a list was meant.

    Raises:
        ValueError: more than `max_pairs` pairs, or a name nests deeper than `MAX_DEPTH`.
    """
    result: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=max_pairs):
        keys = _keys(name)
        if len(keys) > MAX_DEPTH + 1:
            raise ValueError(f"a name has more than {MAX_DEPTH} brackets")
        if keys:
            _put(result, keys, value)
    return result


def _keys(name: str) -> list[str]:
    name = name.lstrip(" ").partition("\0")[0]
    head, bracket, rest = name.partition("[")
    if not head:
        return []
    if not bracket or "]" not in rest:
        # PHP makes a name of the first bracket that is never closed.
        return [_flat(head) + ("_" + rest if bracket else "")]
    return [_flat(head), *_nested(rest)]


def _flat(head: str) -> str:
    return head.replace(".", "_").replace(" ", "_")


def _nested(rest: str) -> Iterator[str]:
    # By positions: cutting the rest off at each bracket would copy a stranger's megabytes as often as they have some.
    start = 0
    while (end := rest.find("]", start)) >= 0:
        key = rest[start:end]
        yield "" if _ONE_BLANK.fullmatch(key) else key
        if not rest.startswith("[", end + 1):
            return
        start = end + 2


def _put(target: dict[str, Any], keys: list[str], value: str) -> None:
    for key in keys[:-1]:
        name = key or _next_index(target)
        inner = target.get(name)
        if not isinstance(inner, dict):
            inner = target[name] = {}
        target = inner
    target[keys[-1] or _next_index(target)] = value


def _next_index(target: Mapping[str, Any]) -> str:
    indices = [int(key) for key in target if _INDEX.fullmatch(key)]
    return str(max(indices) + 1) if indices else "0"
