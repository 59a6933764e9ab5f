"""What to do after a bulk run that left something: it depends on what that is, and on what the journal holds."""

import asyncio
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitrix_chat import InvalidParameter, JournalError, KeyReused
from bitrix_chat.cli.stored_runs import missing_rows

if TYPE_CHECKING:
    from bitrix_chat import BulkReport

_REUSED = (
    "The journal has other chats under some of these keys: give those rows other keys, or restore them as they were."
)


async def advise(report: "BulkReport[Any]", journal: Path, *, is_cut_short: bool) -> None:
    """Say on stderr how to go on."""
    errors = [result.error for result in report.failed]
    if any(isinstance(error, KeyReused) for error in errors):
        print(_REUSED, file=sys.stderr)
    command = f"bitrix-chat resume {shlex.quote(str(journal))}"
    if missing := await _missing(journal):
        print(f"bitrix-chat: {missing}", file=sys.stderr)
    elif is_cut_short or report.unknown or report.not_started or not report.is_complete:
        print(f"Go on with: {command}", file=sys.stderr)
    elif not all(isinstance(error, InvalidParameter) for error in errors):
        print(f"Try what failed again with: {command} --retry-failed", file=sys.stderr)


def changed_input(error: BaseException | None, journal: Path | None) -> str | None:
    """Say what to do where the rows are not those of the journal; None where something else went wrong."""
    if not isinstance(error, KeyReused) or error.key is not None or journal is None:
        return None
    return (
        "a row without a key is not the one that the journal has in its place, so the file was changed: restore it, or"
        f" go on without it by `bitrix-chat resume {shlex.quote(str(journal))}`; new rows belong at the end, or into a"
        " file with a journal of its own, or need keys"
    )


async def _missing(journal: Path) -> str | None:
    if not await asyncio.to_thread(journal.exists):
        return "nothing was sent: run the same `bulk` again"
    try:
        return await missing_rows(journal)
    except JournalError:  # what cannot be read now, resuming will tell of
        return None
