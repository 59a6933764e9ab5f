"""The file of an event store: private, durable, shared by processes, and never mistaken for another program's.

Unlike a journal, which has one writer, a store is open in several processes at a time: the web server keeps what is
posted, a worker handles it. Each commit is short; SQLite lets the writers take turns.
"""

import os
import secrets
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from attrs import define, field

from bitrix_chat.errors import BitrixError
from bitrix_chat.events.errors import EventStoreError
from bitrix_chat.events.leases import FileLease
from bitrix_chat.storage.folders import sync_folder
from bitrix_chat.storage.owners import is_foreign

Operation: TypeAlias = Callable[[sqlite3.Connection], Any]
"""Something to do inside a transaction."""

PATIENCE: Final = 5.0
"""Seconds to wait for another process that is writing."""
_PRIVATE: Final = 0o600
_STEP: Final = 0.02
_RIGHTS: Final = "may not be opened or written here; look at the rights of the file and of its folder"
_LOCKED: Final = "another program holds it locked"
_ADVICE: Final = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: "the disk is full; make room",
        sqlite3.SQLITE_BUSY: _LOCKED,
        sqlite3.SQLITE_LOCKED: _LOCKED,
        sqlite3.SQLITE_CORRUPT: "is damaged; restore a copy of it, or remove it: events that wait in it are lost then",
        sqlite3.SQLITE_NOTADB: "is no event store: it is no SQLite database; name another file",
        sqlite3.SQLITE_CANTOPEN: _RIGHTS,
        sqlite3.SQLITE_PERM: _RIGHTS,
        sqlite3.SQLITE_READONLY: _RIGHTS,
        sqlite3.SQLITE_IOERR: "the disk failed, or a file may grow no further; look to that",
    }
)


@define(eq=False)
class SqliteFile:
    """One file, open or not; every method but the constructor belongs to one thread."""

    path: Path
    _application_id: int
    _version: int
    _schema: str
    _connection: sqlite3.Connection | None = field(init=False, default=None)

    def perform(self, operations: Sequence[Operation]) -> Sequence[Any]:
        """Do all of it in one transaction, in order, each alone in failing; the file is made if it is not there."""
        try:
            with explained(self.path):
                connection = self._opened()
                connection.execute("BEGIN IMMEDIATE")
                outcomes = [self._perform_inside(connection, operation) for operation in operations]
                connection.execute("COMMIT")
        except EventStoreError as error:
            self._roll_back()
            return [_again(error) for _ in operations]
        return outcomes

    def close(self) -> None:
        """Let go of the file, if it is open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _perform_inside(self, connection: sqlite3.Connection, operation: Operation) -> Any:
        connection.execute("SAVEPOINT operation")
        try:
            with explained(self.path):
                outcome = operation(connection)
        except Exception as error:  # whatever it is, it is its caller's
            if not connection.in_transaction:  # SQLite has given up all of it, as it may when the disk is full
                raise
            connection.execute("ROLLBACK TO operation")
            outcome = error
        connection.execute("RELEASE operation")
        return outcome

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self._is_there():
                self._create_once()
            self._make_private()
            self._identify()
            self._connection = self._durable()
        return self._connection

    def _is_there(self) -> bool:
        if not self.path.parent.is_dir():
            raise EventStoreError(f"{self.path}: the folder {self.path.parent} does not exist")
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(status.st_mode):
            raise EventStoreError(f"{self.path}: is a folder or a device, no file")
        return status.st_size > 0

    def _create_once(self) -> None:
        """Make the file, unless another process does that at this moment."""
        release = self._alone()
        try:
            if not self._is_there():
                self._create()
        finally:
            release()

    def _alone(self) -> FileLease:
        lock = self.path.with_name(f"{self.path.name}.lock")
        ends_at = time.monotonic() + PATIENCE
        while (lease := FileLease.of_file(lock)) is None:
            if time.monotonic() > ends_at:
                raise EventStoreError(f"{lock}: {_LOCKED}")
            time.sleep(_STEP)
        return lease

    def _create(self) -> None:
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.tmp")
        try:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE))
            with closing(_connect(temporary, "mode=rw")) as connection:
                connection.executescript(
                    f"BEGIN; {self._schema}; PRAGMA application_id = {self._application_id};"
                    f" PRAGMA user_version = {self._version}; COMMIT;"
                )
            temporary.replace(self.path)
            sync_folder(self.path.parent)
        finally:
            temporary.unlink(missing_ok=True)

    def _make_private(self) -> None:
        for each in (self.path, Path(f"{self.path}-wal"), Path(f"{self.path}-shm")):
            with suppress(FileNotFoundError):  # another process that ends takes its log along
                status = each.lstat()
                if is_foreign(status):
                    raise EventStoreError(f"{each}: belongs to another user, who could change it; name another file")
                if os.name != "nt" and stat.S_IMODE(status.st_mode) != _PRIVATE:
                    each.chmod(_PRIVATE)

    def _identify(self) -> None:
        with closing(_connect(self.path, "mode=ro&immutable=1")) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != self._application_id:
            raise EventStoreError(f"{self.path}: is the database of another application; name another file")
        if version > self._version:
            raise EventStoreError(
                f"{self.path}: was written by a later release (schema {version}, known here {self._version});"
                " update this package"
            )

    def _durable(self) -> sqlite3.Connection:
        connection = _connect(self.path, "mode=rw")
        try:
            self._make_durable(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_durable(self, connection: sqlite3.Connection) -> None:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise EventStoreError(f"{self.path}: its disk allows no write-ahead log; use a local one")
        for setting in ("synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"):
            connection.execute(f"PRAGMA {setting}")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what fails into an `EventStoreError` that names the file, never what was to be written."""
    try:
        yield
    except BitrixError:
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of an extended code
        raise EventStoreError(f"{path}: {_ADVICE.get(code, f'SQLite refused: {error}')}") from error
    except OSError as error:
        raise EventStoreError(f"{path}: {error.strerror or type(error).__name__}") from error
    except (OverflowError, TypeError, ValueError) as error:
        raise EventStoreError(f"{path}: was given a value that it cannot hold") from error


def _connect(path: Path, how: str) -> sqlite3.Connection:
    # No isolation level: transactions begin and end where the code says so.
    return sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, isolation_level=None, timeout=PATIENCE)


def _again(error: EventStoreError) -> EventStoreError:
    """Give every caller an error of its own: raising one adds to it."""
    twin = type(error)(error.description)
    twin.__cause__ = error.__cause__
    return twin
