"""What became of a bulk run, as tables for a person and as an exit code for a script."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from bitrix_chat.cli import endings

if TYPE_CHECKING:
    from bitrix_chat import BulkReport, BulkResult

_MOST: Final = 20
"""Chats that are named; the others are in the file of `--report`."""

Naming = Callable[["BulkResult[Any]"], str]
"""Says which row a result is of."""


@frozen
class Telling:
    """Where and how it is said what became of the chats.

    Attributes:
        out: the file for all results, None without one.
        naming: says which row a result is of.
        where: what such a name is: the line of a file, or the number in a journal.
        title: what stands above it all.
    """

    out: Path | None
    naming: Naming
    where: str
    title: str | None = None


def by_number(result: "BulkResult[Any]") -> str:
    """Name a result by its place in the journal."""
    return str(result.index)


def exit_code(report: "BulkReport[Any]") -> int:
    """Return the exit code of a run; what may have been created weighs most."""
    if report.unknown:
        return endings.OUTCOME_UNKNOWN
    if report.failed and all(_is_not_reached(result) for result in report.failed):
        return endings.NOT_REACHED
    return endings.REFUSED if report.failed or report.not_started or not report.is_complete else endings.DONE


def _is_not_reached(result: "BulkResult[Any]") -> bool:
    return result.error is not None and endings.exit_code(result.error) == endings.NOT_REACHED


def print_report(report: "BulkReport[Any]", telling: Telling, seconds: float | None = None) -> None:
    """Print how many chats ended in each state, and name those that went wrong."""
    from rich.console import Console  # noqa: PLC0415  # slow to import

    console = Console()
    if telling.title is not None:
        console.print(telling.title, markup=False, highlight=False)
    console.print(_counts(report, seconds))
    wrong = sorted((*report.failed, *report.unknown), key=lambda result: result.index)
    if wrong:
        console.print(_wrong(wrong[:_MOST], telling))
    if len(wrong) > _MOST:
        console.print(f"and {len(wrong) - _MOST:,} more: --report writes all of them into a file")


def _counts(report: "BulkReport[Any]", seconds: float | None) -> Any:
    from rich.table import Table  # noqa: PLC0415  # slow to import

    table = Table("Chats", "How many")
    table.columns[1].justify = "right"
    for state, count in report.counts.items():
        table.add_row(state.value, f"{count:,}")
    table.add_section()
    table.add_row("in all", f"{len(report):,}")
    if seconds is not None:
        table.add_row("seconds", f"{seconds:,.1f}")
    return table


def _wrong(results: Sequence["BulkResult[Any]"], telling: Telling) -> Any:
    from rich.table import Table  # noqa: PLC0415  # slow to import
    from rich.text import Text  # noqa: PLC0415

    table = Table(telling.where, "key", "state", "why", title="What went wrong")
    for result in results:
        cells: Iterable[str] = (telling.naming(result), result.key or "", result.state.value, str(result.error or ""))
        table.add_row(*(Text(endings.printable(cell)) for cell in cells))
    return table
