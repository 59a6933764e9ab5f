"""How answers show events: the one thing that happened, and where, by whom and for which bot."""

from typing import Any, Final

from bitrix_chat.portal.event_log import Happening, LoggedEvent
from bitrix_chat.portal.message_views import message_object
from bitrix_chat.portal.state import Chat, PortalState
from bitrix_chat.portal.timing import iso
from bitrix_chat.portal.views import bot_object, personal_chat_object, user_object

# An event shows the chat, not the reader's place in it, nor what changes with every message.
_ABSENT: Final = frozenset(
    {
        "role",
        "muteList",
        "dateCreate",
        "lastMessageId",
        "lastId",
        "managerList",
        "messageCount",
        "userCounter",
        "unreadId",
        "lastMessageViews",
        "markedId",
        "public",
    }
)
_LANGUAGE: Final = "en"
_ONLINE: Final = dict.fromkeys(("idle", "lastActivityDate", "mobileLastDate", "desktopLastDate"), False)


def event_object(state: PortalState, event: LoggedEvent) -> dict[str, Any]:
    """Show an event in the envelope in which it is fetched."""
    bot = None if event.bot is None else bot_object(event.bot, owned=True)
    return {"eventId": event.id, "type": event.type, "date": iso(event.date), "data": event_data(state, event, bot)}


def event_data(state: PortalState, event: LoggedEvent, bot: dict[str, Any] | None) -> dict[str, Any]:
    """Show what an event tells; `bot` is how its recipient is shown, which depends on the way it travels."""
    shown: dict[str, Any] = {} if bot is None else {"bot": bot}
    if event.chat is None:
        return shown | {"language": _LANGUAGE}
    return {
        **shown,
        **_subject(state, event, event.chat),
        **event.details,
        "chat": _chat(state, event.chat, event.recipient),
        "user": user_object(state.users[event.actor]) | _ONLINE if event.actor in state.users else [],
        "language": _LANGUAGE,
    }


def _subject(state: PortalState, event: LoggedEvent, chat: Chat) -> dict[str, Any]:
    if event.message is None:
        return {"dialogId": chat.dialog_id_for(event.recipient)}
    if event.happening is Happening.MESSAGE_DELETE:
        return {"messageId": event.message.id}
    return {"message": message_object(state, event.message)}


def _chat(state: PortalState, chat: Chat, viewer: int) -> dict[str, Any]:
    shown = personal_chat_object(state, chat, viewer)
    return {key: value for key, value in shown.items() if key not in _ABSENT}
