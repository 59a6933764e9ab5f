"""Pages of a dialog's messages and how far it is read: three answers in two dialects, one vocabulary."""

from typing import Any, ClassVar

from attrs import field, frozen

from bitrix_chat.enums import Reaction
from bitrix_chat.models.file import File
from bitrix_chat.models.message import Message
from bitrix_chat.models.user import User


@frozen(kw_only=True)
class ReadState:
    """How far the user has read a dialog (`im.dialog.read`)."""

    DIALECT: ClassVar[str] = "camel"
    dialog_id: str = ""
    chat_id: int | None = None
    last_id: int | None = None
    """The last message read."""
    counter: int = 0
    """Messages still unread."""


@frozen(kw_only=True)
class DialogMessages:
    """One page of a dialog's messages, with their authors and files (`im.dialog.messages.get`)."""

    chat_id: int | None = None
    messages: list[Message] = field(factory=list)
    users: list[User] = field(factory=list)
    files: list[File] = field(factory=list)


@frozen(kw_only=True)
class FoundReactions:
    """Reactions to one message of a search.

    Attributes:
        reaction_counters: how many of each.
        reaction_users: the ids of who set each.
        own_reactions: those of the user who asks.
    """

    DIALECT: ClassVar[str] = "camel"
    message_id: int
    reaction_counters: dict[str, int] = field(factory=dict)
    reaction_users: dict[str, list[int]] = field(factory=dict)
    own_reactions: list[Reaction | str] = field(factory=list)


@frozen(kw_only=True)
class TariffRestrictions:
    """What the portal's tariff hides."""

    DIALECT: ClassVar[str] = "camel"
    is_history_limit_exceeded: bool = False
    """There are messages too old to be shown."""


@frozen(kw_only=True)
class FoundMessages:
    """One page of the messages that a search finds (`im.dialog.messages.search`).

    Attributes:
        messages: what was found.
        additional_messages: those that the found ones reply to.
        users: authors; `users_short` holds others with their names alone.
        copilot: the roles of CoPilot chats, where they take part.
    """

    DIALECT: ClassVar[str] = "camel"
    messages: list[Message] = field(factory=list)
    additional_messages: list[Message] = field(factory=list)
    users: list[User] = field(factory=list)
    users_short: list[User] = field(factory=list)
    files: list[File] = field(factory=list)
    reactions: list[FoundReactions] = field(factory=list)
    stickers: list[dict[str, Any]] = field(factory=list)
    copilot: dict[str, Any] | None = None
    tariff_restrictions: TariffRestrictions | None = None
