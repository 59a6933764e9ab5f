"""`imbot.v2.Chat.*`: the chats of bots; an action answers `{"result": true}`, and every refusal comes with 400."""

from typing import Any, Final

from bitrix_chat.portal.creation import EntityTooLongError, NewChat, create_chat, safe_color
from bitrix_chat.portal.images import is_avatar
from bitrix_chat.portal.membership import change_owner, remove_member
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
from bitrix_chat.portal.php import PhpValue, elements, intval, is_numeric, strval
from bitrix_chat.portal.refusal import Refusal, type_error
from bitrix_chat.portal.relations import InputAction
from bitrix_chat.portal.rights import Action, may
from bitrix_chat.portal.state import Bot, Chat
from bitrix_chat.portal.views import chat_with_context

METHODS: Final = MethodTable()

_DONE: Final = {"result": True}
_BUSY: Final = 60  # seconds, unless the call says otherwise
_MOST_BUSY: Final = 600


@METHODS.add("imbot.v2.Chat.get", scope="imbot")
def chat_get(call: Invocation) -> dict[str, Any]:
    """Show a chat of the bot (REST method `imbot.v2.Chat.get`)."""
    bot = own_bot(call)
    chat = dialog_of_bot(call, bot, bound_text(call.params, "dialogId"))
    return chat_with_context(call.state, chat, bot.id)


@METHODS.add("imbot.v2.Chat.add", scope="imbot")
def chat_add(call: Invocation) -> dict[str, Any]:
    """Create a chat of the bot; `fields.message` is never posted (REST method `imbot.v2.Chat.add`)."""
    bot, policy = own_bot(call), call.state.policy
    if call.state.users[call.caller.user_id].extranet:
        raise Refusal("ACCESS_DENIED", "Access denied")
    raw = call.params.get("fields")
    _check_avatar_file(call, raw.get("avatar") if isinstance(raw, dict) else None)
    fields = bound_array(call.params, "fields")
    try:
        chat = create_chat(call.state, _new_chat(bot, fields, entities=policy.bot_chat_entities != "dropped"))
    except EntityTooLongError:
        raise Refusal("CREATION_ERROR", "Chat can't be created") from None
    bot.counts["Chat"] += 1
    shown = chat_with_context(call.state, chat, bot.id)
    if policy.bot_chat_entities == "kept silently":
        shown["chat"] |= {"entityType": "", "entityId": "", "type": chat.type}
    return shown


def _new_chat(bot: Bot, fields: dict[str, PhpValue], *, entities: bool) -> NewChat:
    owner = either_spelling(fields, "ownerId")
    return NewChat(
        owner=bot.id if owner is None else intval(owner),
        author=bot.id,
        title=_text(fields, "title"),
        description=_text(fields, "description"),
        color=_color(either_spelling(fields, "color")),
        kind="open" if either_spelling(fields, "type") == "open" else "chat",
        user_ids=_user_ids(either_spelling(fields, "userIds")),
        entity_type=_text(fields, "entityType") if entities else "",
        entity_id=_text(fields, "entityId") if entities else "",
        avatar=_avatar(either_spelling(fields, "avatar")),
    )


@METHODS.add("imbot.v2.Chat.update", scope="imbot")
def chat_update(call: Invocation) -> dict[str, bool]:
    """Change what is given of a chat, in one spelling only; its owner may, unless it has an entity.

    A colour that is none is passed over, an image that is none takes the avatar away (REST method
    `imbot.v2.Chat.update`).
    """
    _, chat = changeable_by_bot(call, Action.UPDATE, private="WRONG_MESSAGE_TYPE")
    raw = call.params.get("fields")
    _check_avatar_file(call, raw.get("avatar") if isinstance(raw, dict) else None)
    given = bound_array(call.params, "fields", required=True)
    fields = {name: value for name, value in given.items() if not name.isupper()}
    title, color = _text(fields, "title")[:255].strip(), _color(fields.get("color"))
    if title:
        chat.title = title
    if fields.get("description") is not None:
        chat.description = _text(fields, "description").strip()
    if color is not None and call.state.chat_colors:
        chat.color = color
    if fields.get("avatar") is not None:
        chat.avatar = _avatar(fields["avatar"])
    return _DONE


def changeable_by_bot(call: Invocation, action: Action, *, private: str = "ACCESS_DENIED") -> tuple[Bot, Chat]:
    """Return the bot and its chat, if it may do this there; `private` is the code for a private chat.

    Raises:
        Refusal: What `own_bot` and `dialog_of_bot` refuse, ACCESS_DENIED, or the code `private`.
    """
    bot = own_bot(call)
    chat = dialog_of_bot(call, bot, bound_text(call.params, "dialogId"))
    if chat.type == "private" and private != "ACCESS_DENIED":
        raise Refusal(private, "Wrong message type")
    if not may(chat, bot.id, action):
        raise Refusal("ACCESS_DENIED", "Access denied")
    return bot, chat


@METHODS.add("imbot.v2.Chat.setOwner", scope="imbot")
def chat_set_owner(call: Invocation) -> dict[str, bool]:
    """Hand a chat of the bot to somebody, who need not be in it (REST method `imbot.v2.Chat.setOwner`)."""
    _, chat = changeable_by_bot(call, Action.CHANGE_OWNER)
    change_owner(chat, bound_id(call.params, "userId"))
    return _DONE


@METHODS.add("imbot.v2.Chat.leave", scope="imbot")
def chat_leave(call: Invocation) -> dict[str, bool]:
    """Take the bot out of a chat; if it owns the chat, a person becomes owner (REST method `imbot.v2.Chat.leave`)."""
    bot, chat = changeable_by_bot(call, Action.LEAVE)
    remove_member(call.state, chat, bot.id, author=bot.id)
    return _DONE


@METHODS.add("imbot.v2.Chat.InputAction.notify", scope="imbot")
def chat_input_action_notify(call: Invocation) -> dict[str, bool]:
    """Show the members that the bot is busy (REST method `imbot.v2.Chat.InputAction.notify`)."""
    bot = own_bot(call)
    chat = dialog_of_bot(call, bot, bound_text(call.params, "dialogId"))
    seconds = min(max(bound_int(call.params, "duration", _BUSY), 1), _MOST_BUSY)
    code = strval(call.params.get("statusMessageCode"))
    chat.input_actions[bot.id] = InputAction(code, call.state.clock() + seconds)
    return _DONE


@METHODS.add("imbot.v2.Chat.TextField.enabled", scope="imbot")
def chat_text_field_enabled(call: Invocation) -> dict[str, bool]:
    """Open or close the members' text field, in private chats too (REST method `imbot.v2.Chat.TextField.enabled`)."""
    bot = own_bot(call)
    chat = dialog_of_bot(call, bot, bound_text(call.params, "dialogId"))
    chat.text_field_enabled = is_yes(call.params.get("enabled"), default=True)
    return _DONE


def _text(fields: dict[str, PhpValue], name: str) -> str:
    value = either_spelling(fields, name)
    if isinstance(value, list | dict):
        raise type_error("trim()", "string", value)
    return strval(value)


def _color(value: PhpValue) -> str | None:
    """Take a colour in three spellings; what is no colour counts as absent, what is no text kills the call."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise type_error("normalizeColorCode()", "?string", value)
    return safe_color(upper_snake(value))


def _user_ids(value: PhpValue) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | dict):
        raise type_error("array_map()", "array", value)
    return tuple(intval(user_id) for user_id in elements(value))


def _avatar(value: PhpValue) -> bool:
    """Take a file id or base64; an image that does not fit is dropped, an array kills the call."""
    if isinstance(value, list | dict):
        raise type_error("saveAvatarByString()", "string", value)
    return is_numeric(value) or (isinstance(value, str) and is_avatar(value))


def _check_avatar_file(call: Invocation, value: PhpValue) -> None:
    """Check a file id before the action; the filter knows the camelCase spelling alone."""
    if not is_numeric(value):
        return
    file = call.state.drive.files.get(intval(value))
    if file is None:
        raise Refusal("WRONG_PARAMETER", "File is not accessible")
    if not file.content_type.startswith("image/"):
        raise Refusal("WRONG_PARAMETER", "Wrong file type")
