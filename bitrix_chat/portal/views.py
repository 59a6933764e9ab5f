"""How answers show users, bots and chats: camelCase for `imbot.v2`, snake_case for `im`."""

import re
from typing import Any, Final

from bitrix_chat.enums import Color
from bitrix_chat.portal.state import Bot, Chat, PortalState, User
from bitrix_chat.portal.timing import iso

_MESSAGE_TYPES: Final = {"chat": "C", "open": "O", "private": "P"}
_PERMISSIONS: Final = {
    "manageUsersAdd": "member",
    "manageUsersDelete": "manager",
    "manageUi": "member",
    "manageSettings": "owner",
    "manageMessages": "member",
    "manageMessagesAutoDelete": "owner",
    "canPost": "member",
}
_HUMP: Final = re.compile(r"(?<!^)([A-Z])")


def user_object(user: User) -> dict[str, Any]:
    """Show a user; what is absent is `""` or false, never null."""
    return {
        "id": user.id,
        "active": user.active,
        "name": user.name,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "workPosition": user.work_position,
        "color": Color(user.color).hex,
        "avatar": "",
        "gender": user.gender,
        "birthday": "",
        "extranet": user.extranet,
        "bot": user.bot,
        "connector": False,
        "externalAuthId": "bot" if user.bot else "default",
        "status": "online",
        "idle": False,
        "lastActivityDate": False,
        "mobileLastDate": False,
        "desktopLastDate": False,
        "absent": False,
        "departments": [] if user.extranet else [1],
        "phones": False,
        "type": user.kind,
        "website": "",
        "email": "" if user.bot else f"user{user.id}@portal.example",
    }


def bot_object(bot: Bot, *, owned: bool) -> dict[str, Any]:
    """Show a bot; only the application that registered it sees how it works and how much."""
    shown: dict[str, Any] = {
        "id": bot.id,
        "code": bot.code,
        "type": bot.type,
        "isHidden": bot.hidden,
        "isSupportOpenline": bot.support_openline,
        "isReactionsEnabled": bot.reactions_enabled,
        "backgroundId": bot.background_id,
        "language": "en",
    }
    if owned:
        shown |= {"moduleId": "rest", "eventMode": bot.event_mode}
        shown |= {f"count{what}": count for what, count in bot.counts.items()}
    return shown


def chat_with_context(state: PortalState, chat: Chat, viewer: int) -> dict[str, Any]:
    """Answer a chat as the REST adapter does: `users` holds the viewer alone, not the members."""
    return {
        "recentConfig": {"chatId": chat.id, "sections": ["default"]},
        "users": [user_object(state.users[viewer])],
        "copilot": None,
        "messagesAutoDeleteConfigs": [],
        "callInfo": {"token": f"call{chat.id}", "chatId": chat.id},
        "chat": chat_object(chat, viewer, extranet=_has_guests(state, chat)),
    }


def _has_guests(state: PortalState, chat: Chat) -> bool:
    return any(user_id in state.users and state.users[user_id].extranet for user_id in chat.members)


def chat_object(chat: Chat, viewer: int, *, extranet: bool) -> dict[str, Any]:
    """Show a chat; the HEX colour answers the name that was asked for, 0 stands for no parent."""
    return {
        "avatar": f"/upload/im/{chat.id}/avatar.png" if chat.avatar else "",
        "color": chat.hex,
        "description": chat.description,
        "dialogId": chat.dialog_id,
        "diskFolderId": None,
        "entityData1": "",
        "entityData2": "",
        "entityData3": "",
        "entityId": chat.entity_id,
        "entityType": chat.entity_type,
        "extranet": extranet,
        "containsCollaber": False,
        "id": chat.id,
        "parentChatId": 0,
        "parentMessageId": 0,
        "name": chat.title,
        "owner": chat.owner,
        "messageType": _MESSAGE_TYPES[chat.type],
        "role": _role(chat, viewer),
        "muteList": [],
        "type": _camel(chat.entity_type) if chat.entity_type else chat.type,
        "entityLink": [],
        "permissions": dict(_PERMISSIONS),
        "isNew": False,
        "textFieldEnabled": True,
        "backgroundId": None,
        "dateCreate": iso(chat.created_at),
        "lastMessageId": chat.last_message_id,
        "lastMessageViews": _views(chat),
        "lastId": chat.last_message_id,
        "managerList": list(chat.managers),
        "markedId": 0,
        "messageCount": len(chat.messages),
        "public": "",
        "unreadId": 0,
        "userCounter": len(chat.members),
    }


def _role(chat: Chat, viewer: int) -> str:
    if viewer == chat.owner:
        return "owner"
    if viewer not in chat.members:
        return "none"
    return "manager" if viewer in chat.managers else "member"


def _views(chat: Chat) -> str:
    """The viewers of the last message are JSON inside a string."""
    return f'{{"countOfViewers":0,"firstViewers":[],"messageId":{chat.last_message_id}}}'


def _camel(entity_type: str) -> str:
    first, *others = entity_type.lower().split("_")
    return first + "".join(word.capitalize() for word in others)


def snake_chat_object(state: PortalState, chat: Chat, viewer: int) -> dict[str, Any]:
    """Show a chat as the `im` methods do."""
    shown = chat_object(chat, viewer, extranet=_has_guests(state, chat))
    shown["permissions"] = {_snake(key): value for key, value in shown["permissions"].items()}
    return {_snake(key): value for key, value in shown.items()}


def _snake(key: str) -> str:
    return _HUMP.sub(r"_\1", key).lower()
