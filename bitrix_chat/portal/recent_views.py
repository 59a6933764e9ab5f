"""How answers show recent chats, and what a person has not read in all of them together."""

from typing import Any, Final

from bitrix_chat.portal.message_views import last_message_object
from bitrix_chat.portal.reading import counter_of, last_read_id
from bitrix_chat.portal.state import Chat, PortalState
from bitrix_chat.portal.timing import iso
from bitrix_chat.portal.views import snake_chat_object, snake_user_object

OPEN_LINE: Final = "LINES"
"""The entity type of a chat with a customer."""

_OF_THE_CHAT: Final = (
    "id",
    "parent_chat_id",
    "parent_message_id",
    "name",
    "owner",
    "extranet",
    "contains_collaber",
    "avatar",
    "color",
    "type",
    "entity_type",
    "entity_id",
    "entity_data_1",
    "entity_data_2",
    "entity_data_3",
    "mute_list",
    "manager_list",
    "date_create",
    "message_type",
    "user_counter",
    "restrictions",
    "role",
    "text_field_enabled",
    "background_id",
    "entity_link",
    "permissions",
    "public",
)


def recent_item(state: PortalState, chat: Chat, viewer: int) -> dict[str, Any]:
    """Show a recent chat, in which the viewer sees a message; the id of a private one is a number, not text."""
    last = chat.messages[-1]
    date = iso(last.created_at)
    return _subject(state, chat, viewer) | {
        "chat_id": chat.id,
        "message": last_message_object(state, chat, last),
        "counter": counter_of(chat, viewer),
        "last_id": last_read_id(chat, viewer),
        "pinned": state.recents.is_pinned(viewer, chat.id),
        "unread": state.recents.is_marked(viewer, chat.id),
        "has_reminder": False,
        "date_update": date,
        "date_last_activity": date,
        "options": [],
    }


def _subject(state: PortalState, chat: Chat, viewer: int) -> dict[str, Any]:
    if chat.type == "private":
        user = snake_user_object(state, state.users[chat.partner_of(viewer)])
        avatar = {"url": user["avatar"], "color": user["color"]}
        return {"id": user["id"], "type": "user", "avatar": avatar, "title": user["name"], "user": user}
    shown = snake_chat_object(state, chat, viewer)
    item = {
        "id": chat.dialog_id,
        "type": "chat",
        "avatar": {"url": shown["avatar"], "color": shown["color"]},
        "title": shown["name"],
        "chat": {name: shown[name] for name in _OF_THE_CHAT} | {"role": shown["role"].upper()},
        "user": {"id": 0},
    }
    if chat.entity_type == OPEN_LINE:
        item["lines"] = {"id": chat.id, "status": 0, "date_create": iso(chat.created_at)}
    return item


def counters_object(state: PortalState, viewer: int) -> dict[str, Any]:
    """Show everything unread, by what it is; a chat that is merely marked as unread counts one."""
    counters: dict[str, dict[str, int]] = {"CHAT": {}, "CHAT_MUTED": {}, "LINES": {}, "DIALOG": {}}
    marked: dict[str, list[int]] = {"CHAT_UNREAD": [], "DIALOG_UNREAD": []}
    for chat in (state.general_chat, *state.chats.values()):
        if viewer not in chat.members:
            continue
        kind, key = _kind(chat), chat.partner_of(viewer) if chat.type == "private" else chat.id
        unread = counter_of(chat, viewer)
        if unread:
            counters["CHAT_MUTED" if chat.relations[viewer].muted else kind][str(key)] = unread
        if state.recents.is_marked(viewer, chat.id) and kind != "LINES":
            marked[f"{kind}_UNREAD"].append(key)
    return {"TYPE": _sums(state, viewer, counters, marked)} | {
        name: each or [] for name, each in {**counters, **marked}.items()
    }


def _kind(chat: Chat) -> str:
    if chat.type == "private":
        return "DIALOG"
    return "LINES" if chat.entity_type == OPEN_LINE else "CHAT"


def _sums(
    state: PortalState, viewer: int, counters: dict[str, dict[str, int]], marked: dict[str, list[int]]
) -> dict[str, int]:
    sums = {kind: sum(counters[kind].values()) for kind in ("CHAT", "DIALOG", "LINES")}
    for kind in ("CHAT", "DIALOG"):
        known = counters[kind].keys() | counters["CHAT_MUTED"].keys()
        sums[kind] += sum(str(key) not in known for key in marked[f"{kind}_UNREAD"])
    messenger = sum(sums.values())
    notifications = state.notifications.unread(viewer)
    return {"ALL": messenger + notifications, "NOTIFY": notifications, **sums, "MESSENGER": messenger}
