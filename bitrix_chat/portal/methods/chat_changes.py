"""`im.chat.update*`, `setOwner` and `mute`: unlike on creation, a wrong colour or image is an error here."""

from typing import Final

from bitrix_chat.portal.creation import safe_color
from bitrix_chat.portal.images import MAX_SIDE, decode_loosely, image_size
from bitrix_chat.portal.membership import change_owner
from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.chats import accessible, chat_id_of
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, intval, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.rights import Action, may
from bitrix_chat.portal.state import Chat

METHODS: Final = MethodTable()


def _changeable(call: Invocation, chat_id: int, action: Action) -> Chat:
    """Return the chat if the caller may change it so.

    Raises:
        Refusal: ACCESS_ERROR, with 403.
    """
    chat = accessible(call, chat_id)
    if not may(chat, call.caller.user_id, action):
        raise Refusal("ACCESS_ERROR", "Action unavailable", 403)
    return chat


def _announce(call: Invocation, chat: Chat, what: str) -> None:
    call.state.post(chat, 0, f"{call.state.users[call.caller.user_id].name} changed the {what}", system=True)


@METHODS.add("im.chat.updateTitle", scope="im")
def chat_update_title(call: Invocation) -> bool:
    """Rename a chat (REST method `im.chat.updateTitle`)."""
    params = in_upper_case(call.params)
    chat_id, title = chat_id_of(params), strval(params.get("TITLE")).strip()
    if not title:
        raise Refusal("TITLE_EMPTY", "Title can't be empty")
    chat = _changeable(call, chat_id, Action.RENAME)
    chat.title = title[:255]
    _announce(call, chat, "title of the chat")
    return True


@METHODS.add("im.chat.updateColor", scope="im")
def chat_update_color(call: Invocation) -> bool:
    """Recolour a chat; the colour it has is an error too (REST method `im.chat.updateColor`)."""
    params = in_upper_case(call.params)
    chat_id, color = chat_id_of(params), safe_color(strval(params.get("COLOR")))
    if color is None:
        raise Refusal("WRONG_COLOR", "This color currently unavailable")
    if call.state.chat(chat_id) is None:
        raise _no_such_color(chat_id)
    chat = _changeable(call, chat_id, Action.CHANGE_COLOR)
    if chat.color == color:
        raise _no_such_color(chat_id)
    chat.color = color
    _announce(call, chat, "colour of the chat")
    return True


def _no_such_color(chat_id: int) -> Refusal:
    return Refusal("WRONG_REQUEST", f"This color currently set or chat {chat_id} doesn't exist")


@METHODS.add("im.chat.updateAvatar", scope="im")
def chat_update_avatar(call: Invocation) -> bool:
    """Give a chat an avatar, base64 of an image (REST method `im.chat.updateAvatar`)."""
    params = in_upper_case(call.params)
    chat_id = chat_id_of(params)
    if call.state.chat(chat_id) is None:
        raise Refusal("WRONG_REQUEST", "Chat doesn't exist")
    chat = _changeable(call, chat_id, Action.CHANGE_AVATAR)
    _check_avatar(params.get("AVATAR"))
    chat.avatar = True
    _announce(call, chat, "avatar of the chat")
    return True


def _check_avatar(value: PhpValue) -> None:
    size = image_size(decode_loosely(value)) if isinstance(value, str) else None
    if size is None:
        raise Refusal("AVATAR_ERROR", "Avatar incorrect type")
    if max(size) > MAX_SIDE:
        raise Refusal("AVATAR_ERROR", f"Avatar incorrect size (max {MAX_SIDE}x{MAX_SIDE})")


@METHODS.add("im.chat.setOwner", scope="im")
def chat_set_owner(call: Invocation) -> bool:
    """Hand a chat to another member, which its owner alone may (REST method `im.chat.setOwner`)."""
    params = in_upper_case(call.params)
    chat_id, user_id = chat_id_of(params), intval(params.get("USER_ID"))
    if user_id <= 0:
        raise Refusal("USER_ID_EMPTY", "User ID can't be empty")
    chat = accessible(call, chat_id)
    if user_id not in chat.members or not may(chat, call.caller.user_id, Action.CHANGE_OWNER):
        raise Refusal("WRONG_REQUEST", "Change owner can only owner and user must be member in chat")
    change_owner(chat, user_id)
    return True


@METHODS.add("im.chat.mute", scope="im")
def chat_mute(call: Invocation) -> bool:
    """Silence a chat for the caller, or with `MUTE=N` no longer (REST method `im.chat.mute`)."""
    params = in_upper_case(call.params)
    chat = accessible(call, chat_id_of(params))
    relation = chat.relations.get(call.caller.user_id)
    if relation is None:
        raise Refusal("ACCESS_ERROR", "This chat cannot be muted", 403)
    relation.muted = params.get("MUTE") != "N"
    return True
