"""The fault matrix: what each row must end in, what it was seen to end in, and how often the portal had executed.

A test of a row says what it expects, and tells `seen` what came of it; anything else fails it. The run ends with one
table. Executions are those the server counted, never what the client believes::

    @row(9, fault="reset after the whole body", expected="UNKNOWN", executions=1)
    async def test_a_reset_after_the_whole_body_leaves_the_outcome_unknown(portal: Portal, proxy: Proxy, seen: Seen):
        proxy.add(Trouble(moment=Moment.REQUEST))
        async with portal.client(WebhookAuth(proxy.url_of(portal.webhook_url))) as b24:
            with pytest.raises(OutcomeUnknown) as raised:
                await b24.im.chat.add(title="Shelf")
        seen(raised.value, executions=portal.executions["im.chat.add"])

`seen` takes the steps of an outcome: an error stands for its `outcome`, an `Outcome` for its name, text for itself;
`seen(Outcome.UNKNOWN, Outcome.DONE, ...)` reads "UNKNOWN -> DONE". Any number of tests may share a row, and a
parametrised one is a line for each case. Under `on_virtual_clock`, `row` may stand above or below it, and the test
opens `Portal` and `Proxy` itself. A row without executions to count leaves them out in both places.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar, final

import attrs
import pytest

from bitrix_chat import BitrixError, Outcome

Test = TypeVar("Test", bound=Callable[..., Any])

MATRIX: Final = "fault matrix"
"""The property of a report that holds the line of its test."""
REQUIRED: Final = frozenset(range(1, 61))
"""The rows that the suite must show."""

_FOLDER: Final = Path(__file__).parent
_ROW: Final = "fault_row"
_SELECTING: Final = ("keyword", "lf", "stepwise", "deselect", "ignore", "ignore_glob", "collectonly", "setuponly")
_HEADINGS: Final = ("row", "fault", "expected", "seen", "executions")


@final
@attrs.define
class Line:
    """A line of the table; `executions` are the expected ones, None where there are none to count."""

    number: int
    fault: str
    expected: str
    executions: int | None
    seen: str | None = None
    executed: int | None = None

    @property
    def right(self) -> bool:
        """Whether what was seen is what was expected."""
        return (self.seen, self.executed) == (self.expected, self.executions)

    def cells(self, *, passed: bool) -> tuple[str, ...]:
        """Write the line for the table."""
        wanted, counted = _count(self.executions), _count(self.executed)
        executions = counted if wanted == counted else f"{counted}, not {wanted}"
        failed = "" if passed else "  FAILED"
        return str(self.number), self.fault, self.expected, (self.seen or "nothing") + failed, executions


def row(number: int, *, fault: str, expected: str, executions: int | None = None) -> Callable[[Test], Test]:
    """Make a test one of a row of the matrix; it must use the fixture `seen`."""

    def mark(test: Test) -> Test:
        setattr(test, _ROW, Line(number, fault, expected, executions))
        return test

    return mark


def line_of(item: pytest.Item) -> Line | None:
    """Return a fresh line for a test, with the case of a parametrised one; None for a test of no row."""
    line: Line | None = getattr(getattr(item, "function", None), _ROW, None)
    if line is None:
        return None
    case = getattr(item, "callspec", None)
    return attrs.evolve(line, fault=f"{line.fault} [{case.id}]" if case else line.fault)


@final
class Seen:
    """Takes down what came of a fault, and compares it with what the row expects.

    Attributes:
        report: The line as a report carries it, from one process of a parallel run to another.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.report = attrs.asdict(line)

    def __call__(self, *steps: Outcome | BaseException | str, executions: int | None = None) -> None:
        """Say how it ended, by its steps, and how often the portal executed it.

        Raises:
            AssertionError: The row expects something else.
        """
        self.line.seen = " -> ".join(_named(step) for step in steps)
        self.line.executed = executions
        self.report |= attrs.asdict(self.line)
        wanted = (self.line.expected, self.line.executions)
        assert self.line.right, f"seen {self.line.seen} and {executions} executions, not {wanted[0]} and {wanted[1]}"


def _named(step: Outcome | BaseException | str) -> str:
    if isinstance(step, str):
        return step
    outcome = step.outcome if isinstance(step, BitrixError) else step
    return outcome.name if isinstance(outcome, Outcome) else type(outcome).__name__


def _count(executions: int | None) -> str:
    return "-" if executions is None else str(executions)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table; a run of the whole folder that misses a required row fails. All processes' lines meet here."""
    stats = terminalreporter.stats
    passed = _lines(stats.get("passed", ()))
    failed = _lines([*stats.get("failed", ()), *stats.get("error", ())])
    if passed or failed:
        _print(terminalreporter, passed, failed)
    if ran_whole(config):
        missing = sorted(REQUIRED - {line.number for line in passed})
        shown = f"rows without a test that passed: {', '.join(map(str, missing))}" if missing else "no row is missing"
        terminalreporter.line(shown)
        session = terminalreporter._session  # no hook gives both it and the lines
        if missing and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _print(terminalreporter: Any, passed: list[Line], failed: list[Line]) -> None:
    told = [(line, True) for line in passed] + [(line, False) for line in failed]
    told.sort(key=lambda pair: (pair[0].number, pair[0].fault))
    terminalreporter.section("fault matrix")
    for text in table([line.cells(passed=right) for line, right in told]):
        terminalreporter.line(text)


def _lines(reports: Iterable[Any]) -> list[Line]:
    properties = (dict(getattr(report, "user_properties", ())) for report in reports)  # a failed collection has none
    return [Line(**said[MATRIX]) for said in properties if MATRIX in said]


def table(lines: list[tuple[str, ...]]) -> list[str]:
    """Align the cells under their headings."""
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *lines, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (_HEADINGS, *lines)
    ]


def ran_whole(config: pytest.Config) -> bool:
    """Tell whether the run was of the whole folder, and of no selection from it."""
    asked = [config.invocation_params.dir / argument for argument in config.args]
    whole = any(path.is_dir() and _FOLDER.is_relative_to(path.resolve()) for path in asked)
    chosen = any(getattr(config.option, name, None) for name in _SELECTING)
    return whole and not chosen and config.option.markexpr in {"", "not slow"}
