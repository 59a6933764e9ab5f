"""The writer thread's side of a SQLite file: what stands together is committed together, and each fails alone."""

import copy
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from attrs import define, field, frozen

from bitrix_chat.errors import BitrixError
from bitrix_chat.storage.file_kind import FileKind

Operation: TypeAlias = Callable[[sqlite3.Connection], Any]
"""Something to do inside a transaction."""


@frozen(eq=False)
class Alone:
    """Something to do outside of any transaction: to open, to close, or to take a lease."""

    act: Callable[[], Any]


@define(eq=False)
class Database:
    """One file, open or not; every method belongs to one thread.

    Attributes:
        kind: what it is.
        path: where it is.
        open: opens it when it is first used, or says why it is not.
        is_read_only: whether nothing is written.
        connection: None as long as it is not open.
    """

    kind: FileKind
    path: Path
    open: Callable[[], sqlite3.Connection]
    is_read_only: bool = False
    connection: sqlite3.Connection | None = field(init=False, default=None)

    def perform(self, works: Sequence[Operation | Alone]) -> Sequence[Any]:
        """Do all of it, in order, and return what became of each: a value, or the error that its caller is to see."""
        outcomes: list[Any] = []
        for is_alone, group in groupby(works, key=lambda work: isinstance(work, Alone)):
            together: list[Any] = list(group)
            outcomes += map(_attempt, together) if is_alone else self.commit(together)
        return outcomes

    def commit(self, operations: Sequence[Operation]) -> Sequence[Any]:
        """Do all of it in one transaction."""
        try:
            with self.kind.explained(self.path):
                if self.connection is None:
                    self.connection = self.open()
                self.connection.execute("BEGIN" if self.is_read_only else "BEGIN IMMEDIATE")
                outcomes = [self._perform_inside(self.connection, operation) for operation in operations]
                self.connection.execute("COMMIT")
        except BitrixError as error:
            self._roll_back()
            return [_twin(error) for _ in operations]
        return outcomes

    def close(self) -> None:
        """Let go of the file, if it is open: SQLite then moves all of it into the database."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def _perform_inside(self, connection: sqlite3.Connection, operation: Operation) -> Any:
        # A savepoint each: one that fails takes nothing of its neighbours along.
        connection.execute("SAVEPOINT operation")
        try:
            with self.kind.explained(self.path):
                outcome = operation(connection)
        except Exception as error:  # whatever it is, it is its caller's
            if not connection.in_transaction:  # SQLite has given up all of it, as it may when the disk is full
                raise
            connection.execute("ROLLBACK TO operation")
            outcome = error
        connection.execute("RELEASE operation")
        return outcome

    def _roll_back(self) -> None:
        if self.connection is not None and self.connection.in_transaction:
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")


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
