"""What became of each chat of a bulk run."""

import enum
from typing import Generic, TypeVar

from attrs import field, frozen

from bitrix_chat.bulk.spec import ChatSpec
from bitrix_chat.errors import BitrixError

T = TypeVar("T")


class BulkState(enum.Enum):
    """What a result says; the first three are ends."""

    __hash__ = object.__hash__  # an enum's own is slow, and each result is counted under it

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    NOT_STARTED = "not started"


@frozen(kw_only=True)
class BulkResult(Generic[T]):
    """What became of one spec.

    Attributes:
        index: its place in the input, from 0; after `resume`, its number in the journal.
        spec: the spec, as it was given.
        key: its key, None without one.
        state: done, failed (it surely did not run), unknown (it may have), skipped (the journal had it done before), or
            not started (it did not run and may be sent yet).
        chat_id: the chat, where it is done or skipped.
        value: what `chat.add` returns for it; None where only the id is known: from a journal, or by a lookup.
        error: what it ended with, if it is not done.
        attempts: how often it may have left, earlier runs of the journal included.
        elapsed: seconds from when it was taken from the input until its end.
    """

    index: int
    spec: ChatSpec
    key: str | None = None
    state: BulkState
    chat_id: int | None = None
    value: T | None = field(default=None, repr=False)
    error: BitrixError | None = None
    attempts: int = 0
    elapsed: float = 0.0

    @property
    def dialog_id(self) -> str | None:
        """The chat's dialog id, `chat<id>`."""
        return None if self.chat_id is None else f"chat{self.chat_id}"
