"""What became of a bulk run, read from its journal alone, beside whoever may be writing to it."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from attrs import evolve

from bitrix_chat.bulk.journal import Intent, IntentState, Run
from bitrix_chat.bulk.report import BulkReport
from bitrix_chat.bulk.results import BulkResult, BulkState
from bitrix_chat.bulk.spec import ChatSpec
from bitrix_chat.bulk.stored_errors import error_from_json
from bitrix_chat.errors import BitrixError, InvalidParameter
from bitrix_chat.outcomes import Outcome

_PAGE: Final = 50
"""Intents that are read at a time: each may have an avatar of many megabytes."""
_NO_SPEC: Final = "the journal holds no spec here"
_SENT: Final = "it was sent, and what became of it is not known yet"
_STATES: Final = {
    IntentState.PENDING: BulkState.NOT_STARTED,
    IntentState.SENT: BulkState.UNKNOWN,
    IntentState.DONE: BulkState.DONE,
    IntentState.FAILED: BulkState.FAILED,
    IntentState.UNKNOWN: BulkState.UNKNOWN,
}


class Readable(Protocol):
    """A journal, as far as it is read."""

    async def read(self, after: int = -1, limit: int = 500) -> Sequence[Intent]:
        """Return up to `limit` intents with numbers above `after`, in their order."""
        ...


async def stored_report(journal: Readable, run: Run) -> BulkReport[Any]:
    """Return what became of the chats so far, without their avatars; one that was sent and has not ended is unknown.

    Raises:
        JournalError: the journal cannot be read.
    """
    report: BulkReport[Any] = BulkReport()
    report.is_complete = run.is_complete
    after = -1
    while intents := await journal.read(after, _PAGE):
        for intent in intents:
            report.add(_result(intent))
        after = intents[-1].number
    return report


def _result(intent: Intent) -> BulkResult[Any]:
    spec = _spec(intent)
    state, error = _STATES[intent.state], _error(intent)
    if spec is None and state is BulkState.NOT_STARTED:  # and never will be
        state, error = BulkState.FAILED, InvalidParameter(_NO_SPEC)
    return BulkResult(
        index=intent.number,
        spec=spec or ChatSpec(),
        key=intent.key,
        state=state,
        chat_id=intent.chat_id,
        error=error,
        attempts=intent.attempts,
    )


def _spec(intent: Intent) -> ChatSpec | None:
    """Return what a chat is to be, without its avatar; None where that cannot be read."""
    try:
        return evolve(ChatSpec.from_json(intent.spec, intent.key), avatar=None)
    except (RecursionError, ValueError):
        return None


def _error(intent: Intent) -> BitrixError | None:
    if intent.state is IntentState.SENT:
        return BitrixError(_SENT, outcome=Outcome.UNKNOWN)
    return None if intent.error is None else error_from_json(intent.error)
