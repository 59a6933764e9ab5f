"""The chat of an event, as a thing to talk to: on the client and as the bot that the event came for."""

from typing import Any, TypedDict, Unpack

from attrs import evolve, field, frozen

from bitrix_chat.converters import CAMEL_ANSWERS
from bitrix_chat.enums import StatusMessage
from bitrix_chat.events.errors import EventNotBound
from bitrix_chat.models.attachment import AttachmentLike
from bitrix_chat.models.chat import Chat, ChatInfo
from bitrix_chat.models.keyboard import KeyboardLike
from bitrix_chat.models.message import ReadReceipt, SentMessage
from bitrix_chat.resources.arguments import Id
from bitrix_chat.resources.imbot.handle import BotHandle
from bitrix_chat.rest.call import Call


class AnswerOptions(TypedDict, total=False):
    """What an answer takes besides its text; see `bot.chat.message.send`."""

    attach: AttachmentLike | None
    keyboard: KeyboardLike | None
    system: bool | None
    url_preview: bool | None


class SendOptions(AnswerOptions, total=False):
    """What a message takes besides its text; see `bot.chat.message.send`."""

    reply_to: Id | None
    template_id: str | None


@frozen
class ChatHandle:
    """A chat as an event shows it, with what the bot of the event can do there.

    Equal are two handles of the same data, whichever bot they act as.

    Attributes:
        data: the chat; events leave out the reader's role and what changes with every message.
    """

    data: Chat
    _bot: BotHandle | None = field(default=None, eq=False, repr=False)

    @property
    def id(self) -> int:
        """The chat's number."""
        return self.data.id

    @property
    def dialog_id(self) -> str:
        """What methods name the chat by: `chat5`, or for a private chat the other's id."""
        return self.data.dialog_id or f"chat{self.data.id}"

    @property
    def is_private(self) -> bool:
        """Whether it is a chat of two."""
        return self.data.type == "private" or self.data.message_type == "P" or self.dialog_id.isdecimal()

    @property
    def is_group(self) -> bool:
        """Whether more than two may talk here."""
        return not self.is_private

    @property
    def bot(self) -> BotHandle:
        """The bot that the handle acts as.

        Raises:
            EventNotBound: there is none.
        """
        if self._bot is None:
            raise EventNotBound(
                "this chat knows no bot to act as: take the event from a stream or from `run`, or `event.bound_to(bot)`"
            )
        return self._bot

    def bound_to(self, bot: BotHandle) -> "ChatHandle":
        """Return the same chat, to be acted in as `bot`."""
        return evolve(self, bot=bot)

    def send(self, message: str | None = None, **options: Unpack[SendOptions]) -> Call[SentMessage]:
        """Send a message into the chat, of which the bot has to be a member; see `bot.chat.message.send`."""
        return self.bot.chat.message.send(self.dialog_id, message, **options)

    def typing(self, status: StatusMessage | str | None = None, *, duration: int | None = None) -> Call[bool]:
        """Show that the bot is typing, or doing something else; see `bot.chat.input_action.notify`."""
        return self.bot.chat.input_action.notify(self.dialog_id, status_message_code=status, duration=duration)

    def read(self, message_id: Id | None = None) -> Call[ReadReceipt]:
        """Mark messages as read by the bot; see `bot.chat.message.read`."""
        return self.bot.chat.message.read(self.dialog_id, message_id)

    def get(self) -> Call[ChatInfo]:
        """Get the chat as it is now; see `bot.chat.get`."""
        return self.bot.chat.get(self.dialog_id)

    def leave(self) -> Call[bool]:
        """Let the bot leave the chat; see `bot.chat.leave`."""
        return self.bot.chat.leave(self.dialog_id)


def chat_handle(raw: Any) -> ChatHandle:
    """Read the chat of an event."""
    return ChatHandle(CAMEL_ANSWERS.structure(raw, Chat))
