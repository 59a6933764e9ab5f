"""Fails whichever test lets a secret of the emulator out: by a log record, warning, output, caught error or file.

The emulator begins all its secrets with one word, so that nobody has to plant any. Records of every level are
searched, with the variables of their tracebacks, and what is found is never repeated.
"""

import json
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pytest

from tests.leaks.searching import sayings

SECRET: Final = re.compile(r"emulated[0-9a-f]{12,}")

SHOWN_ON_PURPOSE: Final = {
    "tests/portal/": "plain aiohttp talks to the emulator, not the client",
    "tests/published_clients/": "other clients talk to the emulator",
    "tests/cli/test_cli_portal.py::": "`bitrix-chat portal` prints the address of the portal that it starts",
    "tests/cli/test_cli_connection.py::test_a_webhook_url_may_stand_in_a_file": "the test writes that file",
    "tests/cli/test_cli_connection.py::test_the_token_may_stand_in_a_file": "the test writes that file",
    "tests/cli/test_cli_methods.py::test_without_a_place_for_it_the_link_to_a_file_is_printed": "it was asked for",
}
"""Where a secret may be seen, by the beginning of a test's id, and why."""

_TALKATIVE: Final = ("markdown_it",)
"""Loggers that tell of every line of a help page, and know nothing else."""

_LARGEST: Final = 1 << 20


class Sinks(logging.Handler):
    """A plugin of pytest that watches all sinks of one process."""

    def __init__(self) -> None:
        super().__init__(level=1)
        self._found: list[str] = []
        self._patches = pytest.MonkeyPatch()

    def look(self, sink: str, text: str) -> None:
        """Note where a secret went, unless the text holds none."""
        if "emulated" in text and SECRET.search(text):
            self._found.append(sink)

    def pytest_configure(self) -> None:
        root = logging.getLogger()
        root.addHandler(self)
        root.setLevel(1)
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._patches.setattr(warnings, "WarningMessage", _noting(warnings.WarningMessage, self))
        for owner, method, noted in (
            (pytest.CaptureFixture, "readouterr", self._said),
            (pytest.ExceptionInfo, "fill_unfilled", self._caught),
        ):
            self._patches.setattr(owner, method, noted(getattr(owner, method)))

    def pytest_unconfigure(self) -> None:
        self._patches.undo()
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = f"{record.getMessage()} {record.args!r}"
        except Exception:  # noqa: BLE001  # a repr or a format that fails is not what is looked for
            text = str(record.msg)
        self.look(f"a log record of {record.name!r} at {record.levelname}", text)
        if record.exc_info and record.exc_info[1] is not None:
            self._search(f"the error of a log record of {record.name!r}", record.exc_info[1])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        report: pytest.TestReport = yield
        for title, text in report.sections:
            if title.startswith(("Captured stdout", "Captured stderr")) and title.endswith(report.when):
                self.look(title, text)
        if report.when == "teardown":
            for path in _files(getattr(item, "funcargs", {}).get("tmp_path")):
                self.look(f"the file {path.name}", path.read_text(errors="replace"))
        found, self._found = sorted(set(self._found)), []
        if found and not item.nodeid.startswith(tuple(SHOWN_ON_PURPOSE)):
            self._fail(report, found)
        return report

    def _fail(self, report: pytest.TestReport, found: list[str]) -> None:
        sentence = "a secret of the emulator reached " + "; ".join(found)
        if report.failed:
            report.sections.append(("leaks", sentence))
        else:
            report.outcome, report.longrepr = "failed", sentence

    def _search(self, sink: str, error: BaseException) -> None:
        for text in sayings(error):
            self.look(sink, text)

    def _said(self, original: Any) -> Any:
        def readouterr(fixture: pytest.CaptureFixture[Any]) -> Any:
            result = original(fixture)
            self.look("what the test read of its output", f"{result.out} {result.err}")
            return result

        return readouterr

    def _caught(self, original: Any) -> Any:
        def fill_unfilled(
            info: pytest.ExceptionInfo[Any], caught: tuple[type[BaseException], BaseException, TracebackType]
        ) -> None:
            original(info, caught)
            self._search(f"a caught {caught[0].__name__}", caught[1])

        return fill_unfilled


def _noting(kind: type[warnings.WarningMessage], sinks: Sinks) -> type[warnings.WarningMessage]:
    class Noted(kind):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            sinks.look("a warning", f"{self.message} {self.source!r}")

    return Noted


def _files(folder: Path | None) -> Iterator[Path]:
    for path in [] if folder is None else folder.rglob("*"):
        if path.is_file() and path.stat().st_size <= _LARGEST and not _is_token_store(path):
            yield path


def _is_token_store(path: Path) -> bool:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError):
        return False
    return isinstance(content, dict) and content.keys() >= {"access_token", "refresh_token", "client_endpoint"}
