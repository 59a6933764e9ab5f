"""`bitrix-chat resume`: a bulk run goes on where it was interrupted or killed, by its journal alone."""

from pathlib import Path

from bitrix_chat.cli.bulk_connection import BulkConnection
from bitrix_chat.cli.bulk_options import RunOptions
from bitrix_chat.cli.bulk_running import run_job
from bitrix_chat.cli.bulk_tables import Telling, by_number
from bitrix_chat.cli.stored_runs import bot_of, described, stored_run

_CONNECTION = BulkConnection()
_OPTIONS = RunOptions()


async def resume(
    journal: Path,
    /,
    *,
    retry_failed: bool = False,
    options: RunOptions = _OPTIONS,
    connection: BulkConnection = _CONNECTION,
) -> int:
    """Go on with a bulk run: create what is missing, and look up what may have been created.

    The chats, the method and the bot come from the journal; the portal has to be the same.

    Exit codes are those of `bitrix-chat bulk`.

    Args:
        journal: The journal of the run.
        retry_failed: Create those again that were refused.
        options: How the run goes.
        connection: Which portal, and as whom.
    """
    options.check(journal)
    run = await stored_run(journal)
    bot_id = bot_of(run)
    async with connection.client() as b24:
        chats = connection.chats(b24, bot_id)
        job = chats.resume(journal, retry_failed=retry_failed, **options.of_job)
        if await options.told_plan(job):
            return 0
        await connection.check(b24, bot_id)
        return await run_job(b24, job, Telling(options.report, by_number, "number", described(run)), journal)
