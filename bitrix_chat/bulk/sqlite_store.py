"""The writer thread's side of a journal: it alone has lease and connection."""

import sqlite3
from functools import partial
from pathlib import Path

from attrs import define, field

from bitrix_chat.bulk import sqlite_rows as rows
from bitrix_chat.bulk.errors import JournalError, JournalInUse
from bitrix_chat.bulk.journal import Run
from bitrix_chat.bulk.sqlite_schema import JOURNAL, examine
from bitrix_chat.storage.database import Database
from bitrix_chat.storage.file_lease import FileLease
from bitrix_chat.storage.sqlite_file import create, identify, is_there, make_private, open_to_read, open_to_write


@define(eq=False)
class SqliteStore:
    """The file of one journal, open or not; every method belongs to the writer thread."""

    path: Path
    is_read_only: bool
    owner: str
    database: Database = field(init=False)
    _lease: FileLease | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        # No method of this object: a journal that is dropped must go at once, and its lease with it.
        opening = partial(_opened, self.path, self.is_read_only)
        self.database = Database(JOURNAL, self.path, opening, self.is_read_only)

    def open(self, run: Run) -> Run:
        """Take the lease, make the file if there is none, and return what it says of itself."""
        with JOURNAL.explained(self.path):
            # What is no journal gets no lock file beside it either.
            if is_there(JOURNAL, self.path):
                identify(JOURNAL, self.path)
            lease = _take_lease(self.path)
            try:
                if is_there(JOURNAL, self.path):
                    make_private(JOURNAL, self.path)
                    examine(self.path)
                else:
                    create(JOURNAL, self.path)
                self.database.connection = open_to_write(JOURNAL, self.path)
            except BaseException:
                lease()
                raise
            self._lease = lease
        return self._begin(run)

    def close(self) -> None:
        """Let go of the file, if it is open."""
        self.database.close()
        lease, self._lease = self._lease, None
        if lease is not None:
            lease()

    def _begin(self, run: Run) -> Run:
        (outcome,) = self.database.commit([partial(rows.begin, run=run, owner=self.owner)])
        if isinstance(outcome, BaseException):
            self.close()
            raise outcome
        stored: Run = outcome
        return stored


def _opened(path: Path, is_read_only: bool) -> sqlite3.Connection:  # noqa: FBT001  # by `partial`
    if not is_read_only:
        raise JournalError(f"{path}: is not open; it has to begin, and is closed by `close`")
    if not is_there(JOURNAL, path):
        raise JournalError(f"{path}: there is no such journal")
    return open_to_read(JOURNAL, path)


def _take_lease(path: Path) -> FileLease:
    lease = FileLease.take(Path(f"{path}.lock"), JOURNAL)
    if lease is None:
        raise JournalInUse(
            f"{path}: another process, or another job of this one, writes to it; wait until that has ended"
        )
    return lease
