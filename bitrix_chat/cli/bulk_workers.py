"""`bitrix-chat bulk --workers`: the chats are written down, workers create them, and this follows how far they are."""

import asyncio
import hashlib
import shlex
import sys
from collections.abc import Sequence
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
        docket: the name of their queue.
        file: the file of the chats.
        journal: the name of the journal, None for one that follows from the chats.
        bot: the bot that creates them, None for a user.
        key_is_new: whether keys were surely never used.
    """

    docket: str
    file: str
    journal: str | None
    bot: int | None
    key_is_new: bool

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
    report = await _report(address, portal, asked, rows)
    if report is None:
        return endings.INTERRUPTED
    return _told(report, rows, options.report, asyncio.get_running_loop().time() - began)


async def _report(address: str, portal: str, asked: Enqueueing, rows: Sequence[Row]) -> "BulkReport[Any] | None":
    """Return what became of the chats; None where somebody did not want to wait for it."""
    try:
        from docket import Docket  # noqa: PLC0415  # an extra

        from bitrix_chat.jobs.docket import enqueue  # noqa: PLC0415
    except ImportError:
        raise InvalidParameter('--workers needs its extra: pip install "bitrix-chat[docket]"') from None
    name = asked.name(portal, rows)
    specs = [row.spec for row in rows]
    async with Docket(name=asked.docket, url=address) as docket:
        followed = await enqueue(specs, portal=portal, journal=name, docket=docket, bot=asked.bot)
        number = "1 chat is" if len(rows) == 1 else f"{len(rows):,} chats are"
        said = f"bitrix-chat: {number} with the workers, journal {name}"
        if await _is_interrupted(followed, docket, said):
            print(_on_interrupt(name), file=sys.stderr)
            return None
        return await followed.report()


def _told(report: "BulkReport[Any]", rows: Sequence[Row], out: Path | None, seconds: float) -> int:
    is_told = tell(report, Telling(out, _by_line(rows), "line"), seconds)
    code = exit_code(report)
    if report.unknown:
        print("The same command again has what is unknown looked up once more.", file=sys.stderr)
    elif report.failed:
        advice = "Try what failed again with another --journal: chats that are there are found by their keys."
        print(advice, file=sys.stderr)
    return code if is_told else code or endings.NOT_PRINTED


def _check_keys(rows: Sequence[Row]) -> None:
    for row in rows:
        if row.spec.key is None:
            raise InvalidParameter(
                f"line {row.line} has no key, which --workers needs: a job may run twice, and only by its key is a"
                " chat created once"
            )


async def _is_interrupted(followed: "Following", docket: "Docket", said: str) -> bool:
    """Say that all is enqueued, and show progress until all have ended; Ctrl-C ends the showing alone."""
    with ProgressDisplay() as display:
        showing = asyncio.create_task(_show(followed, display))
        missing = asyncio.create_task(_miss_workers(docket))
        interrupts = Interrupts(showing.cancel, showing.cancel)
        with listening(interrupts):
            print(said, file=sys.stderr, flush=True)
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
    while True:
        await asyncio.sleep(_PATIENCE)
        if not await docket.workers():
            print("bitrix-chat: no worker is there: start one with `bitrix-chat worker`", file=sys.stderr)
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
