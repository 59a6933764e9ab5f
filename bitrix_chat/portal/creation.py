"""How a chat comes to be: one function behind every method that adds one.

It always inserts. There is no idempotency key, and two chats may share an entity.
"""

from collections.abc import Iterable
from typing import Final, final

import attrs

from bitrix_chat.enums import Color
from bitrix_chat.portal.event_log import Happening
from bitrix_chat.portal.state import COPILOT, Chat, PortalState

_LEGACY_NAMES: Final = {color.legacy_name: str(color) for color in Color} | {"COPILOT": COPILOT}
_LABELS: Final = {
    name: legacy.replace("_", " ").capitalize() for legacy, name in _LEGACY_NAMES.items() if name != COPILOT
}


@final
class EntityTooLongError(Exception):
    """The entity does not fit its columns; each method names this in its own way."""


@final
@attrs.frozen(kw_only=True)
class NewChat:
    """A chat to be, after each method has read its own spelling of it."""

    owner: int
    author: int
    title: str = ""
    description: str = ""
    color: str | None = None
    kind: str = "chat"
    user_ids: tuple[int, ...] = ()
    entity_type: str = ""
    entity_id: str = ""
    avatar: bool = False


def safe_color(legacy_name: str) -> str | None:
    """Return the colour of an exact upper-case name; None for anything else, which is never an error."""
    return _LEGACY_NAMES.get(legacy_name)


def create_chat(state: PortalState, new: NewChat) -> Chat:
    """Insert the chat, its members and the messages the portal writes of itself.

    Raises:
        EntityTooLongError: The entity type exceeds 50 characters, or its id 255.
    """
    if len(new.entity_type) > 50 or len(new.entity_id) > 255:
        raise EntityTooLongError
    color = _color(state, new)
    members = _members(state, new)
    title = new.title[:255].strip() or _title(state, color, members)
    chat = state.new_chat(title=title, owner=new.owner, kind=new.kind, members=members)
    chat.color, chat.avatar, chat.description = color, new.avatar, new.description.strip()
    chat.managers.append(new.owner)
    state.link(chat, new.entity_type, new.entity_id)
    state.events.record(Happening.JOIN_CHAT, chat, new.author, joined=members)
    _announce(state, chat, new.author)
    return chat


def _color(state: PortalState, new: NewChat) -> str:
    if not state.chat_colors:
        return Color.MARENGO
    return new.color or state.random.choice(tuple(Color))


def _members(state: PortalState, new: NewChat) -> list[int]:
    wanted = [*new.user_ids, new.author]
    if state.is_active(new.owner) or state.policy.unknown_owner_joins:
        wanted.append(new.owner)
    known = (user_id for user_id in dict.fromkeys(wanted) if state.is_active(user_id) or user_id == new.owner)
    return [user_id for user_id in known if user_id == new.owner or state.sees(new.author, user_id)]


def _title(state: PortalState, color: str, members: Iterable[int]) -> str:
    if not state.chat_colors:
        return "Chat with " + ", ".join(state.users[user_id].name for user_id in members if user_id in state.users)
    number = state.colors_given[color] = state.colors_given.get(color, 0) + 1
    return f"{_LABELS.get(color, 'CoPilot')} chat №{number}"


def _announce(state: PortalState, chat: Chat, author: int) -> None:
    """Post what makes a new chat not empty: a chat of an entity has no greeting and no banner."""
    creator = state.users[author].name
    if not chat.entity_type:
        state.post(chat, 0, f"{creator} created the chat", system=True)
        state.post(chat, 0, "Invite colleagues and share files here", system=True)
    joined = [state.users[user_id].name for user_id in sorted(chat.members - {author}) if user_id in state.users]
    if joined:
        state.post(chat, 0, f"{creator} added {', '.join(joined)}", system=True)
    if chat.description:
        state.post(chat, chat.owner, chat.description)
