"""Who has read what: each member's place in the chat tells, nothing is counted ahead of time.

Two marks make the difference between counting and having seen: a chat that is set back to unread counts
again, but what was seen stays seen.
"""

from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter

from bitrix_chat.portal.messages import Message
from bitrix_chat.portal.state import Chat


def visible_to(chat: Chat, user_id: int) -> list[Message]:
    """List the messages the user may see, the oldest first; a newcomer's history may be hidden."""
    relation = chat.relations.get(user_id)
    return chat.messages if relation is None else messages_after(chat, relation.hidden_up_to)


def messages_after(chat: Chat, message_id: int) -> list[Message]:
    """List the messages behind an id, which need not be there any more."""
    return chat.messages[bisect_right(chat.messages, message_id, key=attrgetter("id")) :]


def counts_for(message: Message, user_id: int) -> bool:
    """Tell whether a message raises the user's counter: one's own do not, nor do those of the portal."""
    return message.author not in {0, user_id}


def is_unread(chat: Chat, message: Message, user_id: int) -> bool:
    """Tell whether the member has yet to read the message."""
    relation = chat.relations.get(user_id)
    return relation is not None and message.id > relation.last_read_id and counts_for(message, user_id)


def counter_of(chat: Chat, user_id: int) -> int:
    """Count what the member has not read."""
    relation = chat.relations.get(user_id)
    if relation is None or relation.last_read_id >= chat.last_message_id:
        return 0
    return sum(counts_for(message, user_id) for message in messages_after(chat, relation.last_read_id))


def last_read_id(chat: Chat, user_id: int) -> int:
    """Return up to where the member has read; who is no member has read nothing."""
    relation = chat.relations.get(user_id)
    return 0 if relation is None else relation.last_read_id


def first_unread_id(chat: Chat, user_id: int) -> int:
    """Return the first message the member has yet to read, or 0."""
    if not counter_of(chat, user_id):
        return 0
    return next(
        message.id for message in messages_after(chat, last_read_id(chat, user_id)) if counts_for(message, user_id)
    )


def read(chat: Chat, user_id: int, up_to: int) -> list[Message]:
    """Read up to a message, never back; return what the member sees for the first time."""
    relation = chat.relations.get(user_id)
    if relation is None:
        return []
    seen_for_the_first_time = [
        message
        for message in messages_after(chat, max(relation.last_read_id, relation.viewed_id))
        if message.id <= up_to and counts_for(message, user_id)
    ]
    relation.last_read_id = max(relation.last_read_id, up_to)
    relation.viewed_id = max(relation.viewed_id, up_to)
    return seen_for_the_first_time


def set_unread(chat: Chat, user_id: int, first_unread: int) -> None:
    """Let the member's counter begin at a message; who is no member has no counter, and what is hidden stays out."""
    relation = chat.relations.get(user_id)
    if relation is not None:
        relation.last_read_id = max(first_unread - 1, relation.hidden_up_to)


def viewers(chat: Chat, message: Message) -> Iterator[int]:
    """List the members who have seen somebody else's message."""
    return (
        user_id
        for user_id, relation in chat.relations.items()
        if user_id != message.author and relation.viewed_id >= message.id
    )


def is_viewed_by_others(chat: Chat, message: Message) -> bool:
    """Tell whether anybody but its author has seen the message."""
    return next(viewers(chat, message), None) is not None
