"""What a journal says, read beside whoever may be writing to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bitrix_chat import BitrixError, BulkReport, BulkResult, Intent, Run

_SENT: Final = "it was sent, and what became of it is not known yet"


async def stored_run(path: Path) -> "Run":
    """Return which portal, method and bot a journal belongs to.

    Raises:
        JournalError: it is no journal, or cannot be read.
    """
    from bitrix_chat import SqliteJournal  # noqa: PLC0415  # not needed for help

    async with SqliteJournal.reading(path) as journal:
        return await journal.run()


async def stored_report(path: Path) -> "tuple[Run, BulkReport[Any]]":
    """Return what became of the chats of a journal so far; one that was sent and has not ended is unknown.

    Raises:
        JournalError: it is no journal, or cannot be read.
    """
    from bitrix_chat import BulkReport, SqliteJournal  # noqa: PLC0415  # not needed for help

    report: BulkReport[Any] = BulkReport()
    async with SqliteJournal.reading(path) as journal:
        run = await journal.run()
        report.is_complete = run.is_complete
        intents = await journal.read()
        while intents:
            for intent in intents:
                report.add(_result(intent))
            intents = await journal.read(after=intents[-1].number)
    return run, report


def described(run: "Run") -> str:
    """Say which portal, method and bot a journal belongs to, and when anything last left."""
    bot = "" if run.bot_id is None else f" of bot {run.bot_id}"
    last = "never" if run.sent_at is None else f"{run.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{run.method}{bot} on {run.portal}, last sent: {last}"


def _result(intent: "Intent") -> "BulkResult[Any]":
    from bitrix_chat import BulkResult, BulkState, ChatSpec, IntentState  # noqa: PLC0415

    states = {
        IntentState.PENDING: BulkState.NOT_STARTED,
        IntentState.SENT: BulkState.UNKNOWN,
        IntentState.DONE: BulkState.DONE,
        IntentState.FAILED: BulkState.FAILED,
        IntentState.UNKNOWN: BulkState.UNKNOWN,
    }
    return BulkResult(
        index=intent.number,
        spec=ChatSpec.from_json(intent.spec, intent.key),
        key=intent.key,
        state=states[intent.state],
        chat_id=intent.chat_id,
        error=_error(intent, is_sent=intent.state is IntentState.SENT),
        attempts=intent.attempts,
    )


def _error(intent: "Intent", *, is_sent: bool) -> "BitrixError | None":
    from bitrix_chat import BitrixError, Outcome  # noqa: PLC0415
    from bitrix_chat.bulk.stored_errors import error_from_json  # noqa: PLC0415

    if is_sent:
        return BitrixError(_SENT, outcome=Outcome.UNKNOWN)
    return None if intent.error is None else error_from_json(intent.error)
