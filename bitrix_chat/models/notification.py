"""Notifications: what a person is told outside of chats, and which kinds of it there are."""

from datetime import datetime
from typing import Any

from attrs import field, frozen

from bitrix_chat.models.chat import none_for_zero
from bitrix_chat.models.json_text import elements_of, from_text
from bitrix_chat.models.user import User


def _buttons(raw: Any) -> list[dict[str, Any]]:
    # JSON inside a string.
    return [button for button in elements_of(from_text(raw)) if isinstance(button, dict)]


@frozen(kw_only=True)
class Notification:
    """A notification of the caller.

    Attributes:
        author_id: None for the portal itself.
        notify_type: 1 waits for a decision, 2 comes from a user, 4 from the portal.
        notify_tag: begins with the mark of the application that sent it.
        setting_name: its kind, `module|event`, as `im.notify.schema.get` lists them.
        notify_buttons: what `im.notify.confirm` may press, under the portal's upper-case names.
    """

    id: int
    chat_id: int | None = None
    author_id: int | None = field(default=None, converter=none_for_zero)
    date: datetime | None = None
    notify_type: int | None = None
    notify_module: str = ""
    notify_event: str = ""
    notify_tag: str = ""
    notify_sub_tag: str = ""
    notify_title: str = ""
    setting_name: str = ""
    text: str = ""
    notify_read: bool = False
    notify_buttons: list[dict[str, Any]] = field(factory=list, metadata={"read": _buttons})
    params: dict[str, Any] | None = None


@frozen(kw_only=True)
class NotificationPage:
    """Some notifications and their authors (`im.notify.get`); the counts come with the first page alone."""

    chat_id: int | None = None
    notifications: list[Notification] = field(factory=list)
    users: list[User] = field(factory=list)
    total_count: int | None = None
    total_unread_count: int | None = None


@frozen(kw_only=True)
class NotificationSearchPage:
    """Some of the notifications found and their authors; `total_results` comes with the first page alone."""

    chat_id: int | None = None
    notifications: list[Notification] = field(factory=list)
    users: list[User] = field(factory=list)
    total_results: int | None = None


@frozen(kw_only=True)
class NotificationKind:
    """A kind of notification; its id is the `setting_name` of each."""

    id: str
    name: str = ""


@frozen(kw_only=True)
class NotificationModule:
    """A module of the portal and the kinds of notifications it sends."""

    name: str = ""
    module_id: str = ""
    kinds: list[NotificationKind] = field(factory=list, metadata={"wire": "LIST"})


@frozen(kw_only=True)
class AllRead:
    """What `im.notify.read.all` has left: `new_counter` notifications that wait for a decision stay unread."""

    result: bool = False
    new_counter: int = 0
