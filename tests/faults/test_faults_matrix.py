"""The table of the matrix can fail a test, and says what is missing."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest

from bitrix_chat import ConnectionLost, Outcome, OutcomeUnknown
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import MATRIX, REQUIRED, Line, Seen, line_of, pytest_terminal_summary, row

FOLDER = Path(__file__).parent


class Terminal:
    """Remembers what was printed."""

    def __init__(self, **stats):
        self.stats = stats
        self.lines = []
        self._session = SimpleNamespace(exitstatus=pytest.ExitCode.OK)

    @property
    def exit_code(self):
        return self._session.exitstatus

    def section(self, title):
        self.lines.append(f"== {title}")

    def line(self, text):
        self.lines.append(text)


def run_of(*arguments, **options):
    options = {"keyword": "", "lf": False, "deselect": None, "markexpr": "not slow"} | options
    return SimpleNamespace(
        args=list(arguments),
        invocation_params=SimpleNamespace(dir=FOLDER.parent.parent),
        option=SimpleNamespace(**options),
    )


def report_of(number, seen="UNKNOWN", executed=1):
    line = Line(number, "reset", "UNKNOWN", 1, seen=seen, executed=executed)
    return SimpleNamespace(user_properties=[(MATRIX, attrs.asdict(line))])


@pytest.fixture
def said():
    return Seen(Line(10, "reset", "UNKNOWN -> DONE", 1))


@pytest.mark.parametrize(
    ("steps", "executions"),
    [((Outcome.UNKNOWN, Outcome.DONE), 2), ((Outcome.UNKNOWN,), 1), ((Outcome.UNKNOWN, "DONE"), None)],
)
def test_what_the_row_does_not_expect_fails_its_test(said, steps, executions):
    with pytest.raises(AssertionError, match="not UNKNOWN -> DONE and 1"):
        said(*steps, executions=executions)
    assert said.report["seen"] is not None, "the table shows what was seen all the same"


@pytest.mark.parametrize("first", [OutcomeUnknown("lost"), ConnectionLost("reset"), Outcome.UNKNOWN, "UNKNOWN"])
def test_errors_outcomes_and_texts_are_steps(said, first):
    said(first, Outcome.DONE, executions=1)
    assert said.line.right


def test_an_error_of_nobodys_is_named_by_its_kind():
    line = Line(37, "second loop", "TimeoutError", None)
    Seen(line)(TimeoutError())
    assert line.right


def test_a_marked_test_is_of_its_row_wherever_the_clock_stands():
    @row(3, fault="nobody accepts", expected="NOT_SENT")
    @on_virtual_clock
    async def above():
        """Stand for a test."""

    @on_virtual_clock
    @row(3, fault="nobody accepts", expected="NOT_SENT")
    async def below():
        """Stand for a test."""

    for test in (above, below):
        assert line_of(SimpleNamespace(function=test)) == Line(3, "nobody accepts", "NOT_SENT", None)
    case = SimpleNamespace(id="IPv6")
    assert line_of(SimpleNamespace(function=above, callspec=case)).fault == "nobody accepts [IPv6]"
    assert line_of(SimpleNamespace(function=run_of)) is None


def test_the_table_has_a_line_for_each_test_in_the_order_of_the_rows():
    terminal = Terminal(passed=[report_of(9)], failed=[report_of(2, seen="DONE", executed=2), report_of(7, None, None)])
    pytest_terminal_summary(terminal, run_of("tests/faults/test_faults_matrix.py"))
    assert terminal.lines == [
        "== fault matrix",
        "row  fault  expected  seen             executions",
        "2    reset  UNKNOWN   DONE  FAILED     2, not 1",
        "7    reset  UNKNOWN   nothing  FAILED  -, not 1",
        "9    reset  UNKNOWN   UNKNOWN          1",
    ]


def test_a_run_without_rows_prints_no_table():
    terminal = Terminal(passed=[SimpleNamespace(user_properties=[])], error=[SimpleNamespace()])
    pytest_terminal_summary(terminal, run_of("tests/portal"))
    assert terminal.lines == []


def test_a_run_of_the_whole_folder_without_any_row_misses_them_all():
    terminal = Terminal(passed=[SimpleNamespace(user_properties=[])])
    pytest_terminal_summary(terminal, run_of("tests"))
    assert terminal.lines == [f"rows without a test that passed: {', '.join(map(str, sorted(REQUIRED)))}"]
    assert terminal.exit_code == pytest.ExitCode.TESTS_FAILED


def test_the_code_of_a_run_that_was_interrupted_stays():
    terminal = Terminal()
    terminal._session.exitstatus = pytest.ExitCode.INTERRUPTED
    pytest_terminal_summary(terminal, run_of("tests"))
    assert terminal.exit_code == pytest.ExitCode.INTERRUPTED


@pytest.mark.parametrize("whole", ["tests", "tests/faults", str(FOLDER)])
def test_a_run_of_the_whole_folder_names_the_rows_that_are_missing(whole):
    terminal = Terminal(passed=[report_of(number) for number in REQUIRED - {5, 43}], failed=[report_of(43)])
    pytest_terminal_summary(terminal, run_of("tests/portal", whole))
    assert terminal.lines[-1] == "rows without a test that passed: 5, 43"
    assert terminal.exit_code == pytest.ExitCode.TESTS_FAILED


def test_a_run_of_all_rows_misses_none():
    terminal = Terminal(passed=[report_of(number) for number in REQUIRED])
    pytest_terminal_summary(terminal, run_of("tests"))
    assert terminal.lines[-1] == "no row is missing"
    assert terminal.exit_code == pytest.ExitCode.OK


@pytest.mark.parametrize(
    "run",
    [
        run_of("tests/portal"),
        run_of("tests/faults/matrix.py"),
        run_of("tests", keyword="reset"),
        run_of("tests", lf=True),
        run_of("tests", ignore=["tests/faults/test_faults_limits.py"]),
        run_of("tests", collectonly=True),
        run_of("tests", markexpr="slow"),
    ],
)
def test_a_selection_is_not_blamed_for_what_it_leaves_out(run):
    terminal = Terminal(passed=[report_of(9)])
    pytest_terminal_summary(terminal, run)
    assert terminal.lines[-1].startswith("9 ")
    assert terminal.exit_code == pytest.ExitCode.OK


CONFTEST = """
import pathlib
from tests.faults import matrix

matrix._FOLDER = pathlib.Path(__file__).parent

def pytest_terminal_summary(terminalreporter, config):
    matrix.pytest_terminal_summary(terminalreporter, config)
"""


@pytest.mark.parametrize("processes", [(), ("-n", "1")])
@pytest.mark.parametrize(("selection", "code"), [((), 1), (("-k", "any"), 0)])
def test_a_whole_run_that_passes_fails_for_its_missing_rows_in_any_number_of_processes(
    tmp_path, processes, selection, code
):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_any.py").write_text("def test_any():\n    pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *processes, *selection, str(tmp_path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(FOLDER.parent.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert "1 passed" in done.stdout


def test_the_issue_asks_for_these_rows():
    assert {*range(1, 61)} == REQUIRED
