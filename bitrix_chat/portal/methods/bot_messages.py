"""`imbot.v2.Chat.Message.*`: what a bot writes, changes and takes back, and what some kinds of bots may read."""

from typing import Any, Final

from bitrix_chat.portal.editing import change, chat_of, remove
from bitrix_chat.portal.message_parts import PartError, read_part
from bitrix_chat.portal.message_views import authors, personal_message_object
from bitrix_chat.portal.messages import Extras, Forward, Message
from bitrix_chat.portal.methods.arguments import (
    bound_array,
    bound_id,
    bound_int,
    bound_text,
    either_spelling,
    is_yes,
    upper_snake,
)
from bitrix_chat.portal.methods.chatbots import own_bot
from bitrix_chat.portal.methods.dialogs import dialog_of_bot
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.methods.sending import send, shortened
from bitrix_chat.portal.php import PhpValue, intval, strval
from bitrix_chat.portal.reading import counter_of, read, visible_to
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.rights import Role, role_of
from bitrix_chat.portal.state import Bot, Chat
from bitrix_chat.portal.template_ids import is_template_id
from bitrix_chat.portal.views import user_object

METHODS: Final = MethodTable()

_READING_BOTS: Final = frozenset({"supervisor", "personal"})
_MAX_FORWARDED: Final = 100
_MAX_RANGE: Final = 50
_APPLICATION: Final = "Application"


def message_of_bot(call: Invocation, bot: Bot) -> Message:
    """Return the message of `messageId`, which the bot may read.

    Raises:
        Refusal: 100, MESSAGE_NOT_FOUND or MESSAGE_ACCESS_DENIED.
    """
    return _readable(call, bot, bound_id(call.params, "messageId"))


def _readable(call: Invocation, bot: Bot, message_id: int) -> Message:
    message = call.state.messages.get(message_id)
    if message is None:
        raise Refusal("MESSAGE_NOT_FOUND", "Message not found")
    relation = chat_of(call.state, message).relations.get(bot.id)
    if relation is None or message.id <= relation.hidden_up_to:
        raise Refusal("MESSAGE_ACCESS_DENIED", "Message access denied")
    return message


@METHODS.add("imbot.v2.Chat.Message.send", scope="imbot")
def message_send(call: Invocation) -> dict[str, Any]:
    """Send a message as the bot, forward others behind it (REST method `imbot.v2.Chat.Message.send`).

    Without a text nothing is sent but what is forwarded, and the id is null.
    """
    bot = own_bot(call)
    chat = dialog_of_bot(call, bot, bound_text(call.params, "dialogId"))
    fields = bound_array(call.params, "fields")
    forwarded = _forwarded(call, bot, either_spelling(fields, "forwardIds"))
    params = sent_params(fields)
    has_content = bool(text_of(fields)) or "ATTACH" in params
    if not (has_content or forwarded):
        raise Refusal("EMPTY_MESSAGE", "Message is empty")
    reply_id = either_spelling(fields, "replyId")
    if reply_id is not None:
        params["REPLY_ID"] = _replied_to(call, chat, intval(reply_id))
    before = len(call.state.messages)
    message_id = _sent(call, bot, chat, fields, params) if has_content else None
    template_id = strval(either_spelling(fields, "templateId"))
    sent_under = {template_id: message_id} if template_id and message_id and not _is_system(fields) else {}
    sent_under |= {uuid: _forward(call, bot, chat, message, uuid) for uuid, message in forwarded.items()}
    bot.counts["Message"] += len(call.state.messages) - before
    return {"id": message_id, "uuidMap": sent_under or []}


def _sent(call: Invocation, bot: Bot, chat: Chat, fields: dict[str, PhpValue], params: dict[str, Any]) -> int:
    system = _is_system(fields)
    return send(
        call,
        chat,
        bot.id,
        signed(call, text_of(fields), system=system),
        system=system,
        template_id=strval(either_spelling(fields, "templateId")),
        extras=Extras(params=params),
    )


def text_of(fields: dict[str, PhpValue]) -> str:
    """Read the text of a message to be sent."""
    return strval(either_spelling(fields, "message")).strip()


def _is_system(fields: dict[str, PhpValue]) -> bool:
    return is_yes(either_spelling(fields, "system"))


def signed(call: Invocation, text: str, *, system: bool) -> str:
    """Put the application's name over a system message; a webhook stands for no application."""
    return f"[b]{_APPLICATION}[/b]\n{text}" if system and not call.caller.via_webhook else text


def sent_params(fields: dict[str, PhpValue]) -> dict[str, Any]:
    """Read what a message carries besides its text.

    Raises:
        Refusal: ATTACH_ERROR or KEYBOARD_ERROR, also for what is too long.
    """
    params: dict[str, Any] = {}
    for name in ("attach", "keyboard"):
        value = either_spelling(fields, name)
        if value:
            params[name.upper()] = _part(name, value)
    if not is_yes(either_spelling(fields, "urlPreview"), default=True):
        params["URL_PREVIEW"] = "N"
    return params


def _part(name: str, value: PhpValue) -> PhpValue:
    try:
        return read_part(name.upper(), value)
    except PartError:
        raise Refusal(f"{name.upper()}_ERROR", f"Incorrect {name} params") from None


def _replied_to(call: Invocation, chat: Chat, message_id: int) -> int:
    message = call.state.messages.get(message_id)
    if message is None or message.chat_id != chat.id:
        raise Refusal("REPLY_ERROR", "Reply message is not available")
    return message_id


def _forwarded(call: Invocation, bot: Bot, value: PhpValue) -> dict[str, Message]:
    """Read `forwardIds`, messages by the template ids under which they are to be forwarded."""
    wanted = bound_array({"forwardIds": value}, "forwardIds")
    if len(wanted) > _MAX_FORWARDED:
        raise Refusal("TOO_MANY_MESSAGES", "Too many messages")
    if not all(map(is_template_id, wanted)):
        raise Refusal("WRONG_UUID", "Wrong UUID")
    return {uuid: _readable(call, bot, intval(message_id)) for uuid, message_id in wanted.items()}


def _forward(call: Invocation, bot: Bot, chat: Chat, message: Message, uuid: str) -> int:
    origin = Forward(message.id, message.byline, message.chat_id, message.created_at)
    extras = Extras(params=dict(message.params), forward=origin)
    return send(call, chat, bot.id, message.text, template_id=uuid, extras=extras)


@METHODS.add("imbot.v2.Chat.Message.update", scope="imbot")
def message_update(call: Invocation) -> dict[str, bool]:
    """Change a message of the bot; an empty text deletes it (REST method `imbot.v2.Chat.Message.update`)."""
    bot = own_bot(call)
    message = message_of_bot(call, bot)
    fields = bound_array(call.params, "fields", required=True)
    if message.byline != bot.id or message.is_deleted:
        raise Refusal("MESSAGE_ACCESS_DENIED", "Message access denied")
    text = either_spelling(fields, "message")
    changes: dict[str, Any] = {}
    for name in ("attach", "keyboard", "urlPreview"):
        value = either_spelling(fields, name)
        if value is not None:
            changes[upper_snake(name)] = _changed(name, value)
    change(call.state, message, text=None if text is None else shortened(strval(text).strip()), params=changes)
    return {"result": True}


def _changed(name: str, value: PhpValue) -> PhpValue:
    """Read a new value, None to remove what there is."""
    if name == "urlPreview":
        return None if is_yes(value) else "N"
    return None if value in ("N", "", [], {}) else _part(name, value)


@METHODS.add("imbot.v2.Chat.Message.delete", scope="imbot")
def message_delete(call: Invocation) -> dict[str, bool]:
    """Delete a message of the bot, or any where it manages (REST method `imbot.v2.Chat.Message.delete`).

    True also when nothing was deleted.
    """
    bot = own_bot(call)
    message = message_of_bot(call, bot)
    manages = role_of(chat_of(call.state, message), bot.id) >= Role.MANAGER
    if message.byline == bot.id or manages:
        remove(call.state, message, bot.id, complete=is_yes(call.params.get("complete")))
    return {"result": True}


@METHODS.add("imbot.v2.Chat.Message.get", scope="imbot")
def message_get(call: Invocation) -> dict[str, Any]:
    """Show one message to a supervisor or personal bot (REST method `imbot.v2.Chat.Message.get`)."""
    bot = _reading_bot(call)
    message = message_of_bot(call, bot)
    author = call.state.users.get(message.byline)
    return {
        "message": personal_message_object(call.state, message, bot.id),
        "user": None if author is None else user_object(author),
    }


@METHODS.add("imbot.v2.Chat.Message.getContext", scope="imbot")
def message_get_context(call: Invocation) -> dict[str, Any]:
    """Show a message and its neighbours on both sides, oldest first (REST method `imbot.v2.Chat.Message.getContext`).

    `range` is how many to show on each side, from 1 to 50.
    """
    bot = _reading_bot(call)
    message = message_of_bot(call, bot)
    around = min(max(1, bound_int(call.params, "range", _MAX_RANGE)), _MAX_RANGE)
    messages = visible_to(chat_of(call.state, message), bot.id)
    here = messages.index(message)
    shown = messages[max(0, here - around) : here + around + 1]
    return {
        "messages": [personal_message_object(call.state, each, bot.id) for each in shown],
        "users": [user_object(user) for user in authors(call.state, shown)],
        "hasPrevPage": here > around,
        "hasNextPage": here + around + 1 < len(messages),
    }


def _reading_bot(call: Invocation) -> Bot:
    bot = own_bot(call)
    if bot.type not in _READING_BOTS:
        raise Refusal("BOT_TYPE_NOT_ALLOWED", "Bot type not allowed")
    return bot


@METHODS.add("imbot.v2.Chat.Message.read", scope="imbot")
def message_read(call: Invocation) -> dict[str, Any]:
    """Read up to a message, or all there is (REST method `imbot.v2.Chat.Message.read`)."""
    bot = own_bot(call)
    chat = dialog_of_bot(call, bot, bound_text(call.params, "dialogId"))
    message_id = bound_int(call.params, "messageId", 0)
    if message_id:
        message = call.state.messages.get(message_id)
        if message is None or message.chat_id != chat.id:
            raise Refusal("MESSAGE_NOT_FOUND", "Message not found")
    viewed = read(chat, bot.id, message_id or chat.last_message_id)
    call.state.recents.mark(bot.id, chat.id, unread=False)
    return {
        "chatId": chat.id,
        "lastId": chat.relations[bot.id].last_read_id,
        "counter": counter_of(chat, bot.id),
        "viewedMessages": [each.id for each in viewed],
    }
