"""All events that have a class, by the names that the portal gives them."""

from collections.abc import Mapping
from typing import Final

from bitrix_chat.events.app_events import AppInstalled, AppUninstalled
from bitrix_chat.events.bot_events import (
    BotDeleted,
    CommandAdded,
    CommandContext,
    ContextOpened,
    JoinedChat,
    MessageAdded,
    MessageDeleted,
    MessageUpdated,
    ReactionAction,
    ReactionChanged,
    UsedCommand,
)
from bitrix_chat.events.event import (
    AnswerableEvent,
    BotEvent,
    ChatEvent,
    Event,
    EventBot,
    UnknownEvent,
    UserEvent,
)
from bitrix_chat.events.handles import ChatHandle
from bitrix_chat.events.user_events import (
    UserJoinedChat,
    UserMessageAdded,
    UserMessageDeleted,
    UserMessageUpdated,
    UserReactionChanged,
)

__all__ = [
    "EVENT_CLASSES",
    "AnswerableEvent",
    "AppInstalled",
    "AppUninstalled",
    "BotDeleted",
    "BotEvent",
    "ChatEvent",
    "ChatHandle",
    "CommandAdded",
    "CommandContext",
    "ContextOpened",
    "Event",
    "EventBot",
    "JoinedChat",
    "MessageAdded",
    "MessageDeleted",
    "MessageUpdated",
    "ReactionAction",
    "ReactionChanged",
    "UnknownEvent",
    "UsedCommand",
    "UserEvent",
    "UserJoinedChat",
    "UserMessageAdded",
    "UserMessageDeleted",
    "UserMessageUpdated",
    "UserReactionChanged",
]

EVENT_CLASSES: Final[Mapping[str, type[Event]]] = {
    kind.TYPE: kind
    for kind in (
        MessageAdded,
        MessageUpdated,
        MessageDeleted,
        JoinedChat,
        BotDeleted,
        ContextOpened,
        CommandAdded,
        ReactionChanged,
        UserMessageAdded,
        UserMessageUpdated,
        UserMessageDeleted,
        UserReactionChanged,
        UserJoinedChat,
        AppInstalled,
        AppUninstalled,
    )
}
