"""What each person has made of their list of recent chats: pinned, marked as unread, hidden."""

from typing import final


@final
class Recents:
    """The exceptions from the rule that every chat with a message is in its members' lists."""

    def __init__(self) -> None:
        self._pinned: set[tuple[int, int]] = set()
        self._marked: set[tuple[int, int]] = set()
        self._hidden: dict[tuple[int, int], int] = {}

    def pin(self, user_id: int, chat_id: int, *, pinned: bool) -> None:
        """Keep the chat on top of the list, or no longer."""
        (self._pinned.add if pinned else self._pinned.discard)((user_id, chat_id))

    def mark(self, user_id: int, chat_id: int, *, unread: bool) -> None:
        """Mark the chat as unread, whatever its counter says, or take the mark away."""
        (self._marked.add if unread else self._marked.discard)((user_id, chat_id))

    def hide(self, user_id: int, chat_id: int, last_message_id: int) -> None:
        """Take the chat out of the list until something newer than this message is said in it."""
        self._hidden[user_id, chat_id] = last_message_id
        self.pin(user_id, chat_id, pinned=False)

    def forget(self, user_id: int, chat_id: int) -> None:
        """Drop everything a person has made of a chat that they have left."""
        self.pin(user_id, chat_id, pinned=False)
        self.mark(user_id, chat_id, unread=False)
        self._hidden.pop((user_id, chat_id), None)

    def is_pinned(self, user_id: int, chat_id: int) -> bool:
        """Tell whether the chat is on top."""
        return (user_id, chat_id) in self._pinned

    def is_marked(self, user_id: int, chat_id: int) -> bool:
        """Tell whether the chat is marked as unread."""
        return (user_id, chat_id) in self._marked

    def shows(self, user_id: int, chat_id: int, last_message_id: int) -> bool:
        """Tell whether a chat with this last message is not hidden; a chat without any is in no list."""
        return last_message_id > self._hidden.get((user_id, chat_id), 0)
