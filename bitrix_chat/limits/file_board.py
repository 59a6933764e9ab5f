"""Where processes of one host put up what they know of a caller's operating times: a small file, read as a whole."""

import asyncio
import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bitrix_chat.limits.bucket_file import FILES
from bitrix_chat.limits.errors import LimiterFileError
from bitrix_chat.limits.shared_operating import REMEMBERED, Posted
from bitrix_chat.storage.file_lock import try_lock, unlock

_SOON: Final = 0.001
_PATIENCE: Final = 1.0
_MOST: Final = 4 << 20
"""Bytes that are read; a file that is larger is not of our making."""

_Rows = dict[str, tuple[float, str]]


class FileBoard:
    """A `Board` in a file, opened for each swap; one that is damaged counts as empty.

    Args:
        path: the file; its folder has to exist.
        clock: seconds since the host has started, for all who share the file.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._clock = clock
        self._name = secrets.token_hex(8)

    async def swap(self, facts: str) -> Sequence[Posted]:
        """Put up `facts` in place of what was put up before, and return what all others have up.

        Raises:
            LimiterFileError: the file cannot be used, or others have held it for a second.
        """
        descriptor = FILES.opened(self.path)
        try:
            with FILES.explained(self.path):
                await self._locked(descriptor)
                try:
                    return self._swapped(descriptor, facts)
                finally:
                    unlock(descriptor)
        finally:
            os.close(descriptor)

    async def _locked(self, descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while not try_lock(descriptor):
            if loop.time() > until:
                raise LimiterFileError(f"{self.path}: another process holds it locked")
            await asyncio.sleep(_SOON)

    def _swapped(self, descriptor: int, facts: str) -> list[Posted]:
        now = self._clock()
        former = _read(descriptor)
        others = {name: row for name, row in former.items() if name != self._name and 0 <= now - row[0] <= REMEMBERED}
        rows = {**others, self._name: (now, facts)} if facts else others
        if rows != former:
            _write(descriptor, rows)
        return [Posted(now - posted_at, text) for posted_at, text in others.values()]


def _read(descriptor: int) -> _Rows:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        raw: dict[str, Any] = json.loads(os.read(descriptor, _MOST))
        return {name: (float(posted_at), str(text)) for name, (posted_at, text) in raw.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _write(descriptor: int, rows: _Rows) -> None:
    content = json.dumps(rows, separators=(",", ":")).encode()
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, content)
    os.truncate(descriptor, len(content))
