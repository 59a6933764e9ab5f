"""An answer beside what became of it: whatever the portal named has to be there under our name, with its value."""

import enum
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from string import ascii_lowercase
from typing import Any, Final

import attrs

from bitrix_chat.converters import camel_case, snake_case

_ABSENT: Final = (None, "", False, [], {}, "{}", "[]")
_YES: Final = frozenset({"Y", "1", "true"})


def lost(raw: Any, value: Any, path: str = "result") -> Iterator[str]:
    """Yield the places of a raw answer that have no counterpart in our value, or another value there."""
    if _is_wrapped(raw, value):
        ((name, item),) = raw.items()
        yield from lost(item, value, f"{path}.{name}")
    elif isinstance(raw, Mapping) and attrs.has(type(value)):
        for name, item in raw.items():
            found = attribute(type(value), name)
            if found is None:
                yield f"{path}.{name}"
            else:
                yield from lost(item, getattr(value, found), f"{path}.{name}")
    elif _is_empty(raw):
        if not _is_empty(value) and not attrs.has(type(value)):
            yield path
    elif isinstance(raw, Mapping | list):
        yield from _lost_of_many(raw, value, path)
    elif not _is_same(raw, value):
        yield path


def attribute(model: type, name: str) -> str | None:
    """Return our name for a key, by the converters' rules or by the field's own word for it."""
    for each in attrs.fields(model):
        wire = each.metadata.get("wire")
        if name in ({wire} if wire else {each.name, camel_case(each.name), snake_case(each.name), each.name.upper()}):
            return str(each.name)
    return None


def _is_empty(value: Any) -> bool:
    return value in _ABSENT or value == () or (value == 0 and not isinstance(value, float))


def _lost_of_many(raw: Any, value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping) and isinstance(raw, Mapping):
        names = {str(key): key for key in value}
        for key, item in raw.items():
            name = next((name for name in (key, key.lstrip(ascii_lowercase)) if name in names), None)  # upload7 is 7
            yield from (f"{path}.{key}",) if name is None else lost(item, value[names[name]], f"{path}.{key}")
    elif isinstance(raw, Mapping) and all(item is True for item in raw.values()):
        yield from () if [str(item) for item in value] == list(raw) else (path,)
    else:
        yield from _lost_in_order(raw, value, path)


def _is_wrapped(raw: Any, value: Any) -> bool:
    # An object around a single value is taken off: {"ID": 7}, {"result": true}, {"command": {...}}.
    if not isinstance(raw, Mapping) or len(raw) != 1 or isinstance(value, Mapping):
        return False
    ((name, item),) = raw.items()
    if attrs.has(type(value)):
        return isinstance(item, Mapping) and not any(lost(item, value))
    return not isinstance(value, list | tuple) or (isinstance(item, list) and not name.isdigit())


def _lost_in_order(raw: Any, value: Any, path: str) -> Iterator[str]:
    items = list(raw.values()) if isinstance(raw, Mapping) else raw
    ours = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(ours, list | tuple) or len(ours) != len(items):
        yield path
        return
    for index, (item, our) in enumerate(zip(items, ours, strict=True)):
        yield from lost(item, our, f"{path}[{index}]")


def _is_same(raw: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return value is (raw is True or raw in _YES)
    if isinstance(value, datetime):
        return isinstance(raw, str) and datetime.fromisoformat(raw).timestamp() == value.timestamp()
    if isinstance(value, int | float):
        return not isinstance(raw, bool) and float(raw) == value
    if isinstance(value, enum.Enum):
        return bool(value.value.lower() == str(raw).lower())
    if isinstance(raw, str) and not isinstance(value, str):
        return _is_in_text(raw, value)
    return str(raw) == value


def _is_in_text(raw: str, value: Any) -> bool:
    # JSON inside a string, or a text that became a field of an object of ours.
    try:
        inner = json.loads(raw)
    except ValueError:
        return attrs.has(type(value)) and raw in attrs.asdict(value).values()
    return not any(lost(inner, value))
