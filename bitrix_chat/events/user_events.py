"""What the user of a webhook or token is told of, own deeds included: one class for each `ONIMV2*`."""

from typing import ClassVar

from attrs import frozen

from bitrix_chat.enums import Reaction
from bitrix_chat.events.bot_events import ReactionAction
from bitrix_chat.events.event import UserEvent
from bitrix_chat.models.message import Message


@frozen(kw_only=True)
class UserMessageAdded(UserEvent):
    """A message was written in one of the user's chats."""

    TYPE: ClassVar[str] = "ONIMV2MESSAGEADD"

    message: Message


@frozen(kw_only=True)
class UserMessageUpdated(UserEvent):
    """A message of one of the user's chats was changed; `message` is the new one."""

    TYPE: ClassVar[str] = "ONIMV2MESSAGEUPDATE"

    message: Message


@frozen(kw_only=True)
class UserMessageDeleted(UserEvent):
    """A message of one of the user's chats was deleted."""

    TYPE: ClassVar[str] = "ONIMV2MESSAGEDELETE"

    message_id: int


@frozen(kw_only=True)
class UserReactionChanged(UserEvent):
    """Somebody reacted to a message in one of the user's chats, or took that back."""

    TYPE: ClassVar[str] = "ONIMV2REACTIONCHANGE"

    message: Message
    reaction: Reaction | str
    action: ReactionAction | str


@frozen(kw_only=True)
class UserJoinedChat(UserEvent):
    """The user came into a chat; `user` is who brought them in."""

    TYPE: ClassVar[str] = "ONIMV2JOINCHAT"
