"""How a model looks on the wire: the names of its fields there, and the types behind them."""

import types
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final, Union, get_args, get_origin

import attrs
import cattrs

from bitrix_chat.converters import CAMEL_ANSWERS, SNAKE_ANSWERS, camel_case, snake_case
from tests.fuzz.answer_decoders import Model, models_of

_BESIDE_THE_MODELS: Final = ("lastEventId",)
_OWN: Final[Mapping[str, Callable[[str], str]]] = {"camel": camel_case, "upper": str.upper}


def fields_of(converter: cattrs.Converter, kind: Any) -> dict[str, "attrs.Attribute[Any]"]:
    """Return the fields of a model by their names on the wire."""
    attrs.resolve_types(kind)
    spelled = camel_case if converter is CAMEL_ANSWERS else snake_case if converter is SNAKE_ANSWERS else str.upper
    spelled = _OWN.get(getattr(kind, "DIALECT", ""), spelled)
    return {each.metadata.get("wire") or spelled(each.name): each for each in attrs.fields(kind)}


def parts_of(kind: Any) -> tuple[Any, ...]:
    """Return the alternatives of a union, or the type itself."""
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(part for part in get_args(kind) if part is not types.NoneType)
    return (kind,)


@cache
def names_below(decode: Callable[[Any], Any]) -> tuple[str, ...]:
    """Return all keys that a decoder knows at any depth, and those that decoders look at by themselves."""
    seen: set[Any] = set()
    names = [name for model in models_of(decode) for name in _names(model, model.kind, seen)]
    return tuple(dict.fromkeys([*names, *_BESIDE_THE_MODELS]))


def _names(model: Model, kind: Any, seen: set[Any]) -> Iterator[str]:
    for part in parts_of(kind):
        if get_origin(part) in (list, dict):
            for argument in get_args(part):
                yield from _names(model, argument, seen)
        elif attrs.has(part) and part not in seen:
            seen.add(part)
            for name, field in fields_of(model.converter, part).items():
                yield name
                yield from _names(model, field.type, seen)


def words_of(kind: Any) -> list[str]:
    """Return the words of a vocabulary."""
    return [member.value for member in kind] if isinstance(kind, type) and issubclass(kind, StrEnum) else []
