"""What SQLite and the file system say when a journal fails, as what to do about it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.errors import BitrixError

DAMAGED: Final = "is damaged; restore a copy of it, a new journal would not know what was created"

_LOCKED: Final = "another program holds it locked; let that end, then resume"
_RIGHTS: Final = "may not be opened or written here; look at the rights of the file and of its folder"

_ADVICE: Final = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: "the disk is full; make room, then resume",
        sqlite3.SQLITE_BUSY: _LOCKED,
        sqlite3.SQLITE_LOCKED: _LOCKED,
        sqlite3.SQLITE_CORRUPT: DAMAGED,
        sqlite3.SQLITE_NOTADB: "is no journal: it is no SQLite database; name another file",
        sqlite3.SQLITE_CANTOPEN: _RIGHTS,
        sqlite3.SQLITE_PERM: _RIGHTS,
        sqlite3.SQLITE_READONLY: _RIGHTS,
        sqlite3.SQLITE_IOERR: "the disk failed, or a file may grow no further; look to that, then resume",
    }
)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what fails into a `JournalError` that names the file, never what was to be written."""
    try:
        yield
    except BitrixError:
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of an extended code
        raise JournalError(f"{path}: {_ADVICE.get(code, f'SQLite refused: {error}')}") from error
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror or type(error).__name__}") from error
    except (OverflowError, TypeError, ValueError) as error:
        raise JournalError(f"{path}: was given a value that SQLite cannot hold") from error
