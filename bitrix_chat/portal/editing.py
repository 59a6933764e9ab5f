"""What can happen to a message after it was sent: it is changed, taken back, or reacted to."""

from bisect import bisect_left
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from bitrix_chat.portal.event_log import Happening
from bitrix_chat.portal.messages import DELETED, Message
from bitrix_chat.portal.reactions import shown_reaction
from bitrix_chat.portal.reading import is_viewed_by_others
from bitrix_chat.portal.state import Chat, PortalState


def chat_of(state: PortalState, message: Message) -> Chat:
    """Return the chat in which the message stands."""
    chat = state.chat(message.chat_id)
    if chat is None:
        raise LookupError(f"message {message.id} stands in no chat")
    return chat


def change(
    state: PortalState, message: Message, *, text: str | None, params: Mapping[str, Any], marked: bool = True
) -> None:
    """Change a message: None leaves the text, a parameter that is None is removed.

    A message that has neither text nor attachment any more is deleted. `marked` shows readers that it was edited.
    """
    message.text = message.text if text is None else text
    merged = message.params | dict(params) | ({"IS_EDITED": "Y"} if marked else {})
    message.params = {name: value for name, value in merged.items() if value is not None}
    if not message.text and "ATTACH" not in message.params and not state.drive.files_of(message.id):
        remove(state, message, message.author)
        return
    state.events.record(Happening.MESSAGE_UPDATE, chat_of(state, message), message.author, message=message)


def remove(state: PortalState, message: Message, actor: int, *, complete: bool = False) -> None:
    """Delete a message: what somebody has read leaves a trace, unless it is to go completely."""
    chat = chat_of(state, message)
    state.events.record(Happening.MESSAGE_DELETE, chat, actor, message=message)
    if is_viewed_by_others(chat, message) and not complete:
        message.text, message.params, message.reactions = DELETED, {"IS_DELETED": "Y"}, {}
        state.drive.attach(message.id, ())
        return
    del chat.messages[bisect_left(chat.messages, message.id, key=attrgetter("id"))]
    del state.messages[message.id]
    chat.last_message_id = chat.messages[-1].id if chat.messages else 0


def react(state: PortalState, message: Message, actor: int, reaction: str) -> bool:
    """Add a reaction; tell whether it is new."""
    users = message.reactions.setdefault(reaction, [])
    if actor in users:
        return False
    users.append(actor)
    _record_reaction(state, message, actor, reaction, "add")
    return True


def take_back(state: PortalState, message: Message, actor: int, reaction: str) -> bool:
    """Remove a reaction; tell whether there was one."""
    users = message.reactions.get(reaction, [])
    if actor not in users:
        return False
    users.remove(actor)
    if not users:
        del message.reactions[reaction]
    _record_reaction(state, message, actor, reaction, "delete")
    return True


def _record_reaction(state: PortalState, message: Message, actor: int, reaction: str, action: str) -> None:
    details = {"reaction": shown_reaction(reaction), "action": action}
    state.events.record(Happening.REACTION_CHANGE, chat_of(state, message), actor, message=message, details=details)
