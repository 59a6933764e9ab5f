"""What tells one kind of our SQLite files from another: a number, its tables, and what to do when it fails."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from bitrix_chat.errors import BitrixError

_LOCKED: Final = "another program holds it locked; let that end"
_RIGHTS: Final = "may not be opened or written here; look at the rights of the file and of its folder"
_ADVICE: Final = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: "the disk is full; make room",
        sqlite3.SQLITE_BUSY: _LOCKED,
        sqlite3.SQLITE_LOCKED: _LOCKED,
        sqlite3.SQLITE_CANTOPEN: _RIGHTS,
        sqlite3.SQLITE_PERM: _RIGHTS,
        sqlite3.SQLITE_READONLY: _RIGHTS,
        sqlite3.SQLITE_IOERR: "the disk failed, or a file may grow no further; look to that",
    }
)
_PASSING: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR})


@frozen(kw_only=True)
class FileKind:
    """One kind of file.

    Attributes:
        noun: what a file of this kind is called.
        application_id: tells it from other SQLite databases.
        version: of the schema; a file of a later one is left alone.
        schema: the statements that make its tables, ended by semicolons.
        error: what its failures are raised as.
        damaged: what to do about a file that is damaged.
        afterwards: what to do once something that passes has passed, such as a full disk.
    """

    noun: str
    application_id: int
    version: int
    schema: str = field(repr=False)
    error: type[BitrixError]
    damaged: str
    afterwards: str = ""

    @contextmanager
    def explained(self, path: Path) -> Iterator[None]:
        """Turn what fails into an error that names the file and says what to do, never what was to be written."""
        try:
            yield
        except BitrixError:
            raise
        except sqlite3.Error as error:
            raise self.error(f"{path}: {self._advice(error)}") from error
        except OSError as error:
            raise self.error(f"{path}: {error.strerror or type(error).__name__}") from error
        except (OverflowError, TypeError, ValueError) as error:
            raise self.error(f"{path}: was given a value that SQLite cannot hold") from error

    def _advice(self, error: sqlite3.Error) -> str:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of an extended code
        known: Mapping[int, str] = {
            **_ADVICE,
            sqlite3.SQLITE_CORRUPT: self.damaged,
            sqlite3.SQLITE_NOTADB: f"is no {self.noun}: it is no SQLite database; name another file",
        }
        advice = known.get(code, f"SQLite refused: {error}")
        return f"{advice}{self.afterwards}" if code in _PASSING else advice
