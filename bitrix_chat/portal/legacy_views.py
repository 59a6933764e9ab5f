"""What only single `im` methods show: a whole dialog, a department, something found lately."""

from typing import Any

from bitrix_chat.portal.departments import Department
from bitrix_chat.portal.state import Chat, PortalState, User
from bitrix_chat.portal.views import snake_chat_object, snake_user_object


def dialog_object(state: PortalState, chat: Chat, viewer: int) -> dict[str, Any]:
    """Show a chat with how far the other members have read; nobody keeps when they did."""
    return snake_chat_object(state, chat, viewer) | {
        "readed_list": [
            {
                "user_id": user_id,
                "user_name": state.users[user_id].name,
                "message_id": relation.viewed_id,
                "date": None,
            }
            for user_id, relation in chat.relations.items()
            if user_id != viewer and relation.viewed_id and user_id in state.users
        ]
    }


def department_object(state: PortalState, department: Department, *, with_head: bool) -> dict[str, Any]:
    """Show a department; with its head, one that has none shows null."""
    shown: dict[str, Any] = {
        "id": department.id,
        "name": department.name,
        "full_name": state.structure.full_name(department),
        "manager_user_id": department.head,
    }
    if with_head:
        shown["manager_user_data"] = snake_user_object(state, state.users[department.head]) if department.head else None
    return shown


def search_history_item(state: PortalState, subject: User | Chat, viewer: int) -> dict[str, Any]:
    """Show what was found: the id is a number for a user, and text for a chat."""
    kind = "user" if isinstance(subject, User) else "chat"
    if isinstance(subject, User):
        shown = snake_user_object(state, subject)
    else:
        shown = snake_chat_object(state, subject, viewer)
    return {
        "id": subject.id if isinstance(subject, User) else subject.dialog_id,
        "type": kind,
        "avatar": {"url": shown["avatar"], "color": shown["color"]},
        "title": shown["name"],
        kind: shown,
    }
