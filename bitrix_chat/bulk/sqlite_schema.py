"""The file of a journal: it appears whole or not at all, and what is not surely one is not touched."""

import os
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.sqlite_failures import DAMAGED, explained
from bitrix_chat.storage.folders import sync_folder
from bitrix_chat.storage.owners import is_foreign

APPLICATION_ID: Final = 0x62786A31
"""Tells a journal from other SQLite databases; `bxj1` in ASCII."""

VERSION: Final = 1
"""Of the schema; a file of a later one is left alone."""

PATIENCE: Final = 5.0
"""Seconds to wait for another program that has the database locked."""

_PRIVATE: Final = 0o600
_NO_RIGHTS: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})

_SCHEMA: Final = f"""
BEGIN;
CREATE TABLE run (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    method TEXT NOT NULL,
    portal TEXT NOT NULL,
    bot_id TEXT,
    is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1)),
    keeps_entities INTEGER NOT NULL CHECK (keeps_entities IN (0, 1)),
    sent_at TEXT,
    owner TEXT
);
CREATE TABLE intent (
    number INTEGER PRIMARY KEY CHECK (number >= 0),
    key TEXT UNIQUE,
    spec TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'done', 'failed', 'unknown')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    sent_at TEXT,
    uptime REAL,
    chat_id INTEGER,
    error TEXT
);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
COMMIT;
"""


def is_there(path: Path) -> bool:
    """Tell whether there is a file with something in it.

    Raises:
        JournalError: its folder does not exist, or something else has its name.
    """
    with explained(path):
        if not path.parent.is_dir():
            raise JournalError(f"{path}: the folder {path.parent} does not exist")
        try:
            status = path.stat()
        except FileNotFoundError:
            return False
    if not stat.S_ISREG(status.st_mode):
        raise JournalError(f"{path}: is a folder or a device, no file")
    return status.st_size > 0


def create(path: Path) -> None:
    """Make a journal for its owner alone, in one step: beside its place, then moved there.

    A write-ahead log without its database is refused: SQLite would play it into the new file.
    """
    for left in (Path(f"{path}-wal"), Path(f"{path}-journal")):
        if _has_content(left):
            raise JournalError(f"{path}: is gone, but {left.name} is left of it; restore it, or remove that file too")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE))
        with closing(_connect(temporary, "mode=rw")) as connection:
            connection.executescript(_SCHEMA)
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def identify(path: Path) -> None:
    """Find out whether a file is a journal of this version by its first bytes, without anything beside it.

    Raises:
        JournalError: it is not, or belongs to somebody else.
    """
    refuse_foreign(path)
    _identified(path, "mode=ro&immutable=1").close()


def refuse_foreign(path: Path) -> None:
    """Refuse a journal that somebody else could write to, or any of the files that belong to it.

    Raises:
        JournalError: the message names the file.
    """
    for each, status in _with_log(path):
        if is_foreign(status):
            raise JournalError(f"{each}: belongs to another user, who could change it; name another file")


def examine(path: Path) -> None:
    """Find out whether a file is a sound journal of this version, without a write to it.

    Raises:
        JournalError: it is not.
    """
    with closing(open_to_read(path)) as connection:
        if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
            raise JournalError(f"{path}: {DAMAGED}")


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a journal beside its writer, for reading only.

    Raises:
        JournalError: it is none, or not of this version.
    """
    try:
        return _identified(path, "mode=ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NO_RIGHTS or _has_content(Path(f"{path}-wal")):
            raise
        # SQLite can make no file here to share with a writer: then there is none, and all is in the database.
        return _identified(path, "mode=ro&immutable=1")


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open a journal, so that what is committed survives a power cut."""
    refuse_foreign(path)
    connection = _connect(path, "mode=rw")
    try:
        _make_durable(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def make_private(path: Path) -> None:
    """Let the owner of a journal read and write it, and nobody else.

    Others may have read a copy that was made with a wider mode; to refuse it would only stop the resuming.

    Raises:
        JournalError: it cannot be done; the message names the file.
    """
    if os.name == "nt":
        return
    for each, status in _with_log(path):
        if stat.S_IMODE(status.st_mode) != _PRIVATE:
            with explained(each):
                each.chmod(_PRIVATE)


def _with_log(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield those files of a journal that are there; a run that ends just now takes some of them away."""
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with explained(each), suppress(FileNotFoundError):
            yield each, each.lstat()


def _make_durable(path: Path, connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalError(f"{path}: its disk allows no write-ahead log, as network shares do not; use a local one")
    for setting in ("synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"):
        connection.execute(f"PRAGMA {setting}")


def _identified(path: Path, how: str) -> sqlite3.Connection:
    connection = _connect(path, how)
    try:
        _identify(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _identify(path: Path, connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise JournalError(f"{path}: is the database of another application; name another file")
    if version > VERSION:
        raise JournalError(
            f"{path}: was written by a later release (schema {version}, known here {VERSION}); update this package"
        )


def _connect(path: Path, how: str) -> sqlite3.Connection:
    # No isolation level: transactions begin and end where the code says so.
    return sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, isolation_level=None, timeout=PATIENCE)


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
