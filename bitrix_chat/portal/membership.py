"""Coming and going: whoever enters or leaves a chat, becomes its owner or a manager, does so here."""

from collections.abc import Iterable

from bitrix_chat.portal.event_log import Happening
from bitrix_chat.portal.state import Chat, PortalState


def add_members(
    state: PortalState, chat: Chat, author: int, user_ids: Iterable[int], *, hide_history: bool = False
) -> list[int]:
    """Add who can be added and is not in yet; return those who came.

    With `hide_history` the newcomers do not see the messages that are there.
    """
    added = [
        user_id
        for user_id in dict.fromkeys(user_ids)
        if user_id not in chat.members and state.is_active(user_id) and state.sees(author, user_id)
    ]
    seen_from = chat.last_message_id if hide_history else 0
    for user_id in added:
        state.join(chat, user_id).hidden_up_to = seen_from
    if added:
        state.events.record(Happening.JOIN_CHAT, chat, author, joined=added)
        names = ", ".join(state.users[user_id].name for user_id in added)
        state.post(chat, 0, f"{state.users[author].name} added {names}", system=True)
    return added


def remove_member(state: PortalState, chat: Chat, user_id: int, *, author: int) -> None:
    """Let a member go; an owner who leaves hands the chat to the member who has been in it longest."""
    del chat.relations[user_id]
    state.recents.forget(user_id, chat.id)
    if user_id in chat.managers:
        chat.managers.remove(user_id)
    if user_id == chat.owner:
        heir = next((member for member in chat.members if _is_person(state, member)), None)
        if heir is not None:
            change_owner(chat, heir)
    name = state.users[user_id].name
    text = f"{name} left the chat" if user_id == author else f"{state.users[author].name} removed {name}"
    state.post(chat, 0, text, system=True)


def _is_person(state: PortalState, user_id: int) -> bool:
    return state.is_active(user_id) and not state.users[user_id].bot


def change_owner(chat: Chat, user_id: int) -> None:
    """Give the chat to somebody, member or not; the former owner stays as a plain member."""
    if chat.owner in chat.managers:
        chat.managers.remove(chat.owner)
    chat.owner = user_id
    add_managers(chat, [user_id])


def add_managers(chat: Chat, user_ids: Iterable[int]) -> None:
    """Make managers of those who are members."""
    chat.managers.extend(
        user_id for user_id in dict.fromkeys(user_ids) if user_id in chat.members and user_id not in chat.managers
    )


def remove_managers(chat: Chat, user_ids: Iterable[int]) -> None:
    """Make plain members of managers; the owner stays one."""
    gone = set(user_ids) - {chat.owner}
    chat.managers[:] = [user_id for user_id in chat.managers if user_id not in gone]
