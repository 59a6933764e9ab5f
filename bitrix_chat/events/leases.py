"""One consumer at a time: who takes a second one's events makes both lose some."""

import errno
import os
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import Final

from attrs import define, field

from bitrix_chat.events.errors import ConsumerBusy, EventStoreError
from bitrix_chat.storage.file_lock import try_lock, unlock
from bitrix_chat.storage.owners import is_foreign

_NAME: Final = 16
"""Hexadecimal digits that stand for a consumer in the name of its lock file."""


@define(eq=False)
class NameLease:
    """A name in a set that others look at, given back with the object at the latest."""

    _name: str
    _taken: set[str]
    _is_held: bool = field(init=False, default=False)

    def take(self) -> "NameLease":
        """Take it.

        Raises:
            ConsumerBusy: it is in the set.
        """
        if self._name in self._taken:
            raise busy(self._name)
        self._taken.add(self._name)
        self._is_held = True
        return self

    def __call__(self) -> None:
        """Give it back."""
        if self._is_held:
            self._is_held = False
            self._taken.discard(self._name)

    def __del__(self) -> None:
        self()


@define(eq=False)
class FileLease:
    """A lock of the operating system on a file, which it releases when the process ends, however it ends."""

    _file: FileIO

    @classmethod
    def take(cls, path: Path, name: str) -> "FileLease":
        """Take the consumer `name` of the store at `path`.

        Raises:
            ConsumerBusy: somebody has it, in this process or another.
            EventStoreError: the lock file belongs to somebody else, or cannot be made.
        """
        lock = path.with_name(f"{path.name}.{sha256(name.encode()).hexdigest()[:_NAME]}.lock")
        lease = cls.of_file(lock)
        if lease is None:
            raise busy(name)
        return lease

    @classmethod
    def of_file(cls, lock: Path) -> "FileLease | None":
        """Take the lock on a file, made if it is not there; None where somebody has it."""
        file = FileIO(_opened(lock), "r+")
        try:
            _refuse_foreign(lock, file)
            if try_lock(file.fileno()):
                return cls(file)
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def __call__(self) -> None:
        """Give it back; the file stays, since removing it could let a second consumer in."""
        if not self._file.closed:
            unlock(self._file.fileno())
            self._file.close()

    def __del__(self) -> None:
        self()


def busy(name: str) -> ConsumerBusy:
    """Return the error of whoever comes second."""
    return ConsumerBusy(
        f"the events of {name} are being taken by another consumer; let that end first, or stop it: two consumers"
        " of one bot would acknowledge each other's events"
    )


def _refuse_foreign(lock: Path, file: FileIO) -> None:
    if is_foreign(os.fstat(file.fileno())):
        raise EventStoreError(f"{lock}: belongs to another user, who could hold it for ever; name another store")


def _opened(lock: Path) -> int:
    # In a folder of many, a link there may lead anywhere.
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise EventStoreError(f"{lock}: is a symbolic link; remove it") from error
        raise EventStoreError(f"{lock}: {error.strerror or type(error).__name__}") from error
