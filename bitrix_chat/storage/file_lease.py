"""A lease that ends with its process: a lock of the operating system on a file, which stays there, empty."""

import errno
import os
from io import FileIO
from pathlib import Path

from attrs import define

from bitrix_chat.storage.file_kind import FileKind
from bitrix_chat.storage.file_lock import try_lock, unlock
from bitrix_chat.storage.owners import is_foreign


@define(eq=False)
class FileLease:
    """The lock on a file, given back with the object at the latest."""

    # A file object and no descriptor: a lease that is dropped is given back too, and Python warns of it.
    _file: FileIO

    @classmethod
    def take(cls, lock: Path, kind: FileKind) -> "FileLease | None":
        """Take the lock on a file, made if it is not there; None where somebody has it, in this process or another.

        Raises:
            BitrixError: the lock file belongs to somebody else, or cannot be made.
        """
        with kind.explained(lock):
            file = FileIO(_opened(lock, kind), "r+")
        try:
            _refuse_foreign(lock, file, kind)
            if try_lock(file.fileno()):
                return cls(file)
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def __call__(self) -> None:
        """Give it back; the file stays, since removing it could let a second holder in."""
        if not self._file.closed:
            unlock(self._file.fileno())
            self._file.close()


def _refuse_foreign(lock: Path, file: FileIO, kind: FileKind) -> None:
    if is_foreign(os.fstat(file.fileno())):
        raise kind.error(f"{lock}: belongs to another user, who could hold it for ever; name another {kind.noun}")


def _opened(lock: Path, kind: FileKind) -> int:
    # In a folder of many, a link there may lead anywhere.
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise kind.error(f"{lock}: is a symbolic link; remove it") from error
