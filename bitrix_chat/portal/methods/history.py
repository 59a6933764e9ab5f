"""`im.dialog.messages.*`: going back and forth in what was said, and finding something in it."""

import re
from typing import Any, Final

from bitrix_chat.portal.file_views import uploaded_file_object
from bitrix_chat.portal.message_views import (
    authors,
    found_message_object,
    reactions_object,
    snake_message_object,
    whole_user_object,
)
from bitrix_chat.portal.messages import Message
from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.chats import accessible, chat_id_of
from bitrix_chat.portal.methods.dialogs import dialog_of_caller
from bitrix_chat.portal.methods.paging import limit_of
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, intval, strval
from bitrix_chat.portal.reading import visible_to
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.timing import moment
from bitrix_chat.portal.views import snake_user_object

METHODS: Final = MethodTable()

_PAGE: Final = 20
_MAX_PAGE: Final = 50
_FOUND: Final = 50
_MAX_FOUND: Final = 200
_SHORTEST: Final = 3
_DAY: Final = 24 * 3600
_NUMBER: Final = re.compile(r"[0-9]+")


@METHODS.add("im.dialog.messages.get", scope="im")
def messages_get(call: Invocation) -> dict[str, Any]:
    """List messages: the newest first before LAST_ID, or the oldest first behind FIRST_ID.

    FIRST_ID 0 begins at the beginning; with neither it is the newest (REST method `im.dialog.messages.get`).
    """
    params = in_upper_case(call.params)
    chat = dialog_of_caller(call, params.get("DIALOG_ID"))
    viewer = call.caller.user_id
    shown = _page(visible_to(chat, viewer), params)[: limit_of(params, _PAGE, _MAX_PAGE)]
    return {
        "chat_id": chat.id,
        "messages": [snake_message_object(call.state, message, viewer) for message in shown],
        "users": [snake_user_object(call.state, user) for user in authors(call.state, shown)],
        "files": _files(call, shown),
    }


def _page(messages: list[Message], params: dict[str, PhpValue]) -> list[Message]:
    first, last = params.get("FIRST_ID"), params.get("LAST_ID")
    if first is not None:
        behind = _number(first, "FIRST_ID_STRING", "First ID can't be string")
        return [message for message in messages if message.id > behind]
    before = 0 if last is None else _number(last, "LAST_ID_STRING", "Last ID can't be string")
    return [message for message in reversed(messages) if not before or message.id < before]


def _number(value: PhpValue, code: str, description: str) -> int:
    if not _NUMBER.fullmatch(strval(value)):
        raise Refusal(code, description)
    return intval(value)


def _files(call: Invocation, messages: list[Message]) -> list[dict[str, Any]]:
    return [
        uploaded_file_object(call.state, file) for message in messages for file in call.state.drive.files_of(message.id)
    ]


@METHODS.add("im.dialog.messages.search", scope="im")
def messages_search(call: Invocation) -> dict[str, Any]:
    """Find messages of a chat by text and date, the newest first unless ORDER says otherwise.

    A text of less than three characters is no condition (REST method `im.dialog.messages.search`).
    """
    params = in_upper_case(call.params)
    chat = accessible(call, chat_id_of(params))
    viewer = call.caller.user_id
    found = [message for message in visible_to(chat, viewer) if _matches(message, params)]
    shown = _found_page(found, params)[: limit_of(params, _FOUND, _MAX_FOUND)]
    replied_to = [call.state.messages.get(intval(message.params.get("REPLY_ID"))) for message in shown]
    additional = [message for message in replied_to if message is not None and message not in shown]
    return {
        "users": [whole_user_object(call.state, user) for user in authors(call.state, [*shown, *additional])],
        "files": _files(call, shown),
        "additionalMessages": [found_message_object(call.state, message, viewer) for message in additional],
        "copilot": None,
        "stickers": [],
        "reactions": [reactions_object(message, viewer) for message in shown if message.reactions],
        "tariffRestrictions": {"isHistoryLimitExceeded": False},
        "usersShort": [],
        "messages": [found_message_object(call.state, message, viewer) for message in shown],
    }


def _matches(message: Message, params: dict[str, PhpValue]) -> bool:
    phrase = strval(params.get("SEARCH_MESSAGE")).strip().casefold()
    if len(phrase) >= _SHORTEST and phrase not in message.text.casefold():
        return False
    since, until = _span(params)
    return (since is None or message.created_at >= since) and (until is None or message.created_at < until)


def _span(params: dict[str, PhpValue]) -> tuple[float | None, float | None]:
    """Read the first second that is wanted and the first that is not; DATE is a whole day."""
    day = moment(strval(params.get("DATE"))[:10])
    if day is not None:
        return day, day + _DAY
    last = moment(strval(params.get("DATE_TO")))
    return moment(strval(params.get("DATE_FROM"))), None if last is None else last + 1


def _found_page(found: list[Message], params: dict[str, PhpValue]) -> list[Message]:
    order, last_id = params.get("ORDER"), intval(params.get("LAST_ID"))
    if isinstance(order, dict) and strval(order.get("ID")).upper() == "ASC":
        return [message for message in found if message.id > last_id]
    return [message for message in reversed(found) if not last_id or message.id < last_id]
