"""What happened in chats, kept for those who ask for it: bots in fetch mode and users who have subscribed.

An event is recorded once for each recipient and shown when it is fetched. Whoever asks with an offset has
seen everything before it, and that is then gone; without an offset the same events come again and again.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, final

import attrs

if TYPE_CHECKING:
    from bitrix_chat.portal.messages import Message
    from bitrix_chat.portal.state import Bot, Chat

_RETENTION: Final = 24 * 3600
_HEARS_ALL: Final = frozenset({"supervisor", "personal"})


@final
class Happening(Enum):
    """What can happen; an event's type is this behind `ONIMBOTV2` or `ONIMV2`."""

    MESSAGE_ADD = "MESSAGEADD"
    MESSAGE_UPDATE = "MESSAGEUPDATE"
    MESSAGE_DELETE = "MESSAGEDELETE"
    JOIN_CHAT = "JOINCHAT"
    REACTION_CHANGE = "REACTIONCHANGE"


@final
@attrs.frozen(kw_only=True)
class LoggedEvent:
    """An event in one recipient's queue; `message` is the message as it was then."""

    id: int
    recipient: int
    of_bot: bool
    happening: Happening
    date: float
    chat: "Chat" = attrs.field(repr=False)
    actor: int
    message: "Message | None"
    details: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The type as answers carry it."""
        return ("ONIMBOTV2" if self.of_bot else "ONIMV2") + self.happening.value


@final
class EventLog:
    """The queues of all recipients, in one sequence of ids."""

    def __init__(self, clock: Callable[[], float], bots: "Mapping[int, Bot]") -> None:
        self.subscribers: set[int] = set()
        self._clock = clock
        self._bots = bots
        self._events: list[LoggedEvent] = []
        self._last_id = 0

    def record(
        self,
        happening: Happening,
        chat: "Chat",
        actor: int,
        *,
        message: "Message | None" = None,
        joined: Iterable[int] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Record what `actor` did for everybody whom it concerns; what the portal does itself (0) concerns nobody.

        Args:
            happening: What happened.
            chat: Where.
            actor: Who did it.
            message: The message concerned; a copy is kept.
            joined: Who came into the chat.
            details: What only events of this kind carry (`reaction`, `action`).
        """
        if not actor:
            return
        newcomers = frozenset(joined)
        for recipient in (
            *self._bots_concerned(happening, chat, actor, message, newcomers),
            *self._users(chat, newcomers),
        ):
            self._last_id += 1
            event = LoggedEvent(
                id=self._last_id,
                recipient=recipient,
                of_bot=recipient in self._bots,
                happening=happening,
                date=self._clock(),
                chat=chat,
                actor=actor,
                message=copy.copy(message),
                details=details or {},
            )
            self._events.append(event)

    def _users(self, chat: "Chat", newcomers: frozenset[int]) -> Iterator[int]:
        """List the subscribers concerned: the members of the chat, or those of them who just came."""
        concerned = newcomers or chat.members
        return (user_id for user_id in sorted(self.subscribers) if user_id in concerned)

    def _bots_concerned(
        self, happening: Happening, chat: "Chat", actor: int, message: "Message | None", newcomers: frozenset[int]
    ) -> Iterator[int]:
        for bot in self._bots.values():
            if bot.event_mode != "fetch" or bot.id not in chat.members:
                continue
            if bot.id in newcomers or (message is not None and self._is_told(bot, happening, chat, actor, message)):
                yield bot.id

    def _is_told(self, bot: "Bot", happening: Happening, chat: "Chat", actor: int, message: "Message") -> bool:
        """Tell whether a bot learns of a message: what bots do, no bot does, and in a group it must be named."""
        if actor in self._bots:
            return False
        if happening is Happening.REACTION_CHANGE:
            return bot.reactions_enabled and message.author == bot.id
        return chat.type == "private" or bot.type in _HEARS_ALL or _names(message.text, bot.id)

    def fetch(self, recipients: frozenset[int], offset: int, limit: int) -> list[LoggedEvent]:
        """Forget what comes before the offset, for these recipients, and return what comes next."""
        oldest = self._clock() - _RETENTION
        self._events = [
            event
            for event in self._events
            if event.date > oldest and (event.id >= offset or event.recipient not in recipients)
        ]
        return [event for event in self._events if event.recipient in recipients][:limit]

    def unsubscribe(self, user_id: int) -> None:
        """End a subscription; what was pending is gone."""
        self.subscribers.discard(user_id)
        self.forget(user_id)

    def forget(self, recipient: int) -> None:
        """Drop what is pending for somebody."""
        self._events = [event for event in self._events if event.recipient != recipient]


def _names(text: str, bot_id: int) -> bool:
    """Tell whether a text mentions a bot, with its name or with one of the writer's choice."""
    return f"[USER={bot_id}]" in text or f"[USER={bot_id} " in text
