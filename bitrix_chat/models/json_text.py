"""JSON that the portal writes inside a string, and lists that PHP may have turned into maps: odd ones are absent."""

import json
from collections.abc import Iterable, Mapping
from typing import Any


def from_text(raw: Any) -> Any:
    """Read JSON out of a text, None for what is no JSON; anything but text passes as it is."""
    if not isinstance(raw, str):
        return raw
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def elements_of(raw: Any) -> list[Any]:
    """Return the elements of a list or of a map by index, none of anything else."""
    if isinstance(raw, Mapping):
        return list(raw.values())
    return list(raw) if isinstance(raw, list | tuple) else []


def ids_of(raw: Iterable[Any]) -> list[int]:
    """Return the ids among what PHP took for ids."""
    return [int(item) for item in raw if type(item) is int or (isinstance(item, str) and item.isdecimal())]
