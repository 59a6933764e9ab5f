"""`im.chat.user.*` and `im.chat.leave`: who is in a chat, and who may change that."""

from typing import Final

from bitrix_chat.portal.membership import add_members, remove_member
from bitrix_chat.portal.methods.arguments import in_upper_case
from bitrix_chat.portal.methods.chats import accessible, chat_id_of, user_ids_of
from bitrix_chat.portal.methods.registry import Invocation, MethodTable
from bitrix_chat.portal.php import intval
from bitrix_chat.portal.refusal import Refusal
from bitrix_chat.portal.rights import Action, known, may
from bitrix_chat.portal.state import Chat

METHODS: Final = MethodTable()


@METHODS.add("im.chat.user.add", scope="im")
def chat_user_add(call: Invocation) -> bool:
    """Add members to a chat; nobody to add is an error here (REST method `im.chat.user.add`)."""
    params = in_upper_case(call.params)
    chat = accessible(call, chat_id_of(params))
    if not known(chat, Action.EXTEND):
        raise Refusal("ACCESS_ERROR", "It is forbidden to add users to this chat", 403)
    if not may(chat, call.caller.user_id, Action.EXTEND):
        raise Refusal("ACCESS_DENIED_EXTEND", "You don't have permission to add participants")
    user_ids = user_ids_of(params.get("USERS"))
    hide_history = params.get("HIDE_HISTORY") != "N"
    if not add_members(call.state, chat, call.caller.user_id, user_ids, hide_history=hide_history):
        raise Refusal("WRONG_REQUEST", "You don't have access or user already member in chat")
    return True


@METHODS.add("im.chat.user.delete", scope="im")
def chat_user_delete(call: Invocation) -> bool:
    """Remove a member; oneself means to leave (REST method `im.chat.user.delete`)."""
    params = in_upper_case(call.params)
    chat_id, user_id = chat_id_of(params), intval(params.get("USER_ID"))
    if user_id <= 0:
        raise Refusal("USER_ID_EMPTY", "User ID can't be empty")
    chat = accessible(call, chat_id)
    if user_id == call.caller.user_id:
        _leave(call, chat)
        return True
    if not known(chat, Action.KICK):
        raise Refusal("ACCESS_ERROR", "It is forbidden to delete users of this chat", 403)
    if user_id not in chat.members:
        raise Refusal("USER_NOT_FOUND", "The user is not in the chat")
    if user_id == chat.owner or not may(chat, call.caller.user_id, Action.KICK):
        raise Refusal("ACCESS_DENIED_KICK", "You don't have permission to remove participants")
    remove_member(call.state, chat, user_id, author=call.caller.user_id)
    return True


@METHODS.add("im.chat.leave", scope="im")
def chat_leave(call: Invocation) -> bool:
    """Leave a chat; an owner hands it on (REST method `im.chat.leave`)."""
    _leave(call, accessible(call, chat_id_of(in_upper_case(call.params))))
    return True


def _leave(call: Invocation, chat: Chat) -> None:
    user_id = call.caller.user_id
    if not known(chat, Action.LEAVE):
        raise Refusal("ACCESS_ERROR", "It is forbidden to delete users of this chat", 403)
    if user_id not in chat.members:
        raise Refusal("ACCESS_DENIED_KICK", "You are not in the chat")
    remove_member(call.state, chat, user_id, author=user_id)


@METHODS.add("im.chat.user.list", scope="im")
def chat_user_list(call: Invocation) -> list[int]:
    """List the ids of all members at once (REST method `im.chat.user.list`)."""
    return list(accessible(call, chat_id_of(in_upper_case(call.params))).members)
