"""Two type checkers agree on typical use, and find what a user forgets or mistakes."""

import asyncio
import gc
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TYPICAL, FORGOTTEN, WRONG = HERE / "typical_use.py", HERE / "forgotten.py", HERE / "wrong_use.py"


def mypy(path: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", *options, str(path)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=HERE.parents[1],
    )
    return done.returncode, done.stdout + done.stderr


def pyright(path: Path) -> dict[int, str]:
    """Return what pyright calls an error, by line."""
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(path)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=HERE.parents[1],
    )
    found = json.loads(done.stdout)
    assert found["summary"]["filesAnalyzed"] == 1, done.stdout + done.stderr
    return {
        item["range"]["start"]["line"] + 1: item["message"]
        for item in found["generalDiagnostics"]
        if item["severity"] == "error"
    }


def lines(path: Path, pattern: str) -> list[int]:
    return [number for number, line in enumerate(path.read_text().splitlines(), 1) if re.search(pattern, line)]


@pytest.mark.slow
def test_mypy_agrees_with_typical_use():
    code, said = mypy(TYPICAL)
    assert code == 0, said


@pytest.mark.slow
def test_pyright_agrees_with_typical_use():
    assert pyright(TYPICAL) == {}


@pytest.mark.slow
def test_mypy_finds_every_forgotten_await():
    code, said = mypy(FORGOTTEN, "--enable-error-code=unused-awaitable")
    assert code == 1
    found = [int(number) for number in re.findall(r"forgotten\.py:(\d+):.*\[unused-awaitable\]", said)]
    assert found == lines(FORGOTTEN, r"^    b24\."), said


@pytest.mark.slow
def test_both_checkers_find_every_mistake():
    code, said = mypy(WRONG)
    assert code == 1
    wrong = lines(WRONG, r"# wrong: ")
    assert sorted({int(number) for number in re.findall(r"wrong_use\.py:(\d+): error", said)}) == wrong, said
    assert sorted(pyright(WRONG)) == wrong


def test_a_forgotten_call_warns_by_its_method_when_it_is_dropped():
    from bitrix_chat.testing import ScriptedTransport
    from tests.typing.forgotten import forgets

    transport = ScriptedTransport()

    def forget() -> None:
        asyncio.run(forgets(transport.client()))
        gc.collect()

    with pytest.warns(RuntimeWarning) as warned:
        forget()
    said = sorted(str(warning.message) for warning in warned)
    assert said == [
        "im.chat.add was never awaited",
        "im.dialog.read was never awaited",
        "imbot.v2.Chat.Message.send was never awaited",
    ]
    assert transport.requests == []
