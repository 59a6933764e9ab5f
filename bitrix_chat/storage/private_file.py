"""Files and folders that only one user may write to: in a folder of many, what stands under our name may be a trap."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from bitrix_chat.errors import BitrixError
from bitrix_chat.storage.owners import is_foreign


@frozen
class PrivateFiles:
    """Opens and makes what is private, and says clearly why it does not.

    Attributes:
        noun: what such a file is called.
        error: what is raised.
    """

    noun: str
    error: type[BitrixError]

    def opened(self, path: Path) -> int:
        """Return a descriptor of a file to be read and written, made if it is not there, of this user or of root.

        Raises:
            BitrixError: it is a link, no file or somebody else's, or cannot be opened.
        """
        with self.explained(path):
            descriptor = self._opened(path)
        try:
            with self.explained(path):
                self._refuse(path, os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def folder(self, path: Path) -> None:
        """Make a folder for one user, if it is not there.

        Raises:
            BitrixError: it is a link, no folder, somebody else's or open to others, or cannot be made.
        """
        with self.explained(path):
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
            status = path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise self.error(f"{path}: is no folder; a folder for {self.noun}s has to stand there itself, not a link")
        if is_foreign(status):
            raise self.error(f"{path}: belongs to another user; name another folder for {self.noun}s")
        if os.name != "nt" and status.st_mode & 0o022:
            raise self.error(f"{path}: other users may write there; take that right from them: chmod 700")

    @contextmanager
    def explained(self, path: Path) -> Iterator[None]:
        """Turn what the operating system says into an error that names the file."""
        try:
            yield
        except OSError as error:
            raise self.error(f"{path}: {error.strerror or type(error).__name__}") from error

    def _opened(self, path: Path) -> int:
        # Without waiting, since a pipe would have us wait for its other end.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            return os.open(path, flags | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise self.error(f"{path}: is a symbolic link; remove it") from error

    def _refuse(self, path: Path, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise self.error(f"{path}: is no {self.noun}; name another file")
        if is_foreign(status):
            raise self.error(f"{path}: belongs to another user, who could hold it for ever; name another {self.noun}")
