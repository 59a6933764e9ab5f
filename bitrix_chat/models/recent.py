"""The list on the left of the messenger: dialogs by their last message."""

from datetime import datetime
from typing import Any, ClassVar

from attrs import field, frozen

from bitrix_chat.models.chat import Chat, none_for_zero
from bitrix_chat.models.user import User


@frozen(kw_only=True)
class RecentAvatar:
    """What is drawn for a dialog: a picture, or its colour (HEX) where it has none."""

    url: str = ""
    color: str | None = None


def _is_there(raw: Any) -> bool:
    # `true`, a description of it, or `false`.
    return raw not in (None, False, "", "N", "0", 0) and raw not in ([], {})


@frozen(kw_only=True)
class RecentMessage:
    """The last message of a dialog, shortened to one line.

    Attributes:
        author_id: None for the portal's own messages.
        file: whether it has a file.
        attach: whether it has an attachment.
        status: `received`, `delivered` or `error`.
        sticker: the id of the sticker that it is.
        uuid: the template id it was sent with.
    """

    id: int
    text: str = ""
    file: bool = field(default=False, metadata={"read": _is_there})
    attach: bool = field(default=False, metadata={"read": _is_there})
    author_id: int | None = field(default=None, converter=none_for_zero)
    date: datetime | None = None
    status: str | None = None
    sticker: int | None = None
    uuid: str | None = None


@frozen(kw_only=True)
class RecentLines:
    """The open line's session that a dialog belongs to."""

    id: int
    status: int | None = None
    date_create: datetime | None = None


def _none_without_id(user: User | None) -> User | None:
    # A group chat has the user {"id": 0}.
    return user if user is not None and user.id else None


@frozen(kw_only=True)
class RecentItem:
    """A dialog in the list of recent ones (`im.recent.get`, `im.recent.list`).

    Attributes:
        id: the dialog id: `chat5`, or `5` for the private chat with user 5.
        type: `chat` or `user`.
        message: None where nobody has written yet.
        counter: unread messages.
        last_id: the last message read.
        unread: marked as unread by hand.
        user: the other one in a private chat.
        chat: the chat of a group.
        lines: the session of an open line.
        options: marks of the portal's own, such as a birthday's.
    """

    id: str
    type: str | None = None
    chat_id: int | None = None
    title: str = ""
    avatar: RecentAvatar | None = None
    message: RecentMessage | None = None
    counter: int = 0
    last_id: int | None = None
    pinned: bool = False
    unread: bool = False
    has_reminder: bool = False
    date_update: datetime | None = None
    date_last_activity: datetime | None = None
    user: User | None = field(default=None, converter=_none_without_id)
    chat: Chat | None = None
    lines: RecentLines | None = None
    options: dict[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class RecentCopilot:
    """What the messenger needs to show CoPilot chats, in the portal's own JSON."""

    DIALECT: ClassVar[str] = "camel"
    chats: dict[str, Any] | None = None
    messages: dict[str, Any] | None = None
    roles: dict[str, Any] = field(factory=dict)
    recommended_roles: list[Any] = field(factory=list)


@frozen(kw_only=True)
class RecentPage:
    """One page of the recent dialogs (`im.recent.list`); its items keep to snake_case.

    Attributes:
        has_more: whether there is another page; `has_more_pages` says so on other portals.
        messages_auto_delete_configs: after how long chats delete their messages.
    """

    DIALECT: ClassVar[str] = "camel"
    items: list[RecentItem] = field(factory=list)
    has_more_pages: bool = False
    has_more: bool = False
    copilot: RecentCopilot | None = None
    messages_auto_delete_configs: list[dict[str, Any]] = field(factory=list)
