"""Chats as the portal keeps them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from bitrix_chat.enums import ChatRole, Color
from bitrix_chat.models.json_text import elements_of, from_text, ids_of
from bitrix_chat.models.user import User


def none_for_zero(value: int | None) -> int | None:
    """Read an id for whose absence the portal writes 0."""
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
class EntityLink:
    """Where the chat's entity is shown on the portal."""

    type: str = ""
    url: str = ""
    id: str | None = None


@frozen(kw_only=True)
class ChatPermissions:
    """The lowest role that may do a thing, `none` where nobody may."""

    manage_users_add: ChatRole | str | None = None
    manage_users_delete: ChatRole | str | None = None
    manage_ui: ChatRole | str | None = None
    manage_settings: ChatRole | str | None = None
    manage_messages: ChatRole | str | None = None
    manage_messages_auto_delete: ChatRole | str | None = None
    can_post: ChatRole | str | None = None


@frozen(kw_only=True)
class ChatRestrictions:
    """What the kind of chat allows at all (`im.*`)."""

    avatar: bool = True
    rename: bool = True
    extend: bool = True
    call: bool = True
    mute: bool = True
    leave: bool = True
    leave_owner: bool = True
    send: bool = True
    user_list: bool = True
    path: str | None = None
    path_title: str | None = None


@frozen(kw_only=True)
class ReadMark:
    """How far one member has read."""

    user_id: int
    user_name: str = ""
    message_id: int | None = None
    date: datetime | None = None


@frozen(kw_only=True)
class MessageViews:
    """Who has seen the last message of a chat."""

    message_id: int | None = None
    count_of_viewers: int = 0
    first_viewers: tuple[Any, ...] = ()


@frozen(kw_only=True)
class PublicLink:
    """The address by which guests join an open chat."""

    code: str = ""
    link: str = ""


def _muted_ids(raw: Any) -> list[int]:
    # A list of ids, or the ids as keys: {"503": true}.
    if isinstance(raw, Mapping):
        return ids_of(user_id for user_id, muted in raw.items() if muted not in (None, False, "", "N", "0", 0))
    return ids_of(elements_of(raw))


def _views(raw: Any) -> MessageViews | None:
    # `imbot.v2` sends JSON inside a string, `im` the object, either may be empty.
    raw = from_text(raw)
    if not raw or not isinstance(raw, Mapping):
        return None
    said = {name.replace("_", "").lower(): value for name, value in raw.items()}
    return MessageViews(
        message_id=int(said.get("messageid") or 0) or None,
        count_of_viewers=int(said.get("countofviewers") or 0),
        first_viewers=tuple(elements_of(said.get("firstviewers"))),
    )


def _public(raw: Any) -> PublicLink | None:
    if isinstance(raw, str):
        return PublicLink(link=raw) if raw else None
    return PublicLink(code=raw.get("code") or "", link=raw.get("link") or "") if raw else None


def _spoken(role: ChatRole | str | None) -> ChatRole | str | None:
    # `im` shouts it: "OWNER".
    return next((known for known in ChatRole if role is not None and role.lower() == known.value), role)


@frozen(kw_only=True)
class Chat:
    """A chat as a member sees it; the short forms in lists and searches leave fields at their defaults."""

    id: int
    dialog_id: str = ""
    name: str = ""
    title: str = ""
    """The name again, in `im.recent.get` alone."""
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
    entity_link: EntityLink | None = None
    disk_folder_id: int | None = None
    role: ChatRole | str | None = field(default=None, converter=_spoken)
    permissions: ChatPermissions | None = None
    restrictions: ChatRestrictions | None = None
    mute_list: list[int] = field(factory=list, metadata={"read": _muted_ids})
    """Users who muted the chat."""
    parent_chat_id: int | None = field(default=None, converter=none_for_zero)
    parent_message_id: int | None = field(default=None, converter=none_for_zero)
    is_new: bool = False
    text_field_enabled: bool = True
    background_id: str | None = None
    date_create: datetime | None = None
    last_message_id: int | None = None
    last_message_views: MessageViews | None = field(default=None, metadata={"read": _views})
    last_id: int | None = None
    manager_list: list[int] = field(factory=list)
    marked_id: int | None = None
    message_count: int = 0
    counter: int = 0
    """Unread messages."""
    public: PublicLink | None = field(default=None, metadata={"read": _public})
    unread_id: int | None = None
    user_counter: int | None = None
    readed_list: list[ReadMark] = field(factory=list)

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
