"""Dialog ids as the methods resolve them: `chatN` is a chat, N a user; each API refuses in its own words."""

from bitrix_chat.portal.methods.chats import accessible, chat_id_of_dialog, may_enter
from bitrix_chat.portal.methods.registry import Invocation
from bitrix_chat.portal.php import PhpValue, intval, is_numeric, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Bot, Chat


def dialog_of_bot(call: Invocation, bot: Bot, dialog_id: str) -> Chat:
    """Return a chat of which the bot is a member; a user's number opens the private chat with them.

    Raises:
        Refusal: CHAT_NOT_FOUND or ACCESS_DENIED.
    """
    chat = dialog_of_anybody(call, bot.id, dialog_id)
    if bot.id not in chat.members:
        raise Refusal("ACCESS_DENIED", "Access denied")
    return chat


def dialog_of_user(call: Invocation, dialog_id: str) -> Chat:
    """Return a chat that the calling user may read, as `im.v2` finds it.

    Raises:
        Refusal: CHAT_NOT_FOUND or ACCESS_DENIED.
    """
    chat = dialog_of_anybody(call, call.caller.user_id, dialog_id)
    if not may_enter(call.state, chat, call.caller.user_id):
        raise Refusal("ACCESS_DENIED", "Access denied")
    return chat


def dialog_of_anybody(call: Invocation, user_id: int, dialog_id: str) -> Chat:
    """Return a chat, whoever is in it; a user's number opens the private chat with them.

    Raises:
        Refusal: CHAT_NOT_FOUND.
    """
    if dialog_id.isdecimal() and call.state.is_active(int(dialog_id)):
        return call.state.private_chat(user_id, int(dialog_id))
    number = dialog_id.removeprefix("chat")
    chat = call.state.chat(int(number)) if dialog_id != number and number.isdecimal() else None
    if chat is None:
        raise Refusal("CHAT_NOT_FOUND", "Chat not found")
    return chat


def dialog_of_caller(call: Invocation, dialog_id: PhpValue) -> Chat:
    """Return a chat that the caller may read; a user's number opens the private chat with them.

    Raises:
        Refusal: DIALOG_ID_EMPTY, or ACCESS_ERROR: with 403 for a chat, with 400 for a person.
    """
    if not is_dialog_id(dialog_id):
        raise Refusal("DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    if not is_numeric(dialog_id):
        return accessible(call, chat_id_of_dialog(dialog_id))
    caller, user_id = call.caller.user_id, intval(dialog_id)
    if not (call.state.is_active(user_id) and call.state.sees(caller, user_id)):
        raise Refusal("ACCESS_ERROR", "You do not have access to the dialog")
    return call.state.private_chat(caller, user_id)


def is_dialog_id(value: PhpValue) -> bool:
    """Tell whether the value has the form of a dialog id, whatever it leads to."""
    if is_numeric(value):
        return intval(value) > 0
    text = strval(value)
    return text.startswith("chat") and text[4:].isdecimal()
