"""`im.message.add`, `update` and `delete`: what a person writes, in their own name alone."""

from typing import Any, Final

from bitrix_chat.portal.editing import change, chat_of, remove
from bitrix_chat.portal.message_parts import PartError, read_part
from bitrix_chat.portal.messages import Extras, Message
from bitrix_chat.portal.methods.arguments import in_upper_case, parsed
from bitrix_chat.portal.methods.chats import accessible, chat_id_of_dialog, may_enter
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.methods.sending import send, shortened
from bitrix_chat.portal.php import PhpValue, intval, is_numeric, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.rights import Role, role_of
from bitrix_chat.portal.state import Chat

METHODS: Final = MethodTable()

_PARTS: Final = ("ATTACH", "KEYBOARD", "MENU")
_CLEARING: Final = ("N", "")


@METHODS.add("im.message.add", scope="im")
def message_add(call: Invocation) -> int:
    """Send a message as the caller (REST method `im.message.add`)."""
    params = in_upper_case(call.params)
    text = strval(params.get("MESSAGE")).strip()
    if not text and not params.get("ATTACH"):
        raise Refusal("MESSAGE_EMPTY", "Message can't be empty")
    chat = _addressed(call, params)
    extras: dict[str, Any] = {name: _part(name, params[name]) for name in _PARTS if params.get(name)}
    if params.get("URL_PREVIEW") == "N":
        extras["URL_PREVIEW"] = "N"
    if params.get("REPLY_ID") is not None:
        extras["REPLY_ID"] = _replied_to(call, chat, intval(params["REPLY_ID"]))
    return send(
        call,
        chat,
        call.caller.user_id,
        text,
        system=params.get("SYSTEM") == "Y",
        template_id=strval(params.get("TEMPLATE_ID")),
        extras=Extras(params=extras),
    )


def _addressed(call: Invocation, params: dict[str, PhpValue]) -> Chat:
    """Find the chat of DIALOG_ID, or of CHAT_ID; a user's number opens the private chat with them."""
    dialog_id = params.get("DIALOG_ID")
    if dialog_id is None:
        return _chat(call, params.get("CHAT_ID"))
    if not is_numeric(dialog_id):
        return _chat(call, chat_id_of_dialog(dialog_id))
    user_id = intval(dialog_id)
    if user_id <= 0:
        raise Refusal("USER_ID_EMPTY", "User ID can't be empty")
    if not call.state.is_active(user_id):
        raise Refusal("USER_NOT_FOUND", "User not found")
    if not call.state.sees(call.caller.user_id, user_id):
        raise Refusal("ACCESS_ERROR", "Action unavailable", 403)
    return call.state.private_chat(call.caller.user_id, user_id)


def _chat(call: Invocation, chat_id: PhpValue) -> Chat:
    if chat_id is None:
        raise Refusal("PARAMS_ERROR", "Incorrect params")
    if intval(chat_id) <= 0:
        raise Refusal("CHAT_ID_EMPTY", "Chat ID can't be empty")
    return accessible(call, intval(chat_id))


def _part(name: str, value: PhpValue, *, spelled: str = "") -> PhpValue:
    """Read a part, which may be JSON text; `spelled` is how its error is, where that differs."""
    try:
        return read_part(name, parsed(value))
    except PartError as error:
        if error.oversize:
            text = f"You have exceeded the maximum allowable size of {name.lower()}"
            raise Refusal(f"{name}_OVERSIZE", text) from None
        raise Refusal(f"{spelled or name}_ERROR", f"Incorrect {name.lower()} params") from None


def _replied_to(call: Invocation, chat: Chat, message_id: int) -> int:
    message = accessible_message(call, message_id)
    if message is None:
        raise Refusal("REPLY_ACCESS_ERROR", "Action unavailable", 403)
    if message.chat_id != chat.id:
        raise Refusal("REPLY_FROM_OTHER_CHAT_ERROR", "You can only reply to a message within the same chat", 403)
    return message_id


def accessible_message(call: Invocation, message_id: int) -> Message | None:
    """Find a message that the caller may read."""
    message = call.state.messages.get(message_id)
    if message is None:
        return None
    chat = chat_of(call.state, message)
    relation = chat.relations.get(call.caller.user_id)
    hidden = relation is not None and message.id <= relation.hidden_up_to
    return message if may_enter(call.state, chat, call.caller.user_id) and not hidden else None


def required_message_id(params: dict[str, PhpValue]) -> int:
    """Read MESSAGE_ID.

    Raises:
        Refusal: MESSAGE_ID_ERROR.
    """
    message_id = intval(params.get("MESSAGE_ID"))
    if message_id <= 0:
        raise Refusal("MESSAGE_ID_ERROR", "Message ID can't be empty")
    return message_id


@METHODS.add("im.message.update", scope="im")
def message_update(call: Invocation) -> bool:
    """Change one's own message; an empty text deletes it (REST method `im.message.update`)."""
    params = in_upper_case(call.params)
    message_id = required_message_id(params)
    text = None if params.get("MESSAGE") is None else shortened(strval(params["MESSAGE"]).strip())
    changes = {name: _changed_part(name, params[name]) for name in _PARTS if params.get(name) is not None}
    if params.get("URL_PREVIEW") is not None:
        changes["URL_PREVIEW"] = "N" if params["URL_PREVIEW"] == "N" else None
    message = _own(call, message_id)
    change(call.state, message, text=text, params=changes, marked=params.get("IS_EDITED") != "N")
    return True


def _changed_part(name: str, value: PhpValue) -> PhpValue:
    """Read a part's new value, None to remove it; the code for a wrong menu is half in lower case here."""
    if value in _CLEARING:
        return None
    return _part(name, value, spelled="menu" if name == "MENU" else "")


@METHODS.add("im.message.delete", scope="im")
def message_delete(call: Invocation) -> bool:
    """Delete one's own message, or any where one manages (REST method `im.message.delete`)."""
    message = _there(call, required_message_id(in_upper_case(call.params)))
    actor = call.caller.user_id
    if message.byline != actor and role_of(chat_of(call.state, message), actor) < Role.MANAGER:
        raise _not_to_be_changed()
    remove(call.state, message, actor)
    return True


def _own(call: Invocation, message_id: int) -> Message:
    message = _there(call, message_id)
    if message.byline != call.caller.user_id:
        raise _not_to_be_changed()
    return message


def _there(call: Invocation, message_id: int) -> Message:
    message = accessible_message(call, message_id)
    if message is None or message.is_deleted:
        raise _not_to_be_changed()
    return message


def _not_to_be_changed() -> Refusal:
    return Refusal("CANT_EDIT_MESSAGE", "Time has expired for modification or you don't have access", 403)
