"""An emulated portal in a thread, and two ways to run a command against it: in this process, or as the script."""

import json
import os
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from bitrix_chat.cli.program import run
from bitrix_chat.portal import Plan, Portal

SCRIPT = str(Path(sysconfig.get_path("scripts")) / "bitrix-chat")


@attrs.frozen
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def text(self):
        return self.out + self.err


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("BITRIX24_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def portal():
    with Portal(plan=Plan.UNLIMITED).in_thread() as portal:
        yield portal


@pytest.fixture
def command(capsys):
    """Run a command in this process."""

    def run_here(*words):
        code = run([str(word) for word in words])
        return Ran(code, *capsys.readouterr())

    return run_here


@pytest.fixture
def script():
    """Run the installed script; variables are added to the environment."""

    def run_script(*words, **variables):
        done = subprocess.run(
            [SCRIPT, *map(str, words)],
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            env=os.environ | variables,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run_script


@pytest.fixture
def start():
    """Start the installed script, and end it with the test."""
    running = []

    def start_script(*words):
        process = subprocess.Popen(
            [SCRIPT, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        running.append(process)
        return process

    yield start_script
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> Iterator[None]:
    """Let commands be interrupted even where the run itself was begun in the background, which ignores Ctrl-C."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
