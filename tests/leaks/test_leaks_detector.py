"""The detector detects: a test that leaks fails, and says by which way and not what."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEAKING = """
import logging, sys, warnings
import pytest
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
