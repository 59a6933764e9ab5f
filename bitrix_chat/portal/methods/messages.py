"""Sending messages, in their simplest form: a text into a dialog, by a person or by a bot.

The template id is the one idempotency key of the portal: a message sent again under the same lower-case
UUIDv4 answers the id of the first.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from bitrix_chat.portal.methods.arguments import bound_array, bound_text, either_spelling, in_upper_case, is_yes
from bitrix_chat.portal.methods.chatbots import own_bot
from bitrix_chat.portal.methods.chats import accessible, chat_id_of_dialog
from bitrix_chat.portal.methods.dialogs import dialog_of_bot
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, intval, is_numeric, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.state import Chat, PortalState

METHODS: Final = MethodTable()

_MAX_LENGTH: Final = 20_000
_UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@METHODS.add("im.message.add", scope="im")
def message_add(call: Invocation) -> int:
    """Send a message as the caller (REST method `im.message.add`)."""
    params = in_upper_case(call.params)
    text = strval(params.get("MESSAGE")).strip()
    if not text:
        raise Refusal("MESSAGE_EMPTY", "Message can't be empty")
    chat = _dialog(call, params.get("DIALOG_ID"))
    system = params.get("SYSTEM") == "Y"
    return _once(
        call.state,
        "" if system else strval(params.get("TEMPLATE_ID")),
        lambda: call.state.post(chat, call.caller.user_id, _shortened(text), system=system),
    )


def _dialog(call: Invocation, dialog_id: PhpValue) -> Chat:
    """Find the chat of a dialog id; a user's number opens the private chat with them."""
    if not is_numeric(dialog_id):
        return accessible(call, chat_id_of_dialog(dialog_id))
    user_id = intval(dialog_id)
    if not call.state.is_active(user_id):
        raise Refusal("USER_NOT_FOUND", "User not found")
    return call.state.private_chat(call.caller.user_id, user_id)


def _once(state: PortalState, template_id: str, post: Callable[[], int]) -> int:
    if not _UUID4.fullmatch(template_id):
        return post()
    if template_id not in state.message_of_template:
        state.message_of_template[template_id] = post()
    return state.message_of_template[template_id]


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else text[:_MAX_LENGTH] + " (...)"


@METHODS.add("imbot.v2.Chat.Message.send", scope="imbot")
def bot_message_send(call: Invocation) -> dict[str, Any]:
    """Send a message as the bot (REST method `imbot.v2.Chat.Message.send`)."""
    bot = own_bot(call)
    chat = dialog_of_bot(call, bot, bound_text(call.params, "dialogId"))
    fields = bound_array(call.params, "fields")
    text = strval(either_spelling(fields, "message")).strip()
    if not text:
        raise Refusal("EMPTY_MESSAGE", "Message is empty")
    system = is_yes(either_spelling(fields, "system"))
    template_id = "" if system else strval(either_spelling(fields, "templateId"))
    message_id = _once(call.state, template_id, lambda: call.state.post(chat, bot.id, _shortened(text), system=system))
    bot.counts["Message"] += 1
    return {"id": message_id, "uuidMap": {template_id: message_id} if template_id else []}
