"""`bitrix-chat demo`: hundreds of chats on the emulator by processes that are killed, each there once in the end."""

import asyncio
import csv
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.stored_runs import stored_report
from bitrix_chat.cli.whole_numbers import WholeNumber

if TYPE_CHECKING:
    from rich.progress import Progress

    from bitrix_chat import BitrixChat
    from bitrix_chat.cli.bulk_connection import Chats
    from bitrix_chat.portal import Portal

_USERS: Final = "im.chat.add"
_BOTS: Final = "imbot.v2.Chat.add"
_COST: Final = 0.008
_EXECUTION_LIMIT: Final = 0.6
"""Seconds that the emulated portal works on a request; 60 in the cloud, which no demonstration waits for."""
_QUIESCENCE: Final = 2.0
_KILLED_AFTER: Final = 0.3
"""Which part of its chats is there when a process is killed: in the middle of a request, while others wait."""
_LOOK: Final = 0.003
_BOT_TOKEN: Final = "demo"  # noqa: S105  # of a bot that lives as long as the emulator


@frozen
class Report:
    """What a demonstration asked for, and what the emulator has seen of it."""

    asked: int
    created: int
    duplicates: int
    reported: int
    requests: int
    refused: int
    killed_after: int
    seconds: float

    @property
    def flawless(self) -> bool:
        """Whether every chat is there once and its journal knows its id, and the portal never had to refuse."""
        return self.created == self.asked == self.reported and not self.duplicates and not self.refused


@frozen
class Half:
    """The chats that one of the two methods creates, in a process of its own that is to be killed.

    Attributes:
        method: what creates them.
        titles: of the chats; they are their keys as well.
        chats: the branch that resumes the run.
        options: what the command line needs besides.
        folder: where file and journal stand.
    """

    method: str
    titles: Sequence[str]
    chats: "Chats"
    options: Sequence[str]
    folder: Path = field(repr=False)

    @property
    def journal(self) -> Path:
        """The journal of the run."""
        return self.folder / "run.sqlite"

    def command(self) -> list[str]:
        """Write the file of chats, and return the command that creates them."""
        file = self.folder / "chats.csv"
        with file.open("w", encoding="utf-8", newline="") as writing:
            csv.writer(writing).writerows([("title", "key"), *((title, title) for title in self.titles)])
        options = ("--journal", str(self.journal), "--quiescence", str(_QUIESCENCE), "--max-in-flight", "1")
        return [sys.executable, "-m", "bitrix_chat", "bulk", str(file), *options, *self.options]


async def demo(*, chats: WholeNumber = 200) -> int:
    """Create chats on an emulated portal with the limits of a standard plan, be killed halfway, and resume.

    Two processes run `bitrix-chat bulk` with a journal, one by im.chat.add and one by imbot.v2.Chat.add. Each is killed
    (SIGKILL) while a request is on its way, and then resumed from its journal; the emulator counts what is there in
    the end. Needs no portal and no network.

    Args:
        chats: How many chats to create.
    """
    if chats < 1:
        raise InvalidParameter("--chats is at least 1")
    from bitrix_chat.portal import Plan, Portal  # noqa: PLC0415

    titles = [f"Demo chat {number}" for number in range(1, chats + 1)]
    portal = Portal(plan=Plan.STANDARD, costs={_USERS: _COST, _BOTS: _COST}, execution_limit=_EXECUTION_LIMIT)
    with TemporaryDirectory() as folder, _progress() as progress:
        async with portal, portal.client(quiescence=_QUIESCENCE) as b24:
            report = await _demonstrate(portal, b24, titles, Path(folder), progress)
    _print(report)
    return 0 if report.flawless else 1


async def _demonstrate(
    portal: "Portal", b24: "BitrixChat", titles: Sequence[str], folder: Path, progress: "Progress"
) -> Report:
    started = perf_counter()
    registered = await b24.imbot.bot.register("demo", name="Demo", token=_BOT_TOKEN)
    halves = list(_halves(b24, registered.bot.id, titles, folder))
    watching = asyncio.create_task(_watch(portal, len(titles), progress))
    try:
        killed_after = await asyncio.gather(*(_kill(portal, half) for half in halves))
        await asyncio.gather(*(half.chats.resume(half.journal).run() for half in halves))
    finally:
        watching.cancel()
    seconds = perf_counter() - started
    return await _report(portal, halves, sum(killed_after), seconds)


def _halves(b24: "BitrixChat", bot_id: int, titles: Sequence[str], folder: Path) -> Iterator[Half]:
    of_bot = b24.bot(bot_id, token=_BOT_TOKEN).chat
    halves = [
        Half(_USERS, titles[::2], b24.im.chat, (), folder / _USERS),
        Half(_BOTS, titles[1::2], of_bot, ("--bot-id", str(bot_id)), folder / _BOTS),
    ]
    for half in halves:
        if half.titles:
            half.folder.mkdir()
            yield half


async def _kill(portal: "Portal", half: Half) -> int:
    """Run the command, kill it, and return how many of its chats the portal had made by then."""
    environment = {"BITRIX24_WEBHOOK_URL": portal.webhook_url, "BITRIX24_BOT_TOKEN": _BOT_TOKEN}
    process = await asyncio.create_subprocess_exec(
        *half.command(),
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    saying = asyncio.create_task(process.communicate())
    try:
        while not saying.done() and portal.executions[half.method] < len(half.titles) * _KILLED_AFTER:
            await asyncio.wait([saying], timeout=_LOOK)
    finally:
        made = portal.executions[half.method]
        if process.returncode is None:
            process.kill()
        _, said = await saying
    if process.returncode and process.returncode > 0:
        raise RuntimeError(f"the process ended by itself: {said.decode(errors='replace')}")
    return made


async def _watch(portal: "Portal", chats: int, progress: "Progress") -> None:
    bar = progress.add_task("Creating chats", total=chats)
    while True:
        progress.update(bar, completed=len(portal.chats))
        await asyncio.sleep(0.1)


async def _report(portal: "Portal", halves: Sequence[Half], killed_after: int, seconds: float) -> Report:
    found = Counter(chat.title for chat in portal.chats.values())
    asked = {title for half in halves for title in half.titles}
    reports = [(await stored_report(half.journal))[1] for half in halves]
    reported = sum(
        result.chat_id in portal.chats and portal.chats[result.chat_id].title == result.spec.title
        for report in reports
        for result in report.done
    )
    return Report(
        asked=len(asked),
        created=len(found.keys() & asked),
        duplicates=found.total() - len(found),
        reported=reported,
        requests=portal.hits,
        refused=portal.refused,
        killed_after=killed_after,
        seconds=seconds,
    )


def _progress() -> "Progress":
    from rich.console import Console  # noqa: PLC0415  # slow to import
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _print(report: Report) -> None:
    from rich.console import Console  # noqa: PLC0415  # slow to import
    from rich.table import Table  # noqa: PLC0415

    rows: dict[str, Any] = {
        "chats asked for": report.asked,
        "created": report.created,
        "duplicates": report.duplicates,
        "reported with their ids": report.reported,
        "requests": report.requests,
        "refused requests": report.refused,
        "killed after": report.killed_after,
        "seconds": f"{report.seconds:.2f}",
    }
    table = Table("What", "How many", title="The emulated portal's own count")
    table.columns[1].justify = "right"
    for name, value in rows.items():
        table.add_row(name, str(value))
    Console().print(table)
