"""`bitrix-chat bulk --workers`: the chats are written down, workers create them, and this follows how far they are."""

import asyncio
import hashlib
import shlex
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from bitrix_chat import InvalidParameter
from bitrix_chat.cli import endings
from bitrix_chat.cli.bulk_connection import BulkConnection
from bitrix_chat.cli.bulk_options import RunOptions
from bitrix_chat.cli.bulk_progress import ProgressDisplay
from bitrix_chat.cli.bulk_running import tell
from bitrix_chat.cli.bulk_server import server_of
from bitrix_chat.cli.bulk_tables import Telling, exit_code
from bitrix_chat.cli.chat_input import ChatFile
from bitrix_chat.cli.chat_rows import Row
from bitrix_chat.cli.interrupts import Interrupts, listening
from bitrix_chat.cli.log_lines import said

if TYPE_CHECKING:
    from docket import Docket

    from bitrix_chat import BulkReport, BulkResult
    from bitrix_chat.jobs.following import Following

_PATIENCE: Final = 5.0
"""Seconds without a worker after which that is said."""


@frozen
class Enqueueing:
    """What is to be left to workers.

    Attributes:
        docket: the name of their queue, None for the portal's own.
        file: the file of the chats.
        journal: the name of the journal, None for one that follows from the chats.
        bot: the bot that creates them, None for a user.
        key_is_new: whether keys were surely never used.
        forget: whether the journal is to be deleted in the end.
    """

    docket: str | None
    file: str
    journal: str | None
    bot: int | None
    key_is_new: bool
    forget: bool = False

    def check(self, options: RunOptions, connection: BulkConnection) -> None:
        """Refuse what has no meaning here, and what workers are to be given instead."""
        options.check(Path(self.file))
        refused = {
            "--on-error stop": options.on_error != "collect",
            "--deadline": options.deadline is not None,
            "--key-is-new": self.key_is_new,
        }
        of_workers = {
            "--max-in-flight": connection.max_in_flight is not None,
            "--quiescence": connection.quiescence is not None,
        }
        if option := next((option for option, is_given in refused.items() if is_given), None):
            raise InvalidParameter(f"{option} has no meaning for --workers")
        if option := next((option for option, is_given in of_workers.items() if is_given), None):
            raise InvalidParameter(f"{option} is an option of `bitrix-chat worker`, not of --workers")

    def name(self, portal: str, rows: Sequence[Row]) -> str:
        """Return the name of the journal; one that follows from the chats is found again by the same file."""
        if self.journal is not None:
            return self.journal
        digest = hashlib.sha256(repr((portal, self.bot)).encode())
        for row in rows:
            digest.update(repr((row.spec.key, row.spec.to_json())).encode(errors="backslashreplace"))
        stem = "chats" if self.file == "-" else Path(self.file).stem
        return f"{stem}-{digest.hexdigest()[:12]}"


async def enqueue_and_follow(
    workers: str, asked: Enqueueing, chats: ChatFile, options: RunOptions, connection: BulkConnection
) -> int:
    """Enqueue the chats, follow, tell what became of them, and return the exit code.

    Raises:
        InvalidParameter: an option or a row is wrong; nothing was enqueued.
        RedisFailed: the server is away.
    """
    asked.check(options, connection)
    address = await server_of("--workers", workers)
    async with connection.client() as b24:
        branch = connection.chats(b24, asked.bot)
        rows = chats.rows(branch.add)
        _check_keys(rows)
        if await options.told_plan(branch.bulk([row.spec for row in rows])):
            return endings.DONE
        await connection.check(b24, asked.bot)
        portal = await branch.bulk(()).portal()
    began = asyncio.get_running_loop().time()
    followed = await _followed(address, portal, asked, rows)
    if followed is None:
        return endings.INTERRUPTED
    code = _told(await followed.report(), rows, options.report, asyncio.get_running_loop().time() - began)
    if asked.forget and code != endings.NOT_PRINTED:
        await _forget(followed)
    return code


async def _followed(address: str, portal: str, asked: Enqueueing, rows: Sequence[Row]) -> "Following | None":
    """Enqueue the chats and follow them to their end; None where somebody did not want to wait for it."""
    try:
        from docket import Docket  # noqa: PLC0415  # an extra

        from bitrix_chat.jobs.docket import enqueue  # noqa: PLC0415
        from bitrix_chat.jobs.queues import queue_of  # noqa: PLC0415
    except ImportError:
        raise InvalidParameter('--workers needs its extra: pip install "bitrix-chat[docket]"') from None
    name = asked.name(portal, rows)
    specs = [row.spec for row in rows]
    async with Docket(name=asked.docket or queue_of(portal), url=address) as docket:
        followed = await enqueue(specs, portal=portal, journal=name, docket=docket, bot=asked.bot)
        number = "1 chat is" if len(rows) == 1 else f"{len(rows):,} chats are"
        what = f"bitrix-chat: {number} with the workers, journal {name}"
        if await _is_interrupted(followed, docket, what):
            print(_on_interrupt(name), file=sys.stderr)
            return None
    return followed


def _told(report: "BulkReport[Any]", rows: Sequence[Row], out: Path | None, seconds: float) -> int:
    is_told = tell(report, Telling(out, _by_line(rows), "line"), seconds)
    code = exit_code(report)
    if not report.is_complete:
        print("Some chats have no job any more: the same command again gives them new ones.", file=sys.stderr)
    if report.unknown:
        print("The same command again has what is unknown looked up once more.", file=sys.stderr)
    elif report.failed:
        advice = "Try what failed again with another --journal: chats that are there are found by their keys."
        print(advice, file=sys.stderr)
    return code if is_told else code or endings.NOT_PRINTED


async def _forget(followed: "Following") -> None:
    from bitrix_chat.bulk.errors import JournalError  # noqa: PLC0415  # slow to import

    try:
        await followed.forget()
    except JournalError as error:
        print(f"bitrix-chat: the journal is kept: {error.description}", file=sys.stderr)
    else:
        print(f"bitrix-chat: the journal {followed.journal} was deleted", file=sys.stderr)


def _check_keys(rows: Sequence[Row]) -> None:
    for row in rows:
        if row.spec.key is None:
            raise InvalidParameter(
                f"line {row.line} has no key, which --workers needs: a job may run twice, and only by its key is a"
                " chat created once"
            )


async def _is_interrupted(followed: "Following", docket: "Docket", what: str) -> bool:
    """Say that all is enqueued, and show progress until all have ended; Ctrl-C ends the showing alone."""
    with ProgressDisplay() as display, said("bitrix_chat"):
        showing = asyncio.create_task(_show(followed, display))
        missing = asyncio.create_task(_miss_workers(docket))
        interrupts = Interrupts(showing.cancel, showing.cancel)
        with listening(interrupts):
            print(what, file=sys.stderr, flush=True)
            try:
                await showing
            except asyncio.CancelledError:
                if not interrupts:
                    raise
                return True
            finally:
                missing.cancel()
                await asyncio.wait([missing])
    return False


async def _show(followed: "Following", display: ProgressDisplay) -> None:
    async for progress in followed.follow():
        display(progress)


async def _miss_workers(docket: "Docket") -> None:
    from redis.exceptions import RedisError  # noqa: PLC0415  # an extra

    while True:
        await asyncio.sleep(_PATIENCE)
        there: Collection[Any] = ("for all that is known",)
        with suppress(RedisError, OSError):
            there = await docket.workers()
        if not there:
            print(
                f"bitrix-chat: no worker is there: start one with `bitrix-chat worker` for the queue {docket.name}",
                file=sys.stderr,
            )
            return


def _on_interrupt(journal: str) -> str:
    return (
        "bitrix-chat: nobody follows any more, and the workers go on. Follow again with the same command and"
        f" --journal {shlex.quote(journal)}"
    )


def _by_line(rows: Sequence[Row]) -> Any:
    lines = {row.spec.key: row.line for row in rows}

    def name(result: "BulkResult[Any]") -> str:
        return str(lines.get(result.key, ""))

    return name
