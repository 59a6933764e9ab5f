"""`im.dialog.read`, `unread` and `read.all`, and `im.counters.get`: what the caller has yet to read."""

from typing import Any, Final

from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.dialogs import dialog_of_caller, is_dialog_id
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, intval
from bitrix_chat.portal.reading import counter_of, read, set_unread
from bitrix_chat.portal.recent_views import counters_object
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Chat

METHODS: Final = MethodTable()


def own_dialog(call: Invocation, dialog_id: PhpValue) -> Chat | None:
    """Find a dialog of the caller; None if they are not in it.

    Raises:
        Refusal: DIALOG_ID_EMPTY.
    """
    if not is_dialog_id(dialog_id):
        raise Refusal("DIALOG_ID_EMPTY", "Dialog ID can't be empty")
    try:
        chat = dialog_of_caller(call, dialog_id)
    except Refusal:
        return None
    return chat if call.caller.user_id in chat.members else None


@METHODS.add("im.dialog.read", scope="im")
def dialog_read(call: Invocation) -> dict[str, Any] | bool:
    """Read up to MESSAGE_ID, or everything; false where the caller is no member (REST method `im.dialog.read`)."""
    params = in_upper_case(call.params)
    chat, viewer = own_dialog(call, params.get("DIALOG_ID")), call.caller.user_id
    if chat is None:
        return False
    message_id = intval(params.get("MESSAGE_ID"))
    read(chat, viewer, min(message_id, chat.last_message_id) if message_id > 0 else chat.last_message_id)
    call.state.recents.mark(viewer, chat.id, unread=False)
    return {
        "dialogId": chat.dialog_id_for(viewer),
        "chatId": chat.id,
        "lastId": chat.relations[viewer].last_read_id,
        "counter": counter_of(chat, viewer),
    }


@METHODS.add("im.dialog.unread", scope="im")
def dialog_unread(call: Invocation) -> bool:
    """Let the caller's counter begin at MESSAGE_ID again (REST method `im.dialog.unread`)."""
    params = in_upper_case(call.params)
    message_id = intval(params.get("MESSAGE_ID"))
    if message_id <= 0:
        raise Refusal("MESSAGE_ID_ERROR", "First unread message id can't be empty")
    chat = own_dialog(call, params.get("DIALOG_ID"))
    if chat is not None:
        set_unread(chat, call.caller.user_id, message_id)
    return True


@METHODS.add("im.dialog.read.all", scope="im")
def dialog_read_all(call: Invocation) -> bool:
    """Read everything in every chat of the caller (REST method `im.dialog.read.all`)."""
    viewer = call.caller.user_id
    for chat in (call.state.general_chat, *call.state.chats.values()):
        read(chat, viewer, chat.last_message_id)
        call.state.recents.mark(viewer, chat.id, unread=False)
    return True


@METHODS.add("im.counters.get", scope="im")
def counters_get(call: Invocation) -> dict[str, Any]:
    """Count everything unread (REST method `im.counters.get`)."""
    return counters_object(call.state, call.caller.user_id)
