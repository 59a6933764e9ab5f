"""What every event is: something that happened once, told by a portal that may tell it again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Self, Unpack

from attrs import Factory, evolve, field, frozen

from bitrix_chat.converters import CAMEL_ANSWERS
from bitrix_chat.events.handles import ChatHandle, SendOptions, chat_handle
from bitrix_chat.models.bot import Bot
from bitrix_chat.models.message import SentMessage
from bitrix_chat.models.user import User
from bitrix_chat.resources.imbot.handle import BotHandle
from bitrix_chat.rest.call import Call

# What an event says of itself stands beside its data under names that no portal writes.
WIRE_TYPE: Final = "@type"
WIRE_ID: Final = "@id"
WIRE_DATE: Final = "@date"
WIRE_RAW: Final = "@raw"


def _as_it_is(value: Any) -> Any:
    return value


def _own_type(event: "Event") -> str:
    return event.TYPE


@frozen(kw_only=True)
class Event:
    """Something that happened; equal are two events of the same data, however and whenever they came.

    What has no type of its own (`message.params`, `context`) holds text alone, as in a form.

    Attributes:
        type: its name, `ONIMBOTV2MESSAGEADD`.
        id: its number in the queue it was fetched from, the same each time; None where it was posted.
        date: when it happened, or when it was posted; with a time zone.
        raw: its data as the portal wrote it, less tokens; numbers are numbers here where it was fetched.
    """

    TYPE: ClassVar[str] = ""

    type: str = field(default=Factory(_own_type, takes_self=True), metadata={"wire": WIRE_TYPE})
    id: int | None = field(default=None, eq=False, metadata={"wire": WIRE_ID})
    date: datetime | None = field(default=None, eq=False, metadata={"wire": WIRE_DATE})
    raw: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, metadata={"wire": WIRE_RAW, "read": _as_it_is})

    @property
    def dialog_id(self) -> str | None:
        """The dialog whose events are handled one after another; None where the event belongs to none."""
        return None

    def bound_to(self, bot: BotHandle) -> Self:  # noqa: ARG002  # of use to events with a chat
        """Return the same event, to be answered as `bot`."""
        return self


@frozen(kw_only=True)
class UnknownEvent(Event):
    """An event of a type without a class here, or one whose data lack what its type promises.

    Attributes:
        fault: what could not be read of a known type; None where the type is not known.
    """

    fault: str | None = field(default=None, eq=False)

    @property
    def dialog_id(self) -> str | None:
        """The dialog as far as the data tell one."""
        chat = self.raw.get("chat")
        said = [self.raw.get("dialogId"), chat.get("dialogId") if isinstance(chat, Mapping) else None]
        return next((dialog for dialog in said if dialog and isinstance(dialog, str)), None)


@frozen(kw_only=True)
class EventBot:
    """The bot that an event came for.

    Attributes:
        details: all that its owner may see, where the event was fetched; None where it was posted.
    """

    id: int
    code: str = ""
    details: Bot | None = field(default=None, eq=False, repr=False)


def _event_bot(raw: Any) -> EventBot:
    bot = CAMEL_ANSWERS.structure(raw, Bot)
    return EventBot(id=bot.id, code=bot.code, details=bot if "type" in raw else None)


@frozen(kw_only=True)
class BotEvent(Event):
    """An event that a bot was told of.

    Attributes:
        language: the language of the user or portal, `en`.
    """

    bot: EventBot = field(metadata={"read": _event_bot})
    language: str = ""


@frozen(kw_only=True)
class ChatEvent(BotEvent):
    """An event in a chat.

    Attributes:
        chat: where; it can be talked to.
        user: who did it; None where the portal did, or says nothing.
    """

    chat: ChatHandle = field(metadata={"read": chat_handle})
    user: User | None = None

    @property
    def dialog_id(self) -> str:
        """The chat's dialog id."""
        return self.chat.dialog_id

    def bound_to(self, bot: BotHandle) -> Self:
        """Return the same event, to be answered as `bot`."""
        return evolve(self, chat=self.chat.bound_to(bot))


@frozen(kw_only=True)
class AnswerableEvent(ChatEvent):
    """An event that is answered by a message into its chat."""

    def answer(self, message: str | None = None, **options: Unpack[SendOptions]) -> Call[SentMessage]:
        """Send a message into the chat of the event; see `bot.chat.message.send`.

        Raises:
            EventNotBound: the event knows no bot to answer as.
        """
        return self.chat.send(message, **options)


@frozen(kw_only=True)
class UserEvent(Event):
    """An event that the user of the webhook or token was told of; what is done in its chat, the bot does.

    Attributes:
        chat: where; it can be talked to if the bot is a member.
        user: who did it; None where the portal did, or says nothing.
        language: the user's language, `en`.
    """

    chat: ChatHandle = field(metadata={"read": chat_handle})
    user: User | None = None
    language: str = ""

    @property
    def dialog_id(self) -> str:
        """The chat's dialog id, as the user would name it."""
        return self.chat.dialog_id

    def bound_to(self, bot: BotHandle) -> Self:
        """Return the same event, whose chat is acted in as `bot`."""
        return evolve(self, chat=self.chat.bound_to(bot))
