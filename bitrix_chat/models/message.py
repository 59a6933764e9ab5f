"""Messages as the portal keeps them."""

from datetime import datetime
from typing import Any

from attrs import field, frozen

from bitrix_chat.models.chat import none_for_zero
from bitrix_chat.models.user import User


@frozen(kw_only=True)
class Forward:
    """Where a forwarded message comes from; the id is text such as `chat5/789`."""

    id: str = ""
    user_id: int | None = field(default=None, converter=none_for_zero)
    chat_id: int | None = None
    date: datetime | None = None


@frozen(kw_only=True)
class Message:
    """A message of a chat.

    Attributes:
        author_id: None for the portal's own messages.
        params: keyboard, attachments, reactions and so on, under the portal's upper-case names.
        uuid: the template id it was sent with.
    """

    id: int
    chat_id: int | None = None
    author_id: int | None = field(default=None, converter=none_for_zero)
    date: datetime | None = None
    text: str = ""
    is_system: bool = False
    uuid: str | None = None
    forward: Forward | None = None
    params: dict[str, Any] = field(factory=dict)
    replaces: list[dict[str, Any]] = field(factory=list)
    viewed_by_others: bool = False
    unread: bool = False
    viewed: bool = False
    viewed_count: int | None = None
    block: dict[str, Any] | None = None
    disappearing_date: datetime | None = None


@frozen(kw_only=True)
class SentMessage:
    """What became of a message (`imbot.v2.Chat.Message.send`).

    Attributes:
        id: of the message itself; None where messages were forwarded without a text.
        uuid_map: ids of the new messages by the uuids they were sent or forwarded with.
    """

    id: int | None = None
    uuid_map: dict[str, int] = field(factory=dict)


@frozen(kw_only=True)
class MessageInfo:
    """A message and its author (`imbot.v2.Chat.Message.get`); the portal's own messages have none."""

    message: Message
    user: User | None = None


@frozen(kw_only=True)
class MessageContext:
    """A message among its neighbours, the oldest first (`imbot.v2.Chat.Message.getContext`)."""

    messages: list[Message] = field(factory=list)
    users: list[User] = field(factory=list)
    has_prev_page: bool = False
    has_next_page: bool = False


@frozen(kw_only=True)
class ReadReceipt:
    """How far a bot has read a chat (`imbot.v2.Chat.Message.read`).

    Attributes:
        last_id: the last message that was read.
        counter: messages that are still unread.
        viewed_messages: ids of the messages that were read by this call.
    """

    chat_id: int
    last_id: int | None = None
    counter: int = 0
    viewed_messages: list[int] = field(factory=list)
