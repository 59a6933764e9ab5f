"""What a journal says, read beside whoever may be writing to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitrix_chat import JournalError
from bitrix_chat.cli.endings import printable
from bitrix_chat.cli.whole_numbers import whole_number

if TYPE_CHECKING:
    from bitrix_chat import BulkReport, Run


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
    from bitrix_chat import SqliteJournal  # noqa: PLC0415  # not needed for help
    from bitrix_chat.bulk.stored_report import stored_report as read  # noqa: PLC0415

    async with SqliteJournal.reading(path) as journal:
        run = await journal.run()
        return run, await read(journal, run)


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
