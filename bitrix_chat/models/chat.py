"""Chats as the portal keeps them."""

from datetime import datetime
from typing import Any

from attrs import field, frozen

from bitrix_chat.enums import ChatRole, Color
from bitrix_chat.models.user import User


def _none_for_zero(value: int | None) -> int | None:
    return value or None


@frozen
class Entity:
    """What a chat belongs to, in the words of whoever created it: `Entity("CRM", "DEAL|1663")`.

    Attributes:
        type: at most 50 characters; some names (`CRM`, `SONET_GROUP`, `TASKS`) mean something to the portal.
        id: at most 255 characters. The portal never checks that a pair is used once.
    """

    type: str
    id: str


@frozen(kw_only=True)
class Chat:
    """A chat as a member sees it."""

    id: int
    dialog_id: str = ""
    name: str = ""
    description: str = ""
    type: str | None = None
    """`chat`, `open` and so on; for a free entity type the camel case of that type."""
    message_type: str | None = None
    """`C` closed, `O` open, `P` private."""
    owner: int | None = None
    color: str | None = None
    """HEX, `#4ba984`; `Color.of` gives its name."""
    avatar: str | None = None
    extranet: bool = False
    contains_collaber: bool = False
    entity_type: str = ""
    entity_id: str = ""
    entity_data1: str = ""
    entity_data2: str = ""
    entity_data3: str = ""
    entity_link: dict[str, Any] = field(factory=dict)
    disk_folder_id: int | None = None
    role: ChatRole | str | None = None
    permissions: dict[str, Any] = field(factory=dict)
    mute_list: list[Any] = field(factory=list)
    parent_chat_id: int | None = field(default=None, converter=_none_for_zero)
    parent_message_id: int | None = field(default=None, converter=_none_for_zero)
    is_new: bool = False
    text_field_enabled: bool = True
    background_id: str | None = None
    date_create: datetime | None = None
    last_message_id: int | None = None
    last_message_views: str | None = None
    """JSON text, as the portal sends it."""
    last_id: int | None = None
    manager_list: list[int] = field(factory=list)
    marked_id: int | None = None
    message_count: int = 0
    public: dict[str, Any] | None = None
    unread_id: int | None = None
    user_counter: int | None = None

    @property
    def color_name(self) -> Color | None:
        """The colour by name; None for one that is not of the 16."""
        return Color.of(self.color) if self.color else None


@frozen(kw_only=True)
class ChatInfo:
    """A chat and the users the portal sends with it (`imbot.v2.Chat.add`, `imbot.v2.Chat.get`).

    `users` is the bot alone on today's portals; the documentation shows all members.
    """

    chat: Chat
    users: list[User] = field(factory=list)
