"""What happened in chats, kept for those who ask for it and handed on for those who want it posted.

Bots in fetch mode and users who have subscribed ask; bots in webhook mode have a handler. An event is recorded once
for each recipient and shown when it is fetched. Whoever asks with an offset has
seen everything before it, and that is then gone; without an offset the same events come again and again.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, final

import attrs

from bitrix_chat.portal.policy import PortalPolicy

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
    COMMAND_ADD = "COMMANDADD"
    CONTEXT_GET = "CONTEXTGET"
    BOT_DELETE = "DELETE"


@final
@attrs.frozen(kw_only=True)
class LoggedEvent:
    """An event for one recipient; `message` is the message as it was then.

    Attributes:
        id: Its place in the queues; 0 for one that is posted.
        bot: The recipient, if it is a bot.
        chat: Where it happened; None when a bot is deleted.
    """

    id: int = 0
    recipient: int = 0
    bot: "Bot | None" = attrs.field(default=None, repr=False)
    happening: Happening
    date: float
    chat: "Chat | None" = attrs.field(repr=False)
    actor: int
    message: "Message | None"
    details: Mapping[str, Any] = attrs.field(repr=False)

    @property
    def type(self) -> str:
        """The type as answers carry it."""
        return ("ONIMV2" if self.bot is None else "ONIMBOTV2") + self.happening.value


@final
class EventLog:
    """The queues of all recipients, in one sequence of ids; `post` takes what is for bots in webhook mode."""

    def __init__(self, clock: Callable[[], float], bots: "Mapping[int, Bot]", policy: PortalPolicy) -> None:
        self.subscribers: set[int] = set()
        self.post: Callable[[LoggedEvent], None] = _to_nobody
        self._clock = clock
        self._bots = bots
        self._policy = policy
        self._events: list[LoggedEvent] = []
        self._recorded = 0

    def record(
        self,
        happening: Happening,
        chat: "Chat",
        actor: int,
        *,
        message: "Message | None" = None,
        joined: Iterable[int] = (),
        details: Mapping[str, Any] | None = None,
        for_bots: bool = True,
    ) -> None:
        """Record what `actor` did for everybody whom it concerns; what the portal does itself (0) concerns nobody.

        Args:
            happening: What happened.
            chat: Where.
            actor: Who did it.
            message: The message concerned; a copy is kept.
            joined: Who came into the chat.
            details: What only events of this kind carry (`reaction`, `action`).
            for_bots: Whether bots learn of it at all.
        """
        if not actor:
            return
        newcomers = frozenset(joined)
        bots = list(self._bots_concerned(happening, chat, actor, message, newcomers)) if for_bots else []
        users = list(self._users(chat, newcomers))
        if not (bots or users):
            return
        event = self._event(happening, chat, actor, message, details)
        for bot in bots:
            self._told(event, bot)
        for user_id in users:
            self._keep(event, user_id, None)

    def tell(
        self,
        bot: "Bot",
        happening: Happening,
        chat: "Chat | None",
        actor: int,
        *,
        message: "Message | None" = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an event for one bot: in its queue, or on its way to the bot's handler."""
        self._told(self._event(happening, chat, actor, message, details), bot)

    def _event(
        self,
        happening: Happening,
        chat: "Chat | None",
        actor: int,
        message: "Message | None",
        details: Mapping[str, Any] | None,
    ) -> LoggedEvent:
        return LoggedEvent(
            happening=happening,
            date=self._clock(),
            chat=chat,
            actor=actor,
            message=copy.copy(message),
            details=details or {},
        )

    def _told(self, event: LoggedEvent, bot: "Bot") -> None:
        if bot.event_mode == "webhook":
            self.post(attrs.evolve(event, recipient=bot.id, bot=bot))
        else:
            self._keep(event, bot.id, bot)

    def _keep(self, event: LoggedEvent, recipient: int, bot: "Bot | None") -> None:
        self._events.append(attrs.evolve(event, id=self._next_id(), recipient=recipient, bot=bot))

    def _next_id(self) -> int:
        self._recorded += 1
        if self._policy.event_ids == "swapped":
            return self._recorded + 1 if self._recorded % 2 else self._recorded - 1
        return self._recorded

    def _users(self, chat: "Chat", newcomers: frozenset[int]) -> Iterator[int]:
        """List the subscribers concerned: the members of the chat, or those of them who just came."""
        concerned = newcomers or chat.members
        return (user_id for user_id in sorted(self.subscribers) if user_id in concerned)

    def _bots_concerned(
        self, happening: Happening, chat: "Chat", actor: int, message: "Message | None", newcomers: frozenset[int]
    ) -> "Iterator[Bot]":
        for bot in self._bots.values():
            if bot.id not in chat.members:
                continue
            if bot.id in newcomers or (message is not None and self._is_told(bot, happening, chat, actor, message)):
                yield bot

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
        self._events = [event for event in self._events if event.date > oldest]
        own = sorted((event for event in self._events if event.recipient in recipients), key=_by_id)
        gone = [event for event in own if event.id < offset]
        waiting = own[len(gone) :]
        if gone:
            confirmed = {event.id for event in gone}
            self._events = [event for event in self._events if event.id not in confirmed]
        if self._policy.event_repeats == "acknowledged":
            waiting = gone + waiting
        elif self._policy.event_repeats == "listed":
            waiting = [event for event in waiting for _ in range(2)]
        return waiting[:limit]

    @property
    def pending(self) -> dict[int, list[int]]:
        """The ids of what has been neither confirmed nor dropped, by recipient."""
        pending: defaultdict[int, list[int]] = defaultdict(list)
        for event in self._events:
            pending[event.recipient].append(event.id)
        return dict(pending)

    def unsubscribe(self, user_id: int) -> None:
        """End a subscription; what was pending is gone."""
        self.subscribers.discard(user_id)
        self.forget(user_id)

    def forget(self, recipient: int) -> None:
        """Drop what is pending for somebody."""
        self._events = [event for event in self._events if event.recipient != recipient]


def _by_id(event: LoggedEvent) -> int:
    return event.id


def _to_nobody(_: LoggedEvent) -> None:
    """Drop an event of a bot in webhook mode, as long as nobody posts them."""


def _names(text: str, bot_id: int) -> bool:
    """Tell whether a text mentions a bot, with its name or with one of the writer's choice."""
    return f"[USER={bot_id}]" in text or f"[USER={bot_id} " in text
