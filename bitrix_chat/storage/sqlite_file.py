"""A SQLite file of ours: it appears whole or not at all, and what is not surely one of ours is not touched."""

import os
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from bitrix_chat.storage.file_kind import FileKind
from bitrix_chat.storage.folders import sync_folder
from bitrix_chat.storage.owners import is_foreign

PATIENCE: Final = 5.0
"""Seconds to wait for another program that has the database locked."""

_PRIVATE: Final = 0o600
_NO_RIGHTS: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


def is_there(kind: FileKind, path: Path) -> bool:
    """Tell whether there is a file with something in it.

    Raises:
        BitrixError: its folder does not exist, or something else has its name.
    """
    with kind.explained(path):
        if not path.parent.is_dir():
            raise kind.error(f"{path}: the folder {path.parent} does not exist")
        try:
            status = path.stat()
        except FileNotFoundError:
            return False
    if not stat.S_ISREG(status.st_mode):
        raise kind.error(f"{path}: is a folder or a device, no file")
    return status.st_size > 0


def create(kind: FileKind, path: Path) -> None:
    """Make a file for its owner alone, in one step: beside its place, then moved there.

    A write-ahead log without its database is refused: SQLite would play it into the new file.
    """
    for left in (Path(f"{path}-wal"), Path(f"{path}-journal")):
        if _has_content(left):
            raise kind.error(f"{path}: is gone, but {left.name} is left of it; restore it, or remove that file too")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE))
        with closing(_connect(temporary, "mode=rw")) as connection:
            connection.executescript(
                f"BEGIN; {kind.schema} PRAGMA application_id = {kind.application_id};"
                f" PRAGMA user_version = {kind.version}; COMMIT;"
            )
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def identify(kind: FileKind, path: Path) -> None:
    """Find out by its first bytes whether a file is of this kind and version, without making anything beside it.

    Raises:
        BitrixError: it is not, or belongs to somebody else.
    """
    _refuse_foreign(kind, path)
    _identified(kind, path, "mode=ro&immutable=1").close()


def open_to_read(kind: FileKind, path: Path) -> sqlite3.Connection:
    """Open a file beside its writer, for reading only.

    Raises:
        BitrixError: it is of another kind, or not of this version.
    """
    try:
        return _identified(kind, path, "mode=ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NO_RIGHTS or _has_content(Path(f"{path}-wal")):
            raise
        # SQLite can make no file here to share with a writer: then there is none, and all is in the database.
        return _identified(kind, path, "mode=ro&immutable=1")


def open_to_write(kind: FileKind, path: Path) -> sqlite3.Connection:
    """Open a file, so that what is committed survives a power cut."""
    _refuse_foreign(kind, path)
    connection = _connect(path, "mode=rw")
    try:
        _make_durable(kind, path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def make_private(kind: FileKind, path: Path) -> None:
    """Let the owner of a file read and write it, and nobody else.

    Others may have read a copy that was made with a wider mode; to refuse it would only stop whoever needs it.

    Raises:
        BitrixError: it cannot be done; the message names the file.
    """
    if os.name == "nt":
        return
    for each, status in _with_log(kind, path):
        if stat.S_IMODE(status.st_mode) != _PRIVATE:
            with kind.explained(each), suppress(FileNotFoundError):
                each.chmod(_PRIVATE)


def _refuse_foreign(kind: FileKind, path: Path) -> None:
    for each, status in _with_log(kind, path):
        if is_foreign(status):
            raise kind.error(f"{each}: belongs to another user, who could change it; name another file")


def _with_log(kind: FileKind, path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield those files that are there; a process that ends just now takes some of them away."""
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with kind.explained(each), suppress(FileNotFoundError):
            yield each, each.lstat()


def _make_durable(kind: FileKind, path: Path, connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise kind.error(f"{path}: its disk allows no write-ahead log, as network shares do not; use a local one")
    for setting in ("synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"):
        connection.execute(f"PRAGMA {setting}")


def _identified(kind: FileKind, path: Path, how: str) -> sqlite3.Connection:
    connection = _connect(path, how)
    try:
        _identify(kind, path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _identify(kind: FileKind, path: Path, connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != kind.application_id:
        raise kind.error(f"{path}: is the database of another application; name another file")
    if version > kind.version:
        raise kind.error(
            f"{path}: was written by a later release (schema {version}, known here {kind.version}); update this package"
        )


def _connect(path: Path, how: str) -> sqlite3.Connection:
    # No isolation level: transactions begin and end where the code says so.
    return sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, isolation_level=None, timeout=PATIENCE)


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
