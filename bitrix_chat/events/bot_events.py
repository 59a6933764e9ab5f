"""What bots are told of: one class for each `ONIMBOTV2*`."""

from enum import StrEnum
from typing import Any, ClassVar, Unpack

from attrs import field, frozen

from bitrix_chat.enums import Reaction
from bitrix_chat.events.event import AnswerableEvent, BotEvent, ChatEvent
from bitrix_chat.events.handles import AnswerOptions
from bitrix_chat.models.message import Message
from bitrix_chat.rest.call import Call


class CommandContext(StrEnum):
    """Where a command was given."""

    TEXTAREA = "textarea"
    KEYBOARD = "keyboard"
    MENU = "menu"


class ReactionAction(StrEnum):
    """What became of a reaction."""

    ADD = "add"
    DELETE = "delete"


@frozen(kw_only=True)
class MessageAdded(AnswerableEvent):
    """Somebody wrote to the bot, mentioned it, or wrote where it reads everything; a bot's messages tell nobody.

    Attributes:
        additional_messages: further messages that the portal sends along; mostly none.
    """

    TYPE: ClassVar[str] = "ONIMBOTV2MESSAGEADD"

    message: Message
    additional_messages: list[Message] = field(factory=list)


@frozen(kw_only=True)
class MessageUpdated(AnswerableEvent):
    """A message that the bot may read was changed; `message` is the new one."""

    TYPE: ClassVar[str] = "ONIMBOTV2MESSAGEUPDATE"

    message: Message


@frozen(kw_only=True)
class MessageDeleted(AnswerableEvent):
    """A message that the bot could read was deleted."""

    TYPE: ClassVar[str] = "ONIMBOTV2MESSAGEDELETE"

    message_id: int


@frozen(kw_only=True)
class JoinedChat(AnswerableEvent):
    """The bot came into a chat, also one that it has just created itself; `user` is who brought it in."""

    TYPE: ClassVar[str] = "ONIMBOTV2JOINCHAT"


@frozen(kw_only=True)
class BotDeleted(BotEvent):
    """The bot was deleted; it can do nothing any more."""

    TYPE: ClassVar[str] = "ONIMBOTV2DELETE"


@frozen(kw_only=True)
class ContextOpened(AnswerableEvent):
    """A user opened the bot's private chat from some place, which `context` describes in its own words."""

    TYPE: ClassVar[str] = "ONIMBOTV2CONTEXTGET"

    context: dict[str, Any] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class UsedCommand:
    """A command as it was used.

    Attributes:
        command: as the portal writes it, `/report`.
        params: what was written behind it.
        context: where it was given.
    """

    id: int
    command: str = ""
    params: str = ""
    context: CommandContext | str = ""

    @property
    def name(self) -> str:
        """The command without its slash, as it was registered."""
        return self.command.removeprefix("/")


@frozen(kw_only=True)
class CommandAdded(ChatEvent):
    """A user gave one of the bot's commands; the bot need not be a member of the chat.

    Attributes:
        message: the message by which it was given.
    """

    TYPE: ClassVar[str] = "ONIMBOTV2COMMANDADD"

    command: UsedCommand
    message: Message

    def answer(self, message: str | None = None, **options: Unpack[AnswerOptions]) -> Call[bool]:
        """Answer the command, also in a chat of which the bot is no member; see `bot.command.answer`.

        The portal posts on every call: see `OutcomeUnknown` before a repetition.

        Raises:
            EventNotBound: the event knows no bot to answer as.
        """
        return self.chat.bot.command.answer(
            self.command.id, message, message_id=self.message.id, dialog_id=self.chat.dialog_id, **options
        )


@frozen(kw_only=True)
class ReactionChanged(AnswerableEvent):
    """Somebody reacted to a message of the bot's, or took that back."""

    TYPE: ClassVar[str] = "ONIMBOTV2REACTIONCHANGE"

    message: Message
    reaction: Reaction | str
    action: ReactionAction | str
