"""Checks of what callers pass, for values that the portal would refuse late or drop without a word."""

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from bitrix_chat.enums import Color
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.chat import Entity
from bitrix_chat.rest.keys import MAX_KEY
from bitrix_chat.rest.reference import Reference
from bitrix_chat.rest.secret import Secret

Id = int | Reference
"""A number of the portal, or a reference to it inside a batch."""
DialogId = str | Reference
"""`chat5` for a chat, `5` for the private chat with user 5, or a reference to a chat that a batch creates."""

MAX_TITLE: Final = 255
MAX_ENTITY_TYPE: Final = 50
MAX_ENTITY_ID: Final = 255
MAX_BOT_TOKEN: Final = 40
MAX_MESSAGE: Final = 20_000
MAX_FORWARDED: Final = 100

MAX_ID: Final = 2**63 - 1

_DIALOG_ID: Final = re.compile(r"(?:chat|sg)?([1-9]\d{0,18})|crm\|\w+\|(\d{1,19})", re.ASCII)
_ONLY_OF_V2: Final = ("sg", "crm")
_INTEGERS: Final = {int}
_LISTS: Final = (list, tuple)
EnumT = TypeVar("EnumT", bound=StrEnum)
T = TypeVar("T")


def positive_id(name: str, value: Id) -> Id:
    """Return an id that is a positive whole number or a reference."""
    if isinstance(value, Reference) or (type(value) is int and 0 < value <= MAX_ID):
        return value
    if type(value) is int and value > 0:
        raise InvalidParameter(f"`{name}` is {_shown(value)}, but an id is {MAX_ID} at most")
    raise InvalidParameter(f"`{name}` is {_shown(value)}, but an id is a positive whole number")


def required_ids(name: str, values: Iterable[Id]) -> list[Id]:
    """Return a list of ids with at least one in it."""
    ids = positive_ids(name, values)
    if not ids:
        raise InvalidParameter(f"`{name}` is empty, but at least one id is needed")
    return ids


def positive_ids(name: str, values: Iterable[Id] | None) -> list[Id] | None:
    """Return a list of ids; None where there is none, since the portal cannot tell an empty list from it."""
    if values is None:
        return None
    if type(values) not in _LISTS and (isinstance(values, str | bytes) or not isinstance(values, Iterable)):
        raise InvalidParameter(f"`{name}` is {_shown(values)}, not a list of ids")
    ids: list[Any] = list(values)
    if set(map(type, ids)) == _INTEGERS and min(ids) > 0 and max(ids) <= MAX_ID:  # thousands of them, in a big chat
        return ids
    return [positive_id(f"{name}[{index}]", value) for index, value in enumerate(ids)] or None


def dialog_id(name: str, value: DialogId) -> DialogId:
    """Return a dialog id: text such as `chat5`, or a reference."""
    if isinstance(value, Reference) or _is_dialog_id(value):
        return value
    raise InvalidParameter(f"`{name}` is {_shown(value)}, but a dialog id is text such as 'chat5', or '5' for a user")


def im_dialog_id(name: str, value: DialogId) -> DialogId:
    """Return a dialog id of the methods `im.*`, which know neither workgroups (`sg5`) nor `crm|...`, as v2 does."""
    if isinstance(value, str) and value.startswith(_ONLY_OF_V2):
        raise InvalidParameter(f"`{name}` is {_shown(value)}, but here it is 'chat5', or '5' for a user")
    return dialog_id(name, value)


def chat_dialog_id(name: str, value: DialogId) -> DialogId:
    """Return the dialog id of a group chat."""
    if isinstance(dialog_id(name, value), str) and not str(value).startswith("chat"):
        raise InvalidParameter(f"`{name}` is {_shown(value)}, but here it is that of a group chat, such as 'chat5'")
    return value


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
    """Return a text that is more than blanks, which the portal cuts off."""
    if not (text(name, value, max_length) or "").strip():
        raise InvalidParameter(f"`{name}` is empty")
    return value


def texts(name: str, values: Iterable[str] | None) -> list[str] | None:
    """Return a list of texts; None where there is none, since the portal cannot tell an empty list from it."""
    if values is None:
        return None
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidParameter(f"`{name}` is {_shown(values)}, not a list of texts")
    return [required_text(f"{name}[{index}]", value) for index, value in enumerate(values)] or None


def bot_token(value: str | None, max_length: int | None = None) -> Secret | None:
    """Return a bot's token; an empty one is a forgotten variable, not a bot without a token."""
    return None if value is None else Secret(required_text("token", value, max_length))


def whole_number(name: str, value: int, least: int, most: int | None = None) -> int:
    """Return a whole number within its bounds."""
    if type(value) is int and value >= least and (most is None or value <= most):
        return value
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise InvalidParameter(f"`{name}` is {_shown(value)}, but it is a whole number {bounds}")


def limit(value: int | None, most: int) -> int | None:
    """Return how many to ask for at a time, which the portal would cut in silence."""
    return None if value is None else whole_number("limit", value, 1, most)


def offset(value: int | None) -> int | None:
    """Return how many to pass over."""
    return None if value is None else whole_number("offset", value, 0)


def flag(name: str, value: bool | None) -> bool | None:  # noqa: FBT001  # it is the value, not a switch
    """Return a boolean; the portal would read "false" or 0 in its own ways."""
    if value is None or isinstance(value, bool):
        return value
    raise InvalidParameter(f"`{name}` is {_shown(value)}, but it is True or False")


def moment(name: str, value: datetime | None) -> datetime | None:
    """Return a moment that says its time zone; the portal would guess one."""
    if value is None or (isinstance(value, datetime) and value.tzinfo is not None):
        return value
    fault = "has no time zone" if isinstance(value, datetime) else f"is {_shown(value)}"
    raise InvalidParameter(f"`{name}` {fault}, but it is a datetime with one, such as datetime.now(UTC)")


def required(name: str, value: T | None) -> T:
    """Return what the portal cannot do without."""
    if value is None:
        raise InvalidParameter(f"`{name}` is needed")
    return value


def cursor(name: str, value: Id | None) -> Id | None:
    """Return an id to go on from; 0 is the beginning."""
    return value if value is None or (value == 0 and type(value) is int) else positive_id(name, value)


def joined(name: str, words: Iterable[str] | None) -> str | None:
    """Return words as the portal reads a list in one text, parted by commas."""
    if words is None:
        return None
    if isinstance(words, str | bytes) or not isinstance(words, Iterable):
        raise InvalidParameter(f"`{name}` is {_shown(words)}, not a list of words")
    return ",".join(required_text(f"{name}[{index}]", word) for index, word in enumerate(words)) or None


def not_both(**given: object) -> None:
    """Refuse parameters of which the portal would drop all but one without a word."""
    names = [f"`{name}`" for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise InvalidParameter(f"{' and '.join(names)} are given, but the portal heeds only one of them")


def chat_or_dialog(chat: Id | None, dialog: DialogId | None) -> dict[str, Any]:
    """Return the parameters that name a chat in the methods `im.*`, by its number or by `chat<number>`."""
    if chat is not None and dialog is None:
        return {"CHAT_ID": positive_id("chat_id", chat)}
    if dialog is not None and chat is None:
        return {"DIALOG_ID": chat_dialog_id("dialog_id", dialog)}
    raise InvalidParameter("either `chat_id` or `dialog_id` is needed, not both")


def search_text(name: str, value: str | None, least: int) -> str | None:
    """Return what to search for, long enough for the portal to look."""
    if value is not None and len(required_text(name, value).strip()) < least:
        raise InvalidParameter(f"`{name}` has {len(value.strip())} characters, the portal searches from {least} on")
    return value


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


def open_choice(name: str, kind: type[EnumT], value: EnumT | str) -> EnumT | str:
    """Return a member of a vocabulary that a portal may know more of; a word beyond it passes as it is."""
    word = required_text(name, value)
    return next((member for member in kind if member.value.lower() == word.lower()), word)


def exactly_one(**given: object) -> None:
    """Refuse parameters none of which is given, or several, of which the portal would follow one."""
    if sum(value is not None for value in given.values()) != 1:
        raise InvalidParameter(f"exactly one of {', '.join(f'`{name}`' for name in given)} is needed")


def at_least_one(**given: object) -> None:
    """Refuse a request in which nothing was given of what it is made for."""
    if all(value is None for value in given.values()):
        raise InvalidParameter(f"nothing is given: {', '.join(f'`{name}`' for name in given)}, at least one is needed")


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


def key(value: str | None, entity: Entity | None, *, is_new: bool) -> str | None:
    """Return the key of a creation, None where there is none; it takes the entity's place."""
    if value is None:
        if is_new is not False:
            raise InvalidParameter("`key_is_new` is given without a `key`")
        return None
    if entity is not None:
        raise InvalidParameter("`key` and `entity` are both given, but the key is kept as the chat's entity")
    if not isinstance(is_new, bool):
        raise InvalidParameter(f"`key_is_new` is {_shown(is_new)}, but it is True or False")
    checked = required_text("key", value, MAX_KEY)
    if checked == "0":
        raise InvalidParameter("`key` may be anything but 0, which the portal takes for none")
    # Databases compare without regard to white space at the end, and some of them drop what they cannot print.
    if checked != checked.strip() or not checked.isprintable():
        raise InvalidParameter("`key` begins or ends with white space, or holds a control character")
    return checked


def _is_dialog_id(value: object) -> bool:
    match = _DIALOG_ID.fullmatch(value) if isinstance(value, str) else None
    return match is not None and int(match[1] or match[2]) <= MAX_ID


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, int | str) and len(str(value)) <= 40 else f"of type {type(value).__name__}"
