"""`bitrix-chat report`: what became of a bulk run, read from its journal alone."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bitrix_chat.cli import endings
from bitrix_chat.cli.bulk_options import check_report
from bitrix_chat.cli.bulk_running import tell
from bitrix_chat.cli.bulk_tables import Telling, by_number, exit_code
from bitrix_chat.cli.stored_runs import described, only_first, stored_report


async def report(journal: Path, /, *, out: Annotated[Path | None, Parameter(name="--report")] = None) -> int:
    """Print what became of the chats of a bulk run so far.

    It reads the journal and asks no portal, also while the run goes on; what is on its way then counts as unknown.
    Exit codes: 0 all done, 1 some were refused or not started, 2 no journal, 3 some may have been created and nobody
    knows, 5 the file of --report could not be written.

    Args:
        journal: The journal of the run.
        out: Write what became of each chat into this file, as JSON Lines.
    """
    check_report(out, journal)
    run, found = await stored_report(journal)
    is_told = tell(found, Telling(out, by_number, "number", described(run)))
    if not run.is_complete:
        print(f"bitrix-chat: {only_first(len(found))}", file=sys.stderr)
    return exit_code(found) if is_told else exit_code(found) or endings.NOT_PRINTED
