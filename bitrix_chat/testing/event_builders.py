"""Events out of few words, read from the very data that a portal would send: for tests of handlers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, TypeVar

from attrs import evolve

from bitrix_chat.events.bot_events import (
    BotDeleted,
    CommandAdded,
    ContextOpened,
    JoinedChat,
    MessageAdded,
    MessageDeleted,
    MessageUpdated,
    ReactionChanged,
)
from bitrix_chat.events.decode import decode_polled
from bitrix_chat.events.types import Event
from bitrix_chat.models.event import EventRecord

E = TypeVar("E", bound=Event)

BOT_ID: Final = 456
CHAT_ID: Final = 5
USER_ID: Final = 1
DATE: Final = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
"""When all that is made here happened, unless `date` says otherwise."""

_message_ids = count(1001)


def message_added(text: str = "Hello", **options: Any) -> MessageAdded:
    """Make the event that a user wrote to the bot; `options` are those of `event_of`, and `message_id`."""
    return event_of(MessageAdded, {"message": _message(text, options)}, **options)


def message_updated(text: str = "Hello again", **options: Any) -> MessageUpdated:
    """Make the event that a user changed a message; see `message_added`."""
    return event_of(MessageUpdated, {"message": _message(text, options)}, **options)


def message_deleted(message_id: int = 1000, **options: Any) -> MessageDeleted:
    """Make the event that a message was deleted; `options` are those of `event_of`."""
    return event_of(MessageDeleted, {"messageId": message_id}, **options)


def joined_chat(**options: Any) -> JoinedChat:
    """Make the event that the bot came into a chat, brought by `user_id`; see `event_of`."""
    return event_of(JoinedChat, {}, **options)


def command_added(command: str, params: str = "", *, context: str = "textarea", **options: Any) -> CommandAdded:
    """Make the event that a user gave a command, with or without its slash; see `message_added`."""
    name = f"/{command.removeprefix('/')}"
    used = {"id": options.pop("command_id", 7), "command": name, "params": params, "context": context}
    data = {"command": used, "message": _message(f"{name} {params}".strip(), options)}
    return event_of(CommandAdded, data, **options)


def reaction_changed(reaction: str = "like", action: str = "add", **options: Any) -> ReactionChanged:
    """Make the event that a user reacted to a message of the bot; see `message_added`."""
    message = _message("Said by the bot", options) | {"authorId": options.get("bot_id", BOT_ID)}
    return event_of(ReactionChanged, {"message": message, "reaction": reaction, "action": action}, **options)


def context_opened(context: Mapping[str, Any], **options: Any) -> ContextOpened:
    """Make the event that a user opened the bot's private chat from some place; see `event_of`."""
    return event_of(ContextOpened, {"context": dict(context)}, **{"is_private": True, **options})


def bot_deleted(**options: Any) -> BotDeleted:
    """Make the event that the bot was deleted; see `event_of`."""
    return event_of(BotDeleted, {}, **options)


def event_of(
    kind: type[E],
    data: Mapping[str, Any],
    *,
    bot_id: int = BOT_ID,
    chat_id: int = CHAT_ID,
    user_id: int = USER_ID,
    user_name: str = "Vera",
    is_private: bool = False,
    language: str = "en",
    date: datetime = DATE,
) -> E:
    """Make an event of a class out of what only that class has, under the portal's names, and who did it where.

    Args:
        kind: the class.
        data: what its events have besides bot, chat and user.
        bot_id: the bot that is told.
        chat_id: the chat; a private one is named by its user.
        user_id: who did it.
        user_name: what that user is called.
        is_private: whether it is the private chat of user and bot.
        language: the user's.
        date: when.

    Raises:
        ValueError: the data lack what events of the class have.
    """
    dialog = str(user_id) if is_private else f"chat{chat_id}"
    common = {
        "bot": {"id": bot_id, "code": "fake_bot", "type": "bot", "eventMode": "fetch"},
        "dialogId": dialog,
        "chat": {"id": chat_id, "dialogId": dialog, "type": "private" if is_private else "chat", "name": "A chat"},
        "user": {"id": user_id, "name": user_name, "firstName": user_name, "bot": user_id == bot_id, "active": True},
        "language": language,
    }
    message = data.get("message")
    if isinstance(message, Mapping):
        message = {"chatId": chat_id, "authorId": user_id, "date": date.isoformat(), **message}
        data = {**data, "message": message}
    record = EventRecord(event_id=0, type=kind.TYPE, date=date, data={**common, **data})
    event = decode_polled(record)
    if not isinstance(event, kind):
        raise ValueError(f"this is no {kind.__name__}: {getattr(event, 'fault', None)}")  # noqa: TRY004  # by its data
    return evolve(event, id=None)


def _message(text: str, options: dict[str, Any]) -> dict[str, Any]:
    return {"id": options.pop("message_id", None) or next(_message_ids), "text": text}
