"""How answers show users, bots and chats: camelCase for `imbot.v2`, snake_case for `im`."""

import json
import re
from typing import Any, Final

from bitrix_chat.enums import Color
from bitrix_chat.portal.reading import counter_of, first_unread_id, last_read_id, viewers
from bitrix_chat.portal.rights import Action, known, role_of
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
_HUMP: Final = re.compile(r"(?<!^)([A-Z]|[0-9]+)")
_LEGACY_PERMISSIONS: Final = tuple(name for name in _PERMISSIONS if name != "manageMessagesAutoDelete")


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
        "avatar": f"/upload/main/{user.id}/avatar.png" if user.avatar else "",
        "gender": user.gender,
        "birthday": user.birthday,
        "extranet": user.extranet,
        "bot": user.bot,
        "connector": False,
        "externalAuthId": "bot" if user.bot else "default",
        "status": user.status or "online",
        "idle": _moment(user.idle_since),
        "lastActivityDate": _moment(user.active_at),
        "mobileLastDate": False,
        "desktopLastDate": False,
        "absent": False,
        "departments": list(user.departments),
        "phones": {_camel(kind): number for kind, number in user.phones.items()} or False,
        "type": user.kind,
        "website": "",
        "email": "" if user.bot else f"user{user.id}@portal.example",
    }


def _moment(seconds: float | None) -> str | bool:
    return False if seconds is None else iso(seconds)


def snake_user_object(state: PortalState, user: User) -> dict[str, Any]:
    """Show a user as the `im` methods do; a person is of the type `user` here."""
    shown = {_snake(key): value for key, value in user_object(user).items()}
    bot = state.bots.get(user.id)
    bot_data = None if bot is None else bot_object(bot, owned=False)
    return shown | {
        "avatar_hr": shown["avatar"],
        "network": False,
        "phones": dict(user.phones) or False,
        "bot_data": bot_data and {_snake(key): value for key, value in bot_data.items()},
        "type": "user" if user.kind == "employee" else user.kind,
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
        "chat": personal_chat_object(state, chat, viewer),
    }


def personal_chat_object(state: PortalState, chat: Chat, viewer: int) -> dict[str, Any]:
    """Show a chat; a private one has the name of whom the viewer talks to."""
    shown = chat_object(chat, viewer, extranet=_has_guests(state, chat))
    if chat.type == "private":
        shown["name"] = state.users[chat.partner_of(viewer)].name
    return shown


def _has_guests(state: PortalState, chat: Chat) -> bool:
    return any(user_id in state.users and state.users[user_id].extranet for user_id in chat.members)


def chat_object(chat: Chat, viewer: int, *, extranet: bool) -> dict[str, Any]:
    """Show a chat; the HEX colour answers the name that was asked for, 0 stands for no parent and nothing unread."""
    return {
        "avatar": f"/upload/im/{chat.id}/avatar.png" if chat.avatar else "",
        "color": chat.hex,
        "description": chat.description,
        "dialogId": chat.dialog_id_for(viewer),
        "diskFolderId": chat.disk_folder_id,
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
        "role": role_of(chat, viewer).name.lower(),
        "muteList": [],
        "type": _camel(chat.entity_type) if chat.entity_type else chat.type,
        "entityLink": [],
        "permissions": dict(_PERMISSIONS),
        "isNew": False,
        "textFieldEnabled": chat.text_field_enabled,
        "backgroundId": None,
        "dateCreate": iso(chat.created_at),
        "lastMessageId": chat.last_message_id,
        "lastMessageViews": json.dumps(last_message_views(chat), separators=(",", ":")),
        "lastId": last_read_id(chat, viewer),
        "managerList": list(chat.managers),
        "markedId": 0,
        "messageCount": len(chat.messages),
        "public": "",
        "unreadId": first_unread_id(chat, viewer),
        "userCounter": len(chat.members),
    }


def last_message_views(chat: Chat) -> dict[str, Any]:
    """Tell who has seen the last message; `imbot.v2` has this as JSON inside a string."""
    last = chat.messages[-1] if chat.messages else None
    seen_by = [] if last is None else list(viewers(chat, last))
    return {"countOfViewers": len(seen_by), "firstViewers": seen_by[:1], "messageId": chat.last_message_id}


def _camel(entity_type: str) -> str:
    first, *others = entity_type.lower().split("_")
    return first + "".join(word.capitalize() for word in others)


def snake_chat_object(state: PortalState, chat: Chat, viewer: int) -> dict[str, Any]:
    """Show a chat as the `im` methods do; a member who muted it is a key of `mute_list`."""
    shown = {_snake(key): value for key, value in personal_chat_object(state, chat, viewer).items()}
    relation = chat.relations.get(viewer)
    return shown | {
        "counter": counter_of(chat, viewer),
        "disk_folder_id": shown["disk_folder_id"] or 0,
        "last_message_views": {_snake(key): value for key, value in last_message_views(chat).items()},
        "mute_list": {str(viewer): True} if relation is not None and relation.muted else [],
        "permissions": {_snake(name): _PERMISSIONS[name] for name in _LEGACY_PERMISSIONS},
        "restrictions": _restrictions(chat),
    }


def _restrictions(chat: Chat) -> dict[str, Any]:
    """Tell what chats of this kind allow to anybody at all."""
    group = chat.type != "private"
    return {
        "avatar": known(chat, Action.CHANGE_AVATAR),
        "rename": known(chat, Action.RENAME),
        "extend": known(chat, Action.EXTEND),
        "call": True,
        "mute": known(chat, Action.MUTE),
        "leave": known(chat, Action.LEAVE),
        "leave_owner": known(chat, Action.LEAVE),
        "send": True,
        "user_list": group,
        "path": "",
        "path_title": "",
    }


def _snake(key: str) -> str:
    return _HUMP.sub(r"_\1", key).lower()
