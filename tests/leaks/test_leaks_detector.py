"""The detector detects: a test that leaks fails, and says by which way and not what."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEAKING = """
import asyncio, logging, sys, warnings
import pytest
from bitrix_chat import BitrixError, UnexpectedAnswer
SECRET = "emulated" + "0123456789ab" * 2

def test_record():
    logging.getLogger("anything").debug("x %s", SECRET)

def test_variable_of_a_logged_error():
    try:
        exec(compile("def f(s): raise KeyError\\nf(S)", "third_party.py", "exec"), {"__name__": "third", "S": SECRET})
    except KeyError:
        logging.getLogger("anything").exception("x")

def test_warning():
    with pytest.warns(UserWarning):
        warnings.warn(SECRET)

def test_output():
    print(SECRET)

def test_output_that_is_read(capsys):
    print(SECRET, file=sys.stderr)
    capsys.readouterr()

def test_caught():
    with pytest.raises(KeyError):
        raise KeyError(SECRET)

def test_file(tmp_path):
    (tmp_path / "page.html").write_text(SECRET)

def test_large_file(tmp_path):
    (tmp_path / "large.log").write_text("a" * ((1 << 20) - 9) + SECRET)

def test_file_in_utf_16(tmp_path):
    (tmp_path / "wide.txt").write_text("a" + SECRET, encoding="utf-16")

def test_file_of_the_factory(tmp_path_factory):
    (tmp_path_factory.mktemp("x") / "note.txt").write_text(SECRET)

def test_error_that_the_test_handles():
    try:
        raise UnexpectedAnswer(SECRET)
    except UnexpectedAnswer:
        pass

def test_error_that_is_gathered():
    async def fail():
        error = BitrixError("x")
        exec(compile("def f(s): raise e\\nf(S)", "own.py", "exec"), {"__name__": "own", "S": SECRET, "e": error})
    async def main():
        await asyncio.gather(fail(), return_exceptions=True)
    asyncio.run(main())

def test_error_that_is_pickled():
    class Odd(Exception):
        def __reduce__(self):
            return Exception, (SECRET,)
    BitrixError("x").detail = Odd()

def test_result_that_stays_behind():
    UnexpectedAnswer("x").result = SECRET

def test_extra():
    logging.getLogger("anything").warning("x", extra={"url": SECRET})

def test_record_below_the_level(caplog):
    with caplog.at_level(logging.WARNING):
        logging.getLogger("bitrix_chat").debug(SECRET)

def test_store(tmp_path):
    row = '{"access_token": "%s", "refresh_token": "", "client_endpoint": ""}'
    (tmp_path / "token.json").write_text(row % SECRET)

def test_word():
    print("emulated portal")
"""
FOUND = {
    "test_record": "a log record of 'anything' at DEBUG",
    "test_variable_of_a_logged_error": "the error of a log record of 'anything'",
    "test_warning": "a warning",
    "test_output": "Captured stdout call",
    "test_output_that_is_read": "what the test read of its output",
    "test_caught": "a caught KeyError",
    "test_file": "the file page.html",
    "test_large_file": "the file large.log",
    "test_file_in_utf_16": "the file wide.txt",
    "test_file_of_the_factory": "the file note.txt",
    "test_error_that_the_test_handles": "a UnexpectedAnswer",
    "test_error_that_is_gathered": "a BitrixError",
    "test_error_that_is_pickled": "a pickled BitrixError",
    "test_extra": "a log record of 'anything' at WARNING",
    "test_record_below_the_level": "a log record of 'bitrix_chat' at DEBUG",
}


def test_each_way_out_fails_its_test_and_the_secret_is_not_repeated(tmp_path):
    (tmp_path / "test_leaking.py").write_text(LEAKING)
    (tmp_path / "conftest.py").write_text(
        "from tests.leaks.sinks import Sinks\n"
        "def pytest_configure(config):\n    config.pluginmanager.register(Sinks(), 'sinks')\n"
    )
    options = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", "--show-capture=no", "-rA")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--basetemp={tmp_path / 'tmp'}", "test_leaking.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    shutil.rmtree(tmp_path / "tmp")  # what leaked there is no leak of this test
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    ended = [line.split("::")[1].split(" - ")[0] for line in lines]
    assert sorted(ended) == sorted(FOUND)
    for sink in FOUND.values():
        assert f"a secret of the emulator reached {sink}" in done.stdout
    assert "emulated0123" not in done.stdout + done.stderr
