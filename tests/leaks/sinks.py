"""Fails whichever test lets a secret of the emulator out: by a log record, warning, output, error or file.

The emulator begins all its secrets with one word, so that nobody has to plant any. Records of every level are
searched, also of those that a test has turned off, and so is every error of the package, whoever catches it, with
the variables of its traceback. What is found is never repeated.
"""

import functools
import json
import logging
import pickle
import re
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pytest

from bitrix_chat import BitrixError
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

_PIECE: Final = 1 << 20
_IN_BYTES: Final = re.compile(SECRET.pattern.encode())
_OVERLAP: Final = 128
"""Bytes of a piece of a file that are searched again with the next: more than a secret has, in UTF-16 too."""

_USUAL: Final = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}


class Sinks(logging.Handler):
    """A plugin of pytest that watches all sinks of one process."""

    def __init__(self) -> None:
        super().__init__(level=1)
        self._found: list[str] = []
        self._errors: list[BitrixError] = []
        self._folders: list[Path] = []
        self._patches = pytest.MonkeyPatch()

    def look(self, sink: str, text: str) -> None:
        """Note where a secret went, unless the text holds none."""
        if "emulated" in text and SECRET.search(text):
            self._found.append(sink)

    def pytest_configure(self) -> None:
        root = logging.getLogger()
        root.addHandler(self)
        root.setLevel(1)
        own = logging.getLogger("bitrix_chat")
        own.addHandler(self)
        own.setLevel(1)  # else a test that sets the level of the root would silence it
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._patches.setattr(warnings, "WarningMessage", _noting(warnings.WarningMessage, self))
        for owner, method, noted in (
            (pytest.CaptureFixture, "readouterr", self._said),
            (pytest.ExceptionInfo, "fill_unfilled", self._caught),
            (BitrixError, "__init__", self._made),
            (pytest.TempPathFactory, "mktemp", self._opened),
        ):
            self._patches.setattr(owner, method, noted(getattr(owner, method)))

    def pytest_unconfigure(self) -> None:
        self._patches.undo()
        for name in ("", "bitrix_chat"):
            logging.getLogger(name).removeHandler(self)
        logging.getLogger("bitrix_chat").setLevel(logging.NOTSET)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            extra = {name: value for name, value in vars(record).items() if name not in _USUAL}
            text = f"{record.getMessage()} {record.args!r} {extra}"
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
            self._search_what_is_left()
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

    def _search_what_is_left(self) -> None:
        errors, self._errors = self._errors, []
        for error in errors:
            self._search(f"a {type(error).__name__}", error)
            if _IN_BYTES.search(_pickled(error)):
                self._found.append(f"a pickled {type(error).__name__}")
        folders, self._folders = self._folders, []
        for path in (path for folder in folders for path in folder.rglob("*")):
            if path.is_file() and _holds_secret(path) and not _is_token_store(path):
                self._found.append(f"the file {path.name}")

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

    def _made(self, original: Any) -> Any:
        @functools.wraps(original)
        def __init__(error: BitrixError, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(error, *args, **kwargs)
            self._errors.append(error)

        return __init__

    def _opened(self, original: Any) -> Any:
        def mktemp(factory: pytest.TempPathFactory, basename: str, numbered: bool = True) -> Path:  # noqa: FBT001, FBT002
            folder: Path = original(factory, basename, numbered)
            self._folders.append(folder)
            return folder

        return mktemp


def _noting(kind: type[warnings.WarningMessage], sinks: Sinks) -> type[warnings.WarningMessage]:
    class Noted(kind):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            sinks.look("a warning", f"{self.message} {self.source!r}")

    return Noted


def _pickled(error: BitrixError) -> bytes:
    try:
        return pickle.dumps(error)
    except Exception:  # noqa: BLE001  # refused, as for anything that holds a secret
        return b""


def _holds_secret(path: Path) -> bool:
    with path.open("rb") as file:
        end = b""
        while piece := file.read(_PIECE):
            # Without its zeros UTF-16 reads as ASCII.
            if _IN_BYTES.search((end + piece).replace(b"\0", b"")):
                return True
            end = piece[-_OVERLAP:]
    return False


def _is_token_store(path: Path) -> bool:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError):
        return False
    return isinstance(content, dict) and content.keys() >= {"access_token", "refresh_token", "client_endpoint"}
