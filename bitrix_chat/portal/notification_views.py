"""How answers show notifications: snake_case, Y and N for what was read, JSON in text for buttons."""

import json
from collections.abc import Iterable
from typing import Any

from bitrix_chat.portal.notifications import Notification
from bitrix_chat.portal.state import PortalState
from bitrix_chat.portal.timing import iso
from bitrix_chat.portal.views import snake_user_object


def notification_object(state: PortalState, notification: Notification) -> dict[str, Any]:
    """Show a notification; only one that waits for a decision has buttons."""
    shown = {
        "id": notification.id,
        "chat_id": state.notifications.chat_id_of(notification.recipient),
        "author_id": notification.author,
        "date": iso(notification.date),
        "notify_type": notification.type.value,
        "notify_module": notification.module,
        "notify_event": notification.event,
        "notify_tag": notification.tag,
        "notify_sub_tag": notification.sub_tag,
        "notify_title": "",
        "setting_name": notification.setting_name,
        "text": notification.text,
        "notify_read": "Y" if notification.read else "N",
        "params": _params(notification),
    }
    if notification.buttons:
        buttons = [{"TITLE": title, "VALUE": value} for title, value in notification.buttons.items()]
        shown["notify_buttons"] = json.dumps(buttons)
    return shown


def _params(notification: Notification) -> dict[str, Any] | None:
    params = {"ATTACH": notification.attach, "CAN_ANSWER": "Y" if notification.takes_answers else None}
    return {name: value for name, value in params.items() if value is not None} or None


def authors(state: PortalState, notifications: Iterable[Notification]) -> list[dict[str, Any]]:
    """Show who sent the notifications; the portal itself is nobody."""
    senders = dict.fromkeys(each.author for each in notifications if each.author)
    return [snake_user_object(state, state.users[user_id]) for user_id in senders]
