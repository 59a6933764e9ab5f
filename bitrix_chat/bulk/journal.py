"""What is kept of a bulk run so that it survives its process: intents, "sent" before the first byte, ends after."""

import enum
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from attrs import field, frozen


class IntentState(enum.Enum):
    """How far one intent has come, as the journal knows it."""

    PENDING = "pending"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class Run:
    """What a journal is about; it belongs to one portal, one method and, for a bot's chats, one bot.

    Attributes:
        method: `im.chat.add` or `imbot.v2.Chat.add`.
        portal: the portal's host.
        bot_id: the bot, None for a user's chats.
        is_complete: whether all intents of the input are in it.
        keeps_entities: whether the portal was seen to keep the entity of a bot's chat.
        sent_at: when anything last left, None before.
    """

    method: str
    portal: str
    bot_id: str | None = None
    is_complete: bool = False
    keeps_entities: bool = False
    sent_at: datetime | None = None


@frozen(kw_only=True)
class Intent:
    """One chat that is to be created.

    Attributes:
        number: its place in the journal, from 0; an intent with a key is found by that, one without by its number.
        key: by which the portal is asked for it, None without one.
        spec: what it is to be, as `ChatSpec.to_json` writes it; never a secret.
        state: how far it has come.
        attempts: how often it may have left.
        sent_at: when it last may have left, by the wall clock (UTC).
        uptime: the same by `time.monotonic()`, which counts on across processes until the machine starts anew.
        chat_id: what became of it, if it is done.
        error: what it ended with otherwise, as JSON: `error`, `code`, `description`, `outcome`.
    """

    number: int
    key: str | None = None
    spec: str = field(repr=False)
    state: IntentState = IntentState.PENDING
    attempts: int = 0
    sent_at: datetime | None = None
    uptime: float | None = None
    chat_id: int | None = None
    error: str | None = None


@frozen(kw_only=True)
class Ending:
    """What became of an intent.

    Attributes:
        number: whose.
        state: `DONE`, `FAILED` or `UNKNOWN`; `PENDING` for what surely did not run and may be sent yet.
        chat_id: the chat, if it is done.
        error: as JSON, otherwise.
    """

    number: int
    state: IntentState
    chat_id: int | None = None
    error: str | None = None


@runtime_checkable
class Journal(Protocol):
    """Keeps the intents of one run; `SqliteJournal` is one, and a table of your own database may be another.

    Where your business rows and the intents belong into one transaction, write the intents there yourself, pending, and
    `resume` from a `Journal` that reads them. All methods may raise whatever they like: it reaches the caller as the
    cause of a `JournalError`, and nothing is sent that was not committed before.
    """

    async def begin(self, run: Run) -> Run:
        """Take the journal for this process alone, make it if there is none, and return what it says of itself.

        Called once, with the method, portal and bot that are about to use it. It returns the stored run (`run` itself
        for a new journal); whether that fits is the caller's to judge.

        Raises:
            JournalInUse: another process writes to it.
            JournalError: it cannot be opened, or is no journal of this version.
        """
        ...

    async def add(self, intents: Sequence[Intent]) -> Sequence[Intent]:
        """Commit those that are new, all or none, and return each as it is kept, in the order given.

        One with a key is new unless the key is there; it then keeps its own number, and a new one gets the next free
        number. One without a key is new unless its number is taken.

        Raises:
            KeyReused: a key, or a number, is there with another spec.
        """
        ...

    async def departing(self, numbers: Sequence[int], sent_at: datetime, uptime: float) -> None:
        """Commit, durably, that these may have left: `SENT`, one attempt more. Nothing is sent if it raises.

        Raises:
            JournalError: one of them is done, or not there; then none is marked.
        """
        ...

    async def finish(self, endings: Sequence[Ending]) -> None:
        """Commit what became of some."""
        ...

    async def note(self, *, is_complete: bool | None = None, keeps_entities: bool | None = None) -> None:
        """Commit what was learned of the run; None leaves a fact as it is."""
        ...

    async def read(self, after: int = -1, limit: int = 500) -> Sequence[Intent]:
        """Return up to `limit` intents with numbers above `after`, in their order."""
        ...

    async def count(self) -> int:
        """Return how many intents there are."""
        ...

    async def close(self) -> None:
        """Let others have the journal; what was called before is committed first."""
        ...
