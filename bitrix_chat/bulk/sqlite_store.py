"""The writer thread's side of a journal: it alone has lease and connection, and decides what one commit holds."""

import copy
import errno
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from io import FileIO
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from attrs import define, field, frozen

from bitrix_chat.bulk import sqlite_rows as rows
from bitrix_chat.bulk.errors import JournalError, JournalInUse
from bitrix_chat.bulk.journal import Run
from bitrix_chat.bulk.sqlite_failures import explained
from bitrix_chat.bulk.sqlite_schema import (
    create,
    examine,
    identify,
    is_there,
    make_private,
    open_to_read,
    open_to_write,
)
from bitrix_chat.errors import BitrixError
from bitrix_chat.storage.file_lock import try_lock, unlock
from bitrix_chat.storage.owners import is_foreign

Operation: TypeAlias = Callable[[sqlite3.Connection], Any]
"""Something to do inside a transaction."""


@frozen(eq=False)
class Alone:
    """Something to do outside of any transaction: to open, or to close."""

    act: Callable[[], Any]


@define(eq=False)
class SqliteStore:
    """One file, open or not; every method belongs to the writer thread."""

    path: Path
    is_read_only: bool
    owner: str
    _connection: sqlite3.Connection | None = field(init=False, default=None)
    _lease: FileIO | None = field(init=False, default=None)

    def open(self, run: Run) -> Run:
        """Take the lease, make the file if there is none, and return what it says of itself."""
        with explained(self.path):
            # What is no journal gets no lock file beside it either.
            if is_there(self.path):
                identify(self.path)
            lease = _take_lease(self.path)
            try:
                if is_there(self.path):
                    make_private(self.path)
                    examine(self.path)
                else:
                    create(self.path)
                self._connection = open_to_write(self.path)
            except BaseException:
                _give_back(lease)
                raise
            self._lease = lease
        return self._begin(run)

    def close(self) -> None:
        """Let go of the file, if it is open: SQLite then moves all of it into the database."""
        connection, self._connection = self._connection, None
        lease, self._lease = self._lease, None
        if connection is not None:
            connection.close()
        if lease is not None:
            _give_back(lease)

    def perform(self, works: Sequence[Operation | Alone]) -> Sequence[Any]:
        """Do all of it, in order; what stands together is committed together."""
        outcomes: list[Any] = []
        for is_alone, group in groupby(works, key=lambda work: isinstance(work, Alone)):
            together: list[Any] = list(group)
            outcomes += map(_attempt, together) if is_alone else self._commit(together)
        return outcomes

    def _begin(self, run: Run) -> Run:
        (outcome,) = self._commit([partial(rows.begin, run=run, owner=self.owner)])
        if isinstance(outcome, BaseException):
            self.close()
            raise outcome
        stored: Run = outcome
        return stored

    def _commit(self, operations: Sequence[Operation]) -> Sequence[Any]:
        try:
            with explained(self.path):
                connection = self._opened()
                connection.execute("BEGIN" if self.is_read_only else "BEGIN IMMEDIATE")
                outcomes = [self._perform_inside(connection, operation) for operation in operations]
                connection.execute("COMMIT")
        except BitrixError as error:
            self._roll_back()
            return [_twin(error) for _ in operations]
        return outcomes

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self.is_read_only:
                raise JournalError(f"{self.path}: is not open; it has to begin, and is closed by `close`")
            if not is_there(self.path):
                raise JournalError(f"{self.path}: there is no such journal")
            self._connection = open_to_read(self.path)
        return self._connection

    def _perform_inside(self, connection: sqlite3.Connection, operation: Operation) -> Any:
        # A savepoint each: one that fails takes nothing of its neighbours along.
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


def _attempt(work: Alone) -> Any:
    try:
        return work.act()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is its caller's
        return error


def _twin(error: BitrixError) -> BitrixError:
    """Give every caller an error of its own: raising one adds to it."""
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin


def _take_lease(path: Path) -> FileIO:
    lock = Path(f"{path}.lock")
    # As a file object, so that a journal that is dropped without `close` gives the lease back, too.
    with explained(lock):
        lease = FileIO(_lock_file(lock), "r+")
    try:
        _refuse_foreign(lock, lease)
        if try_lock(lease.fileno()):
            return lease
    except BaseException:
        lease.close()
        raise
    lease.close()
    raise JournalInUse(f"{path}: another process, or another job of this one, writes to it; wait until that has ended")


def _refuse_foreign(lock: Path, lease: FileIO) -> None:
    if is_foreign(os.fstat(lease.fileno())):
        raise JournalError(f"{lock}: belongs to another user, who could hold it for ever; name another journal")


def _lock_file(lock: Path) -> int:
    # In a folder of many, a link there may lead anywhere.
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise JournalError(f"{lock}: is a symbolic link; remove it") from error


def _give_back(lease: FileIO) -> None:
    unlock(lease.fileno())
    lease.close()
