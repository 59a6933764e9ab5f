"""What a journal says, read beside whoever may be writing to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from bitrix_chat import InvalidParameter, JournalError
from bitrix_chat.cli.endings import printable
from bitrix_chat.cli.whole_numbers import whole_number

if TYPE_CHECKING:
    from bitrix_chat import BitrixError, BulkReport, BulkResult, ChatSpec, Intent, Run

_PAGE: Final = 50
"""Intents that are read at a time: each may have an avatar of many megabytes."""
_NO_SPEC: Final = "the journal holds no spec here"
_SENT: Final = "it was sent, and what became of it is not known yet"


async def stored_run(path: Path) -> "Run":
    """Return which portal, method and bot a journal belongs to.

    Raises:
        JournalError: it is no journal, or cannot be read.
    """
    from bitrix_chat import SqliteJournal  # noqa: PLC0415  # not needed for help

    async with SqliteJournal.reading(path) as journal:
        return await journal.run()


async def missing_rows(path: Path) -> str | None:
    """Say what to do if a journal holds a part of the input only; None where it holds all of it.

    Raises:
        JournalError: it is no journal, or cannot be read.
    """
    from bitrix_chat import SqliteJournal  # noqa: PLC0415  # not needed for help

    async with SqliteJournal.reading(path) as journal:
        run, count = await journal.run(), await journal.count()
    return None if run.is_complete else only_first(count)


def only_first(count: int) -> str:
    """Say what to do about a journal that holds so many rows of its input and not the others."""
    rows = {0: "no row", 1: "only the first row"}.get(count, f"only the first {count:,} rows")
    return f"the journal holds {rows} of the input: run the same `bulk` again with it"


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
        after = -1
        while intents := await journal.read(after, _PAGE):
            for intent in intents:
                report.add(_result(intent))
            after = intents[-1].number
    return run, report


def described(run: "Run") -> str:
    """Say which portal, method and bot a journal belongs to, and when anything last left."""
    bot = "" if run.bot_id is None else f" of bot {run.bot_id}"
    last = "never" if run.sent_at is None else f"{run.sent_at:%Y-%m-%d %H:%M:%S} UTC"
    return printable(f"{run.method}{bot} on {run.portal}, last sent: {last}")


def bot_of(run: "Run") -> int | None:
    """Return the bot whose chats a journal is about, None where they are a user's.

    Raises:
        JournalError: it names one that cannot be.
    """
    if run.bot_id is None:
        return None
    try:
        return whole_number(run.bot_id)
    except ValueError:
        pass
    raise JournalError(f"the journal names the bot {printable(run.bot_id)!r}, which is no id; it is damaged")


def _result(intent: "Intent") -> "BulkResult[Any]":
    from bitrix_chat import BulkResult, BulkState, ChatSpec, IntentState  # noqa: PLC0415

    spec = _spec(intent)

    states = {
        IntentState.PENDING: BulkState.NOT_STARTED,
        IntentState.SENT: BulkState.UNKNOWN,
        IntentState.DONE: BulkState.DONE,
        IntentState.FAILED: BulkState.FAILED,
        IntentState.UNKNOWN: BulkState.UNKNOWN,
    }
    state, error = states[intent.state], _error(intent, is_sent=intent.state is IntentState.SENT)
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


def _spec(intent: "Intent") -> "ChatSpec | None":
    """Return what a chat is to be, without its avatar; None where that cannot be read."""
    from bitrix_chat import ChatSpec  # noqa: PLC0415

    try:
        return evolve(ChatSpec.from_json(intent.spec, intent.key), avatar=None)
    except (RecursionError, ValueError):
        return None


def _error(intent: "Intent", *, is_sent: bool) -> "BitrixError | None":
    from bitrix_chat import BitrixError, Outcome  # noqa: PLC0415
    from bitrix_chat.bulk.stored_errors import error_from_json  # noqa: PLC0415

    if is_sent:
        return BitrixError(_SENT, outcome=Outcome.UNKNOWN)
    return None if intent.error is None else error_from_json(intent.error)
