"""How a run works, and how it went."""

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

from attrs import define, field, frozen

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.bot_events import JoinedChat
from bitrix_chat.events.delivery import Delivery

OnDeadLetter: TypeAlias = Callable[[Delivery, Exception], object]
"""Told, by a plain or an async function, of an event that was given up and what its handler last failed with."""
OnJoined: TypeAlias = Callable[[JoinedChat], object]
"""Told, by a plain or an async function, that the bot came into a chat by a deed of its own, before any handler is."""


@define
class RunCounts:
    """What became of events so far.

    Attributes:
        handled: by a handler.
        unmatched: acknowledged without one, by type.
        retried: attempts after the first.
        buried: given up, and kept as dead letters.
    """

    handled: int = 0
    unmatched: Counter[str] = field(factory=Counter)
    retried: int = 0
    buried: int = 0


@frozen(kw_only=True)
class RunOptions:
    """How a run works; see `Bot.run`."""

    concurrency: int = 16
    attempts: int = 3
    backoff: float = 1.0
    drain: float = 30.0
    on_dead_letter: OnDeadLetter | None = None
    on_joined: OnJoined | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("concurrency", "attempts"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise InvalidParameter(f"`{name}` is {value!r}, but it is a whole number from 1 on")
        for name in ("backoff", "drain"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise InvalidParameter(f"`{name}` is {value!r}, but it is seconds, 0 or more")
