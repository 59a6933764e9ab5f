"""The methods of the portal, one module a group; a new group is one more line here."""

from typing import Final

from bitrix_chat.portal.methods import (
    application,
    bot_chat_users,
    bot_chats,
    bot_commands,
    bot_messages,
    bot_reactions,
    chat_changes,
    chat_users,
    chatbots,
    chats,
    dialog_members,
    dialog_reading,
    disk,
    events,
    files,
    general,
    history,
    message_actions,
    messages,
    notification_lists,
    notifications,
    people,
    recents,
    revisions,
    search,
    structure,
    users,
)
from bitrix_chat.portal.methods.registry import Caller, Invocation, Method, MethodTable

__all__ = ["Caller", "Invocation", "Method", "MethodTable", "all_methods"]

_GROUPS: Final = (
    general,
    application,
    users,
    chats,
    chat_changes,
    chat_users,
    dialog_members,
    people,
    structure,
    search,
    revisions,
    messages,
    message_actions,
    history,
    dialog_reading,
    recents,
    chatbots,
    bot_chats,
    bot_chat_users,
    bot_messages,
    bot_reactions,
    bot_commands,
    files,
    disk,
    notifications,
    notification_lists,
    events,
)


def all_methods() -> MethodTable:
    """Build the table of everything the portal can do, except `batch`, which is about other methods."""
    table = MethodTable()
    for group in _GROUPS:
        table.extend(group.METHODS)
    return table
