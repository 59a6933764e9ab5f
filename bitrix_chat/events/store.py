"""What a consumer of events must not forget when its process dies, as a protocol: keep it where you like."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable

from attrs import field, frozen

Release: TypeAlias = Callable[[], None]
"""Gives a lease back; a second call does nothing, and so does one after another consumer has it."""


@frozen(kw_only=True)
class KeptEvent:
    """A posted event that waits for its handler.

    Attributes:
        number: its place; they are handled in this order.
        key: by what a repetition is told.
        body: what was posted, without secrets.
        kept_at: when it came.
    """

    number: int
    key: str
    body: Mapping[str, Any] = field(repr=False)
    kept_at: datetime


@frozen(kw_only=True)
class DeadLetter:
    """An event whose handler failed every time; it was acknowledged, and is here to be looked at.

    Attributes:
        number: its place among the dead letters.
        key: the key of its delivery.
        body: `type`, `id`, `date` and `data` of the event.
        error: the last traceback, without the values of variables and without secrets.
        buried_at: when it was given up.
    """

    number: int
    key: str
    body: Mapping[str, Any] = field(repr=False)
    error: str = field(repr=False)
    buried_at: datetime


@runtime_checkable
class EventStore(Protocol):
    """Remembers what was handled, what was posted, and what failed for good.

    `MemoryEventStore` and `SqliteEventStore` are two; a table of your own database may be another, and the contract
    suite `tests/contracts/test_event_store.py` says what it owes. Every method that changes something returns when
    that would survive the process, as far as the store promises that at all, and may raise whatever it likes: an event
    is not acknowledged then.
    """

    async def lease(self, name: str) -> Release:
        """Take the consumer of this name for oneself, until it is released or the process ends.

        Raises:
            ConsumerBusy: somebody else has it.
        """
        ...

    async def handled(self, consumer: str) -> Collection[int]:
        """Return the ids of the polled events that were handled last: at least the last 2,000 of the last 24 hours.

        The portal holds the cursor; these ids tell what it sends again although it was handled.
        """
        ...

    async def mark_handled(self, consumer: str, event_ids: Collection[int]) -> None:
        """Remember that these events were handled."""
        ...

    async def keep(self, key: str, body: Mapping[str, Any], *, ttl: float) -> bool:
        """Keep a posted event and return True; False where its key came within the last `ttl` seconds, or waits still.

        Raises:
            InboxFull: too many wait.
        """
        ...

    async def pending(self, after: int = 0, limit: int = 100) -> Sequence[KeptEvent]:
        """Return posted events that wait, from behind the number `after` on, in the order in which they came."""
        ...

    async def finish(self, key: str) -> None:
        """Remember that a posted event was handled; its body is not needed any more, its key is."""
        ...

    async def arrival(self, timeout: float) -> None:  # noqa: ASYNC109  # not a bound on work, a length of waiting
        """Return when an event was kept through this object, or after `timeout` seconds; it may return early."""
        ...

    async def bury(self, key: str, body: Mapping[str, Any], error: str) -> None:
        """Keep an event that was given up; one of the same key is replaced."""
        ...

    async def buried(self, after: int = 0, limit: int = 100) -> Sequence[DeadLetter]:
        """Return what was given up, from behind the number `after` on."""
        ...

    async def exhume(self, key: str) -> bool:
        """Forget a dead letter; False if there is none of this key."""
        ...

    async def close(self) -> None:
        """Finish what was called before, and let go of files."""
        ...
