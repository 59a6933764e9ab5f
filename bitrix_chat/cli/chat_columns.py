"""The columns of a file of chats, and how one row becomes a chat to create."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.refusals import by_options, without_values

if TYPE_CHECKING:
    from bitrix_chat import Call, ChatSpec

COLUMNS: Final = (
    "title",
    "description",
    "color",
    "avatar",
    "user_ids",
    "owner_id",
    "type",
    "message",
    "entity_type",
    "entity_id",
    "copilot_main_role",
    "key",
)
"""Every name that a row may have, in a header of CSV as in an object of JSON Lines."""
_NAMED: Final[Mapping[str, str]] = {name: name for name in COLUMNS} | {
    "entity": "entity_type",
    "entity.type": "entity_type",
    "entity.id": "entity_id",
}
"""What to write where the library names a parameter."""
_BETWEEN: Final = re.compile(r"[\s,;]+")
_DIGITS: Final = 20
"""More than any id of a portal has; Python takes no number of some thousand of them."""
_OF_BOTS: Final = "owner_id"


@frozen
class AvatarFolder:
    """Where the images of a file of chats are.

    Attributes:
        path: what their paths start from.
        is_left_freely: whether they may lead out of it.
    """

    path: Path = Path()
    is_left_freely: bool = False

    def file(self, name: str) -> Path:
        """Return the path of an image.

        Raises:
            InvalidParameter: it leads elsewhere: whoever wrote the file could have any image of this machine sent.
        """
        path = self.path / name
        try:
            is_inside = self.is_left_freely or path.resolve().is_relative_to(self.path.resolve())
        except (OSError, RuntimeError, ValueError):  # a loop of links, or a character that no path has
            raise InvalidParameter("avatar is not the path of a file") from None
        if not is_inside:
            raise InvalidParameter("avatar is outside of the file's folder: --avatars-anywhere allows that")
        return path


def spec_of(values: Mapping[str, Any], add: "Callable[..., Call[Any]]", folder: AvatarFolder) -> "ChatSpec":
    """Return the chat that a row describes, checked as the library checks what it sends; empty values are not given.

    Args:
        values: the row, by its columns.
        add: the method that will create the chat; it is called, and its call never sent.
        folder: where avatars are.

    Raises:
        InvalidParameter: the portal would refuse the row, or drop or cut a part of it; the message repeats no value.
    """
    from bitrix_chat import ChatSpec  # noqa: PLC0415  # not needed for help

    given = {name: _read(name, value, folder) for name, value in values.items() if value not in (None, "", [])}
    try:
        spec = ChatSpec.of(_with_entity(given))
        _check(spec, add)
    except InvalidParameter as error:
        problem = without_values(by_options(error.description, _NAMED))
    else:
        return spec
    raise InvalidParameter(problem)


def _read(name: str, value: Any, folder: AvatarFolder) -> Any:
    match name:
        case "avatar":
            return _path(value, folder)
        case "user_ids":
            return [_id(item) for item in _BETWEEN.split(value.strip())] if isinstance(value, str) else value
        case "owner_id":
            return _id(value)
        case "color" | "type" if isinstance(value, str):
            return value.strip()
    return str(value) if type(value) is int else value


def _path(value: Any, folder: AvatarFolder) -> Path:
    if not isinstance(value, str):
        raise InvalidParameter("avatar is not the path of a file")
    return folder.file(value.strip())


def _id(value: Any) -> Any:
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _DIGITS else value


def _with_entity(given: dict[str, Any]) -> dict[str, Any]:
    from bitrix_chat import Entity  # noqa: PLC0415  # not needed for help

    kind, of_id = given.pop("entity_type", None), given.pop("entity_id", None)
    if (kind is None) != (of_id is None):
        raise InvalidParameter("entity_type and entity_id need each other")
    return given if kind is None else {**given, "entity": Entity(kind, of_id)}


def _check(spec: "ChatSpec", add: "Callable[..., Call[Any]]") -> None:
    given = spec.given()
    for name in given.keys() - _parameters(add):
        raise InvalidParameter(f"{name} is for the chats of a {'bot (--bot-id)' if name == _OF_BOTS else 'user'} only")
    spec.to_json()
    add(**given, key=spec.key).close()


@functools.lru_cache(maxsize=1)
def _parameters(add: "Callable[..., Call[Any]]") -> frozenset[str]:
    return frozenset(inspect.signature(add).parameters)
