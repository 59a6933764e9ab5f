"""One spec on its way through a bulk run, and what its end means for the run and for the journal."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from attrs import define, field

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import Ending, IntentState
from bitrix_chat.bulk.results import BulkResult, BulkState
from bitrix_chat.bulk.spec import ChatSpec
from bitrix_chat.bulk.stored_errors import error_as_json
from bitrix_chat.errors import (
    AuthError,
    BitrixError,
    BotError,
    ClientClosed,
    DeadlineExceeded,
    InsufficientScope,
    InvalidParameter,
    MethodNotFound,
    OutcomeUnknown,
    PortalDeleted,
    PortalOverloaded,
    PortalUnreachable,
    TokenRefreshFailed,
    TokenStoreError,
    UntrustedCertificate,
    UntrustedRedirect,
    WrongEventLoop,
)
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.keys import BEYOND_IDS
from bitrix_chat.rest.request import Exchange

T = TypeVar("T")

_MEETS_ALL: Final = (
    AuthError,
    BotError,
    ClientClosed,
    InsufficientScope,
    JournalError,
    MethodNotFound,
    PortalDeleted,
    PortalOverloaded,
    PortalUnreachable,
    TokenRefreshFailed,
    TokenStoreError,
    UntrustedRedirect,
    WrongEventLoop,
)
"""What is not about one chat: the next would meet it too."""
_PASSES: Final = (PortalUnreachable, TokenRefreshFailed)


@define(eq=False)
class Item(Generic[T]):
    """One spec.

    Attributes:
        index: its place in the input, or its number after `resume`.
        spec: what was given.
        key: its key.
        call: what creates it, None where it will not be created.
        number: its number in the journal, None without one.
        lost: what an earlier process has left open, None where it surely did not send it.
        attempts: how often it may have left.
        attempts_before: how often before this run.
        task: what sees it through, where that needs a task.
        recall: gives up what is under way for it, None where nothing is.
        taken_at: when it was taken from the input, by the loop's clock.
        result: what became of it, where that is known from the start.
    """

    index: int
    spec: ChatSpec
    key: str | None
    call: Call[T] | None = None
    number: int | None = None
    lost: OutcomeUnknown | None = None
    attempts: int = 0
    attempts_before: int = field(default=0, init=False)
    _announced: Exchange | None = field(default=None, init=False)
    _failed_before: BitrixError | None = field(default=None, init=False)
    task: asyncio.Task[None] | None = None
    recall: Callable[[], object] | None = None
    taken_at: float = 0.0
    result: BulkResult[T] | None = None

    def __attrs_post_init__(self) -> None:
        self.attempts_before = self.attempts

    def announce(self, exchange: Exchange) -> None:
        """Take it that it is about to leave."""
        self.attempts += 1
        self._announced, self._failed_before = exchange, exchange.error

    def stay(self) -> None:
        """Take it that it does not leave after all."""
        self.attempts -= 1
        self._announced = None

    @property
    def is_leaving(self) -> bool:
        """Whether it was announced in the attempt that is being made, so that it may leave at any moment."""
        return self._announced is not None and self._announced.error is self._failed_before

    def ended(self, state: BulkState, **known: Any) -> BulkResult[T]:
        """Return its result."""
        return BulkResult(index=self.index, spec=self.spec, key=self.key, state=state, attempts=self.attempts, **known)


def state_of(error: BitrixError) -> BulkState:
    """Return what an error says of a chat: whether it failed, may be there, is there, or may be created yet."""
    if error.outcome is Outcome.UNKNOWN:
        return BulkState.UNKNOWN
    if error.outcome is Outcome.DONE:
        return BulkState.DONE
    if isinstance(error, InvalidParameter):
        return BulkState.FAILED
    if error.outcome is not Outcome.REFUSED or meets_all(error):
        return BulkState.NOT_STARTED
    return BulkState.FAILED


def meets_all(error: BitrixError) -> bool:
    """Return whether an error is not about one chat, so that the run has to stop."""
    return isinstance(error, _MEETS_ALL) and not isinstance(error, OutcomeUnknown)


def passes(error: BitrixError) -> bool:
    """Return whether waiting may help: the portal or the network is away, and nothing was sent."""
    is_away = isinstance(error, _PASSES) and not isinstance(error, UntrustedCertificate | DeadlineExceeded)
    return is_away and error.outcome in {Outcome.NOT_SENT, Outcome.REFUSED_TEMPORARY}


def ending_of(number: int, result: BulkResult[Any]) -> Ending:
    """Return what a journal keeps of a result."""
    state = _JOURNALED[result.state]
    is_end = state in {IntentState.FAILED, IntentState.UNKNOWN}
    error = error_as_json(result.error) if result.error is not None and is_end else None
    chat_id = result.chat_id if result.chat_id is None or 0 < result.chat_id < BEYOND_IDS else None
    return Ending(number=number, state=state, chat_id=chat_id, error=error)


_JOURNALED: Final = {
    BulkState.DONE: IntentState.DONE,
    BulkState.SKIPPED: IntentState.DONE,
    BulkState.FAILED: IntentState.FAILED,
    BulkState.UNKNOWN: IntentState.UNKNOWN,
    BulkState.NOT_STARTED: IntentState.PENDING,
}
