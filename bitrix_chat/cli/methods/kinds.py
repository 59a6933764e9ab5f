"""How a parameter of the library is written on a command line, told by its type alone."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from attrs import frozen

from bitrix_chat import InvalidParameter, Reference
from bitrix_chat.cli.json_text import json_value
from bitrix_chat.cli.text_files import given
from bitrix_chat.cli.whole_numbers import ONE_OF_NUMBERS, WholeNumber, whole_number

_UNIONS: Final = (Union, UnionType)
_SCALARS: Final = (bool, int, float, str, datetime)
_JSON_WORDS: Final = ("false", "true", "null")


@frozen
class Kind:
    """A way to write values.

    Attributes:
        hint: the type that the words are read as.
        read: makes the library's value of it; its first argument is the option, to name in an error.
        says: what help adds to the parameter's own.
        is_text: whether a value may begin with a hyphen.
        is_many: whether it takes several words.
        variable: the environment variable that is taken without it.
    """

    hint: Any
    read: Callable[[str, Any], Any]
    says: str = ""
    is_text: bool = False
    is_many: bool = False
    variable: str = ""

    @property
    def is_flag(self) -> bool:
        """Whether the option's name says it all."""
        return self.hint is bool

    @property
    def is_file(self) -> bool:
        """Whether it takes the path of a file."""
        return self.hint is Path


def kind_of(hint: Any) -> Kind:
    """Return how a type is written.

    Raises:
        TypeError: there is no way to write it.
    """
    members = _members(hint)
    vocabularies = [member for member in members if _is_class(member, StrEnum)]
    collections = [member for member in members if _is_collection(member)]
    if Path in members:
        return _FILE
    if members == [str] and Reference in get_args(hint):
        return _DIALOG_ID
    if vocabularies:
        return _vocabulary(vocabularies[0], is_removable=Literal[False] in members)
    if collections and all(member in collections or _is_map(member) for member in members):
        item = kind_of(get_args(collections[0])[0])
        return _several(item) if len(members) == 1 else _several_or_map(item)
    if all(get_origin(member) is Literal for member in members):
        return _one_of(members)
    return _JSON if not set(members) <= set(_SCALARS) else _scalar(members)


def secret(variable: str = "") -> Kind:
    """Return how a secret is written: it had better stand in a file or in the environment."""
    without = f"; without it the variable {variable} is taken" if variable else ""
    return Kind(str, given, f"@FILE reads it from a file{without}.", is_text=True, variable=variable)


def _members(hint: Any) -> list[Any]:
    parts = get_args(hint) if get_origin(hint) in _UNIONS else (hint,)
    return [part for part in parts if part not in (NoneType, Reference)]


def _scalar(members: list[Any]) -> Kind:
    kind = _SCALAR_KINDS.get(frozenset(members))
    if kind is None:
        raise TypeError(f"nobody can write {' or '.join(map(str, members))} on a command line")
    return kind


def _one_of(literals: list[Any]) -> Kind:
    words = Literal[tuple(word for literal in literals for word in get_args(literal))]  # type: ignore[valid-type]
    are_numbers = all(type(word) is int for word in get_args(words))
    return Kind(Annotated[words, ONE_OF_NUMBERS] if are_numbers else words, _as_it_is)


def _vocabulary(words: type[StrEnum], *, is_removable: bool) -> Kind:
    removal = "; `false` removes it" if is_removable else ""
    read = _word_or_false if is_removable else _as_it_is
    return Kind(str, read, f"One of {', '.join(words)}{removal}.", is_text=True)


def _several(item: Kind) -> Kind:
    def read(option: str, values: list[Any]) -> list[Any]:
        return [item.read(option, value) for value in values]

    return Kind(list[item.hint], read, item.says, is_many=True)  # type: ignore[name-defined]


def _several_or_map(item: Kind) -> Kind:
    def read(option: str, values: list[str]) -> Any:
        if len(values) == 1 and values[0].lstrip().startswith(("{", "[", "@")):
            return json_value(option, values[0])
        return [item.read(option, _converted(option, item, value)) for value in values]

    return Kind(list[str], read, "One or more; or a map as JSON text or @FILE.", is_many=True)


def _converted(option: str, item: Kind, value: str) -> Any:
    try:
        return whole_number(value) if item.hint is WholeNumber else item.hint(value)
    except ValueError:
        pass
    raise InvalidParameter(f"{option} is neither a list of numbers nor JSON")


def _as_it_is(_: str, value: Any) -> Any:
    return value


def _word_or_false(_: str, value: str) -> str | bool:
    return False if value == "false" else value


def _number_or_text(_: str, value: str) -> int | str:
    return int(value) if value.isascii() and value.isdecimal() else value


def _moment(option: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is not None and moment.tzinfo is not None:
        return moment
    fault = "is no moment in ISO 8601" if moment is None else "has no time zone"
    raise InvalidParameter(f"{option} {fault}: it has to look like 2026-01-31T09:00:00+03:00")


def _json(option: str, text: str) -> Any:
    return json.loads(text) if text.strip() in _JSON_WORDS else json_value(option, text)


def _is_class(member: Any, base: type) -> bool:
    return isinstance(member, type) and issubclass(member, base)


def _is_map(member: Any) -> bool:
    return _is_class(get_origin(member), Mapping)


def _is_collection(member: Any) -> bool:
    """Whether it is a list of what a single word can say."""
    if not _is_class(get_origin(member), Iterable) or _is_map(member):
        return False
    return all(part in _SCALARS or _is_class(part, StrEnum) for part in _members(get_args(member)[0]))


_DIALOG_ID: Final = Kind(str, _as_it_is, "`chat5` for a chat, `5` for the private chat with user 5.", is_text=True)
_FILE: Final = Kind(Path, _as_it_is, "The path of a file")
_JSON: Final = Kind(str, _json, "JSON text, or the path of a .json file.", is_text=True)
_MOMENT: Final = Kind(str, _moment, "In ISO 8601 with a time zone, such as 2026-01-31T09:00:00+03:00.", is_text=True)
_SCALAR_KINDS: Final[Mapping[frozenset[type], Kind]] = {
    frozenset({bool}): Kind(bool, _as_it_is),
    frozenset({datetime}): _MOMENT,
    frozenset({float}): Kind(float, _as_it_is),
    frozenset({int}): Kind(WholeNumber, _as_it_is),
    frozenset({int, float}): Kind(float, _as_it_is),
    frozenset({int, str}): Kind(str, _number_or_text, is_text=True),
    frozenset({str}): Kind(str, _as_it_is, is_text=True),
}
