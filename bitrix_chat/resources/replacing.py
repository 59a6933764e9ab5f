"""A file on disk that is replaced whole or not at all, and read by nobody else before it is whole."""

import errno
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bitrix_chat.errors import InvalidParameter


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Write beside what `path` leads to, and put it there if all goes well; an existing file keeps its mode.

    Raises:
        InvalidParameter: it is empty or holds a NUL.
        OSError: a folder, a pipe or a device is there, or nothing can be written there.
    """
    target = _target(path)
    mode = _mode_of(target)
    partial = target.with_name(f".{uuid.uuid4().hex}.part")
    # Not the umask's own word: it can only be read by setting it, and other threads make files meanwhile.
    descriptor = os.open(partial, _NEW, 0o666 if mode is None else 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is None:
                mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            partial.chmod(0o600)
            yield file
        partial.chmod(mode)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def _target(path: str | os.PathLike[str]) -> Path:
    text = os.fspath(path)
    if not text or "\0" in text:
        raise InvalidParameter("`path` is empty" if not text else "`path` holds a NUL")
    return Path(os.path.realpath(text))


def _mode_of(target: Path) -> int | None:
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(target))
    return stat.S_IMODE(mode)
