"""The fields of `im.chat.add` by their wire names, checked as the library checks its own arguments."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from bitrix_chat import InvalidParameter, Safety

if TYPE_CHECKING:
    from bitrix_chat import BitrixChat, Call

METHOD: Final = "im.chat.add"
_ARGUMENTS: Final[Mapping[str, str]] = {
    "TYPE": "type",
    "TITLE": "title",
    "DESCRIPTION": "description",
    "COLOR": "color",
    "MESSAGE": "message",
    "USERS": "user_ids",
    "AVATAR": "avatar",
    "ENTITY_TYPE": "entity.type",
    "ENTITY_ID": "entity.id",
    "COPILOT_MAIN_ROLE": "copilot_main_role",
}
_IGNORED: Final = frozenset({"OWNER_ID", "AUTHOR_ID", "CHAT_ID", "MANAGERS"})
_DOT: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

EXAMPLE: Final[Mapping[str, Any]] = {
    "TYPE": "OPEN",
    "TITLE": "Order 1663",
    "DESCRIPTION": "Everything about order 1663",
    "COLOR": "MINT",
    "MESSAGE": "Let us talk about this order here",
    "USERS": [1, 2],
    "AVATAR": _DOT,
    "ENTITY_TYPE": "ORDER",
    "ENTITY_ID": "1663",
    "COPILOT_MAIN_ROLE": "",
}
"""Every field that the portal reads; an empty one stands for a field that is not given."""


@frozen
class ChatFields:
    """Parameters of `im.chat.add`, and those among them that the portal ignores."""

    params: Mapping[str, Any]
    ignored: tuple[str, ...]

    def call(self, b24: "BitrixChat") -> "Call[Any]":
        """Return the call that creates the chat."""
        return b24.call(METHOD, self.params, safety=Safety.CREATE)


def chat_fields(b24: "BitrixChat", fields: Mapping[str, Any]) -> ChatFields:
    """Read the fields of a chat, with names in any case; empty ones are not given.

    Raises:
        InvalidParameter: a value that the portal would drop or cut without a word, by its name.
    """
    params: dict[str, Any] = {}
    for name, value in fields.items():
        key = _key(name)
        if key in params:
            raise InvalidParameter(f"`{key}` is given more than once, in different capitals")
        if value not in (None, "", [], {}):
            params[key] = _wire_value(b24, key, value) if key in _ARGUMENTS else value
    return ChatFields(params, tuple(key for key in params if key not in _ARGUMENTS))


def _key(name: str) -> str:
    upper = name.strip().upper()
    return upper if upper in _ARGUMENTS or upper in _IGNORED else name


def _wire_value(b24: "BitrixChat", key: str, value: Any) -> Any:
    name = _ARGUMENTS[key]
    try:
        call = b24.im.chat.add(**_arguments(key, value))
    except InvalidParameter as error:
        problem = error.description.replace(f"`{name}", f"`{key}")
    else:
        return call.request.params[key]
    raise InvalidParameter(problem, method=METHOD)


def _arguments(key: str, value: Any) -> dict[str, Any]:
    if key == "USERS":
        return {"user_ids": _user_ids(value)}
    from bitrix_chat import Entity  # noqa: PLC0415  # not needed for help

    text = str(value) if type(value) is int else value
    match key:
        case "ENTITY_TYPE":
            return {"entity": Entity(text, "-")}
        case "ENTITY_ID":
            return {"entity": Entity("-", text)}
    return {_ARGUMENTS[key]: text}


def _user_ids(value: Any) -> Any:
    """Read ids as the portal does: a list of numbers or digits, or such a list as text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if not isinstance(value, list):
        return value
    return [int(item) if isinstance(item, str) and item.isascii() and item.isdecimal() else item for item in value]
