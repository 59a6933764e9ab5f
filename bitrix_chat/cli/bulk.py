"""`bitrix-chat bulk`: a file of chats, each created once, however often the run is interrupted."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.answers import check_writable
from bitrix_chat.cli.bulk_connection import BulkConnection
from bitrix_chat.cli.bulk_options import RunOptions
from bitrix_chat.cli.bulk_running import run_job
from bitrix_chat.cli.bulk_tables import Telling
from bitrix_chat.cli.bulk_workers import Enqueueing, enqueue_and_follow
from bitrix_chat.cli.chat_input import ChatFile
from bitrix_chat.cli.chat_rows import Format, Row
from bitrix_chat.cli.whole_numbers import WholeNumber

if TYPE_CHECKING:
    from bitrix_chat import BulkResult

_CONNECTION = BulkConnection()
_OPTIONS = RunOptions()


async def bulk(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    journal: Path | None = None,
    bot_id: WholeNumber | None = None,
    file_format: Annotated[Format | None, Parameter(name="--format")] = None,
    key_column: str | None = None,
    key_is_new: bool = False,
    workers: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    docket: str | None = None,
    forget: bool = False,
    skip_bad: bool = False,
    avatars_anywhere: bool = False,
    options: RunOptions = _OPTIONS,
    connection: BulkConnection = _CONNECTION,
) -> int:
    """Create a chat for every row of a file: by im.chat.add, or with --bot-id by imbot.v2.Chat.add.

    A CSV file names its columns in the first line, divided by commas, semicolons or tabs; JSON Lines have an object a
    line. All rows are checked before anything is sent. Empty cells are not given. The columns, all of them optional:

    - `title`, `description`, `message` (the first message), `copilot_main_role`: text
    - `color`, `type` (chat or open): as the portal names them
    - `avatar`: the path of an image in the folder of the file, or below it
    - `user_ids`: numbers divided by blanks, commas or semicolons; `owner_id`: a number, with --bot-id only
    - `entity_type` and `entity_id`: what the chat belongs to
    - `key`: a name of your own, under which there is one chat however often it is asked for; instead of an entity

    With --journal, a run that was interrupted or killed goes on by `bitrix-chat resume`, and no chat is created twice.
    Ctrl-C waits for what is on its way; a second one stops at once.

    With --workers the chats are given to the workers of a Redis or Valkey server, `bitrix-chat worker`, on any number
    of machines, and this follows them: Ctrl-C ends the following alone. Every chat needs a key then, and --journal is a
    name on that server; the same command again finds its journal, and follows on.

    Exit codes: 0 all done, 1 some were refused or not started, 2 wrong usage or wrong rows (nothing was sent), 3 some
    may have been created and nobody knows, 4 the portal was not reached, 5 all done but --report could not be written,
    130 interrupted.

    Args:
        file: The file, or - for stdin.
        journal: Keep the chats and what became of them in this file, which only its owner may read.
        bot_id: The bot that creates the chats; without it the user of the webhook or token does.
        file_format: csv, or jsonl for JSON Lines; told by the file's ending without it.
        key_column: The column that holds the key, if it is not called that.
        key_is_new: The keys were surely never used, so that they need not be looked up first.
        workers: Let workers create the chats: the address of their server, redis://host/0 for example, or @FILE.
        docket: The name of the workers' queue; without it, bitrix-chat:HOST by the portal's host.
        forget: With --workers, delete the journal from the server once all chats have ended; it stays there otherwise.
        skip_bad: Leave out rows that are wrong, and go on with the others.
        avatars_anywhere: Send images from outside of the file's folder, too: the file then chooses any on this machine.
        options: How the run goes.
        connection: Which portal, and as whom.
    """
    chats = ChatFile(file, file_format, key_column, skip_bad, avatars_anywhere)
    if workers is not None:
        asked = Enqueueing(docket, file, None if journal is None else str(journal), bot_id, key_is_new, forget)
        return await enqueue_and_follow(workers, asked, chats, options, connection)
    if forget:
        raise InvalidParameter("--forget needs --workers: a journal that is a file is yours to delete")
    options.check(Path(file), journal)
    check_writable(journal, "--journal")
    async with connection.client() as b24:
        branch = connection.chats(b24, bot_id)
        rows = chats.rows(branch.add)
        specs = [row.spec for row in rows]
        job = branch.bulk(specs, journal=journal, key_is_new=key_is_new, **options.of_job)
        if await options.told_plan(job):
            return 0
        await connection.check(b24, bot_id)
        _warn(rows, journal)
        return await run_job(b24, job, Telling(options.report, _by_line(rows), "line"), journal)


def _warn(rows: Sequence[Row], journal: Path | None) -> None:
    without_key = sum(row.spec.key is None for row in rows)
    if journal is None:
        print("bitrix-chat: without --journal nobody knows what was created if this is killed", file=sys.stderr)
    elif without_key:
        some = "1 row has" if without_key == 1 else f"{without_key:,} rows have"
        print(f"bitrix-chat: {some} no key: what a lost answer leaves behind cannot be found", file=sys.stderr)


def _by_line(rows: Sequence[Row]) -> Any:
    def name(result: "BulkResult[Any]") -> str:
        return str(rows[result.index].line)

    return name
