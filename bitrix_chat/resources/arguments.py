"""Checks of what callers pass, for values that the portal would refuse late or drop without a word."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, TypeVar

from bitrix_chat.enums import Color
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.chat import Entity
from bitrix_chat.rest.reference import Reference

Id = int | Reference
"""A number of the portal, or a reference to it inside a batch."""
DialogId = str | Reference
"""`chat5` for a chat, `5` for the private chat with user 5, or a reference to a chat that a batch creates."""

MAX_TITLE: Final = 255
MAX_ENTITY_TYPE: Final = 50
MAX_ENTITY_ID: Final = 255
MAX_BOT_TOKEN: Final = 40

_DIALOG_ID: Final = re.compile(r"chat[1-9]\d*|[1-9]\d*|sg[1-9]\d*|crm\|\w+\|\d+", re.ASCII)
EnumT = TypeVar("EnumT", bound=StrEnum)


def positive_id(name: str, value: Id) -> Id:
    """Return an id that is a positive whole number or a reference."""
    if isinstance(value, Reference) or (type(value) is int and value > 0):
        return value
    raise InvalidParameter(f"`{name}` is {_shown(value)}, but an id is a positive whole number")


def positive_ids(name: str, values: Iterable[Id] | None) -> list[Id] | None:
    """Return a list of ids; None where there is none, since the portal cannot tell an empty list from it."""
    if values is None:
        return None
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidParameter(f"`{name}` is {_shown(values)}, not a list of ids")
    return [positive_id(f"{name}[{index}]", value) for index, value in enumerate(values)] or None


def dialog_id(name: str, value: DialogId) -> DialogId:
    """Return a dialog id: text such as `chat5`, or a reference."""
    if isinstance(value, Reference) or (isinstance(value, str) and _DIALOG_ID.fullmatch(value)):
        return value
    raise InvalidParameter(f"`{name}` is {_shown(value)}, but a dialog id is text such as 'chat5', or '5' for a user")


def text(name: str, value: str | None, max_length: int | None = None) -> str | None:
    """Return a text that the portal would not cut."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidParameter(f"`{name}` is {type(value).__name__}, not text")
    if max_length is not None and len(value) > max_length:
        raise InvalidParameter(f"`{name}` has {len(value)} characters, the portal keeps {max_length}")
    return value


def required_text(name: str, value: str, max_length: int | None = None) -> str:
    """Return a text that is not empty."""
    if not text(name, value, max_length):
        raise InvalidParameter(f"`{name}` is empty")
    return value


def bot_token(value: str | None, max_length: int | None = None) -> str | None:
    """Return a bot's token; an empty one is a forgotten variable, not a bot without a token."""
    return None if value is None else required_text("token", value, max_length)


def whole_number(name: str, value: int, least: int) -> int:
    """Return a whole number that is not too small."""
    if type(value) is int and value >= least:
        return value
    raise InvalidParameter(f"`{name}` is {_shown(value)}, but it is a whole number of at least {least}")


def color(name: str, value: Color | str | None) -> Color | None:
    """Return a colour, given as itself, by name in either spelling, or in HEX."""
    if value is None:
        return None
    found = Color.of(value) if isinstance(value, str) else None
    if found is None:
        known = ", ".join(Color)
        raise InvalidParameter(f"`{name}` is {_shown(value)}, which the portal would ignore; it knows {known}")
    return found


def choice(name: str, kind: type[EnumT], value: EnumT | str | None) -> EnumT | None:
    """Return a member of a closed vocabulary, given as itself or as its text in any case."""
    if value is None:
        return None
    for member in kind:
        if isinstance(value, str) and value.lower() == member.value.lower():
            return member
    raise InvalidParameter(f"`{name}` is {_shown(value)}, not one of {', '.join(kind)}")


def entity(value: Entity | None) -> tuple[str | None, str | None]:
    """Return an entity's type and id, two Nones where there is none."""
    return (None, None) if value is None else required_entity(value)


def required_entity(value: Entity) -> tuple[str, str]:
    """Return the type and id of an entity that has to be given."""
    if not isinstance(value, Entity):
        raise InvalidParameter(f'`entity` is {type(value).__name__}, not Entity("CRM", "DEAL|1663")')
    return (
        required_text("entity.type", value.type, MAX_ENTITY_TYPE),
        required_text("entity.id", value.id, MAX_ENTITY_ID),
    )


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, int | str) and len(str(value)) <= 40 else f"of type {type(value).__name__}"
