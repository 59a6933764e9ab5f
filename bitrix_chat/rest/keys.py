"""A key is kept as the entity of the chat that is created under it, since the portal has no other place for one."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from bitrix_chat.errors import UnexpectedAnswer
from bitrix_chat.rest.request import Key, Request, Safety

KEY_ENTITY_TYPE: Final = "BITRIX_CHAT_KEY"
"""The `ENTITY_TYPE` of every chat created with `key=`, whose `ENTITY_ID` is the key; it never changes."""

MAX_KEY: Final = 255

BEYOND_IDS: Final = 2**63
"""What every id is below; a larger number is none, and no database would hold it."""

LOOKUP: Final = "im.chat.get"


def chat_key(value: str, *, is_new: bool, fetch: Request | None = None) -> Key:
    """Return the key of a chat, with its lookup."""
    params = {"ENTITY_TYPE": KEY_ENTITY_TYPE, "ENTITY_ID": value}
    return Key(value, Request(LOOKUP, params, Safety.SAFE), fetch, is_new)


def key_of(request: Request) -> Key:
    """Return the key that a request bears.

    Raises:
        ValueError: it bears none.
    """
    if request.key is None:
        raise ValueError(f"{request.method} bears no key")
    return request.key


def found_id(result: Any) -> int | None:
    """Return the id that a lookup answers, None where nothing bears the key.

    Raises:
        UnexpectedAnswer: it can be read as neither.
    """
    if not result:
        return None
    if chat_id := _whole_number(result.get("ID") if isinstance(result, dict) else None):
        return chat_id
    raise UnexpectedAnswer("the lookup's answer holds no chat id", method=LOOKUP)


def created_id(result: Any) -> int | None:
    """Return the id in a creation's answer, None where none can be read."""
    chat = _chat(result)
    return _whole_number(result if chat is None else chat.get("id")) or None


def echoes(key: Key, result: Any) -> bool:
    """Return whether the answer of `imbot.v2.Chat.add` shows the key, which proves that the portal keeps it."""
    chat = _chat(result) or {}
    return chat.get("entityType") == KEY_ENTITY_TYPE and chat.get("entityId") == key.value


def fetch_of(key: Key, chat_id: int) -> Request | None:
    """Return what gives the result for a chat that was found; None where its id is the result."""
    if key.fetch is None:
        return None
    return evolve(key.fetch, params={**key.fetch.params, "dialogId": f"chat{chat_id}"})


def marker_of(request: Request) -> str | None:
    """Return what tells a request from others when one looks for what it made: key, template id or entity."""
    if request.key is not None:
        return request.key.value
    fields = request.params.get("fields")
    given = {**request.params, **fields} if isinstance(fields, Mapping) else request.params
    template_id = given.get("templateId") or given.get("TEMPLATE_ID")
    entity = [given.get(camel) or given.get(upper) for camel, upper in _ENTITY]
    return str(template_id) if template_id else "|".join(map(str, entity)) if all(entity) else None


_ENTITY: Final = (("entityType", "ENTITY_TYPE"), ("entityId", "ENTITY_ID"))


def _chat(result: Any) -> Mapping[str, Any] | None:
    chat = result.get("chat") if isinstance(result, dict) else None
    return chat if isinstance(chat, dict) else None


def _whole_number(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    return value if type(value) is int and 0 < value < BEYOND_IDS else 0
