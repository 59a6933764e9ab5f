"""The methods of the portal, one module a group; a new group is one more line here."""

from bitrix_chat.portal.methods import chatbots, chats, general, messages
from bitrix_chat.portal.methods.registry import Caller, Invocation, Method, MethodTable

__all__ = ["Caller", "Invocation", "Method", "MethodTable", "all_methods"]


def all_methods() -> MethodTable:
    """Build the table of everything the portal can do, except `batch`, which is about other methods."""
    table = MethodTable()
    for group in (general, chats, messages, chatbots):
        table.extend(group.METHODS)
    return table
