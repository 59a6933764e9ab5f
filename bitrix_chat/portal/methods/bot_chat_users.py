"""`imbot.v2.Chat.User.*` and `Chat.Manager.*`: ids that lead to nobody are passed over, and the answer is still yes."""

from typing import Any, Final

from bitrix_chat.portal.membership import add_managers, add_members, remove_managers, remove_member
from bitrix_chat.portal.methods.arguments import bound_array, bound_id, bound_ids, bound_int, bound_text
from bitrix_chat.portal.methods.bot_chats import changeable_by_bot
from bitrix_chat.portal.methods.chatbots import own_bot
from bitrix_chat.portal.methods.dialogs import dialog_of_bot
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import PhpValue, strval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.rights import Action
from bitrix_chat.portal.state import Chat
from bitrix_chat.portal.views import user_object

METHODS: Final = MethodTable()

_DONE: Final = {"result": True}
_PAGE: Final = 50
_MAX_PAGE: Final = 200


@METHODS.add("imbot.v2.Chat.User.add", scope="imbot")
def user_add(call: Invocation) -> dict[str, bool]:
    """Add members; who is in already is no error (REST method `imbot.v2.Chat.User.add`)."""
    bot, chat = changeable_by_bot(call, Action.EXTEND)
    add_members(call.state, chat, bot.id, bound_ids(call.params, "userIds"))
    return _DONE


@METHODS.add("imbot.v2.Chat.User.delete", scope="imbot")
def user_delete(call: Invocation) -> dict[str, bool]:
    """Remove one member, never the owner; who is none is no error (REST method `imbot.v2.Chat.User.delete`)."""
    own_id = own_bot(call).id
    user_id = bound_id(call.params, "userId")
    bot, chat = changeable_by_bot(call, Action.LEAVE if user_id == own_id else Action.KICK)
    if user_id == chat.owner != bot.id:
        raise Refusal("ACCESS_DENIED", "Access denied")
    if user_id in chat.members:
        remove_member(call.state, chat, user_id, author=bot.id)
    return _DONE


@METHODS.add("imbot.v2.Chat.User.list", scope="imbot")
def user_list(call: Invocation) -> list[dict[str, Any]]:
    """List members, at most 200 and no way to the next ones (REST method `imbot.v2.Chat.User.list`)."""
    bot = own_bot(call)
    chat = dialog_of_bot(call, bot, bound_text(call.params, "dialogId"))
    order, limit = bound_array(call.params, "order"), bound_int(call.params, "limit", _PAGE)
    users = [call.state.users[user_id] for user_id in _ordered(chat, order) if user_id in call.state.users]
    return [user_object(user) for user in users[: limit if 1 <= limit <= _MAX_PAGE else _PAGE]]


def _ordered(chat: Chat, order: dict[str, PhpValue]) -> list[int]:
    """Sort members by their place, their last message or their own id; as they joined, unless told otherwise."""
    keys = {
        "id": lambda user_id: chat.relations[user_id].id,
        "lastSendMessageId": lambda user_id: chat.relations[user_id].last_sent_id,
        "userId": lambda user_id: user_id,
    }
    members = list(chat.members)
    for name, way in reversed(order.items()):
        if name in keys:
            members.sort(key=keys[name], reverse=strval(way).upper() == "DESC")
    return members


@METHODS.add("imbot.v2.Chat.Manager.add", scope="imbot")
def manager_add(call: Invocation) -> dict[str, bool]:
    """Make managers of members (REST method `imbot.v2.Chat.Manager.add`)."""
    chat, user_ids = _managed(call)
    add_managers(chat, user_ids)
    return _DONE


@METHODS.add("imbot.v2.Chat.Manager.delete", scope="imbot")
def manager_delete(call: Invocation) -> dict[str, bool]:
    """Make plain members of managers (REST method `imbot.v2.Chat.Manager.delete`)."""
    chat, user_ids = _managed(call)
    remove_managers(chat, user_ids)
    return _DONE


def _managed(call: Invocation) -> tuple[Chat, list[int]]:
    _, chat = changeable_by_bot(call, Action.CHANGE_MANAGERS, private="WRONG_MESSAGE_TYPE")
    user_ids = bound_ids(call.params, "userIds")
    if not user_ids:
        raise Refusal("EMPTY_USER_IDS", "User ids are empty")
    return chat, user_ids
