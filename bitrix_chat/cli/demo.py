"""`bitrix-chat demo`: hundreds of chats on the emulator, with the proof that each is there once."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.whole_numbers import WholeNumber

if TYPE_CHECKING:
    from rich.progress import Progress

    from bitrix_chat import BitrixChat, Call
    from bitrix_chat.portal import Portal

_SINGLE: Final = 40
"""Chats created by a request each; with the batches of 200 chats they stay within the burst of a standard plan."""
_BATCH: Final = 40
_BOT_TOKEN: Final = "demo"  # noqa: S105  # of a bot that lives as long as the emulator


@frozen
class Report:
    """What a demonstration asked for, and what the emulator has seen of it."""

    asked: int
    created: int
    duplicates: int
    requests: int
    refused: int
    seconds: float

    @property
    def flawless(self) -> bool:
        """Whether every chat is there once and the portal never had to refuse."""
        return self.created == self.asked and not self.duplicates and not self.refused


async def demo(*, chats: WholeNumber = 200) -> int:
    """Create chats on an emulated portal with the limits of a standard plan, all at once, and count them there.

    The first 40 are created by a request each and the others in batches of 40, by imbot.v2.Chat.add and im.chat.add
    in turn. Needs no portal and no network.

    Args:
        chats: How many chats to create.
    """
    if chats < 1:
        raise InvalidParameter("--chats is at least 1")
    from bitrix_chat.portal import Plan, Portal  # noqa: PLC0415

    async with Portal(plan=Plan.STANDARD) as portal, portal.client() as b24:
        with _progress() as progress:
            report = await _create(portal, b24, [f"Demo chat {n}" for n in range(1, chats + 1)], progress)
    _print(report)
    return 0 if report.flawless else 1


async def _create(portal: "Portal", b24: "BitrixChat", titles: Sequence[str], progress: "Progress") -> Report:
    bar = progress.add_task("Creating chats", total=len(titles))
    started = perf_counter()
    registered = await b24.imbot.bot.register("demo", name="Demo", token=_BOT_TOKEN)
    calls = list(_calls(b24, registered.bot.id, titles))
    singles = (_counted(call, 1, progress, bar) for call in calls[:_SINGLE])
    await asyncio.gather(*singles, *_batches(b24, calls[_SINGLE:], progress, bar))
    return _report(portal, titles, perf_counter() - started)


def _calls(b24: "BitrixChat", bot_id: int, titles: Sequence[str]) -> "Iterator[Call[Any]]":
    bot = b24.bot(bot_id, token=_BOT_TOKEN)
    for number, title in enumerate(titles):
        yield b24.im.chat.add(title=title) if number % 2 else bot.chat.add(title=title)


def _batches(b24: "BitrixChat", calls: "Sequence[Call[Any]]", progress: "Progress", bar: Any) -> Iterator[Any]:
    for start in range(0, len(calls), _BATCH):
        part = calls[start : start + _BATCH]
        yield _counted(b24.batch(part), len(part), progress, bar)


async def _counted(call: "Call[Any]", chats: int, progress: "Progress", bar: Any) -> None:
    await call
    progress.advance(bar, chats)


def _report(portal: "Portal", titles: Sequence[str], seconds: float) -> Report:
    found = Counter(chat.title for chat in portal.chats.values())
    created = len(found.keys() & set(titles))
    return Report(len(titles), created, found.total() - len(found), portal.hits, portal.refused, seconds)


def _progress() -> "Progress":
    from rich.console import Console  # noqa: PLC0415  # slow to import
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _print(report: Report) -> None:
    from rich.console import Console  # noqa: PLC0415  # slow to import
    from rich.table import Table  # noqa: PLC0415

    table = Table("What", "How many", title="The emulated portal's own count")
    table.columns[1].justify = "right"
    show: Callable[[str, object], None] = lambda name, value: table.add_row(name, str(value))  # noqa: E731
    show("chats asked for", report.asked)
    show("created", report.created)
    show("duplicates", report.duplicates)
    show("requests", report.requests)
    show("refused requests", report.refused)
    show("seconds", f"{report.seconds:.2f}")
    Console().print(table)
