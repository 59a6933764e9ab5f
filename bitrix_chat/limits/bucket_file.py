"""A bucket in a file: every process of a host counts in it, one at a time, for some microseconds each.

Theory of operation. The file holds one record of fixed size: the facts of a `LeakyBucket`, the wall clock beside its
times, a checksum. Whoever counts takes the operating system's lock, reads, counts, writes and gives the lock back,
without waiting in between; a process that is killed gives it back, too. Times are of the monotonic clock, which all
processes of a host have in common. Where a time lies ahead, the host has started anew: then the wall clock tells how
long ago that was. What is half written counts as full: nothing else is known not to be too much.
"""

import os
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final
from zlib import crc32

from bitrix_chat.limits.bucket import STANDARD, LeakyBucket, Plan
from bitrix_chat.limits.errors import LimiterFileError
from bitrix_chat.storage.file_lock import try_lock, unlock
from bitrix_chat.storage.positions import read_at, write_at
from bitrix_chat.storage.private_file import PrivateFiles

FILES: Final = PrivateFiles("limiter file", LimiterFileError)
_MAGIC: Final = b"b24lim1\n"
_RECORD: Final = struct.Struct("<8s9d2q")
_CHECKSUM: Final = struct.Struct("<I")
_SIZE: Final = _RECORD.size + _CHECKSUM.size
_TRIES: Final = 3
_AHEAD: Final = 1.0
"""Seconds by which a time may lie ahead before that means another start of the host."""
_LOOK: Final = 1.0
"""Seconds after which it is made sure again that the file still has its name."""


class BucketFile:
    """One file, opened when it is needed, and what was last seen in it.

    Args:
        path: the file; its folder has to exist.
        clock: a clock that all who share the file have in common and that begins with the host.
        plan: the limit, where the file does not tell.

    Attributes:
        bucket: as it was last seen.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, plan: Plan = STANDARD) -> None:
        self.path = path
        self.clock = clock
        self.bucket = LeakyBucket(plan)
        self._descriptor: int | None = None
        self._process = 0
        self._seen = b""
        self._looked = float("-inf")

    def locked(self, act: Callable[[LeakyBucket, float], bool]) -> bool | None:
        """Let `act` look at the bucket at this moment; True from it says that it has changed it.

        Returns:
            What `act` said; None where others held the lock, so that it was not asked.

        Raises:
            LimiterFileError: the file cannot be used.
        """
        try:
            descriptor = self._current()
            if not (try_lock(descriptor) or _locked_soon(descriptor)):
                return None
            try:
                now = self._read(descriptor)
                has_changed = act(self.bucket, now)
                if has_changed or not self._seen:
                    self._write(descriptor)
            finally:
                unlock(descriptor)
        except OSError as error:
            raise LimiterFileError(f"{self.path}: {error.strerror or type(error).__name__}") from error
        return has_changed

    def peek(self) -> LeakyBucket:
        """Return the bucket as it is now, or as it was last seen where it is just being written."""
        with suppress(OSError):  # Windows lets nobody read what is locked; the next who counts hears of all else
            record = read_at(self._current(), _SIZE, 0)
            if record != self._seen and _is_whole(record):
                self._recall(record, self.clock())
        return self.bucket

    def close(self) -> None:
        """Let go of the file; using it opens it again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def _current(self) -> int:
        if self._descriptor is None or self._process != os.getpid():
            return self._opened()  # a forked child has the lock of its parent, who would not be kept out
        now = self.clock()
        if not 0 <= now - self._looked < _LOOK:
            self._looked = now
            if os.fstat(self._descriptor).st_nlink == 0:
                # Somebody has tidied up: others use another by now, or still this one where the folder is gone, too.
                with suppress(LimiterFileError):
                    return self._opened()
        return self._descriptor

    def _opened(self) -> int:
        descriptor = FILES.opened(self.path)
        self.close()
        self._descriptor, self._process, self._looked = descriptor, os.getpid(), self.clock()
        return descriptor

    def _read(self, descriptor: int) -> float:
        record = read_at(descriptor, _SIZE, 0)
        now = self.clock()
        if record == self._seen and record:
            return now
        if not record:
            self._begin(now)
        elif _is_whole(record):
            self._recall(record, now)
        else:
            self._doubt(record, now)
        return now

    # What is made up here has not been seen in the file, and so is written whatever comes of the look.

    def _begin(self, now: float) -> None:
        # What had been sent before the host started anew is not known; it has drained since then.
        self._seen = b""
        self.bucket.assume_full(now, seconds_ago=now)

    def _doubt(self, record: bytes, now: float) -> None:
        if record[: len(_MAGIC)] != _MAGIC[: len(record)] and record.strip(b"\0"):
            raise LimiterFileError(f"{self.path}: is no limiter file of this version; name another file")
        self._seen = b""
        self.bucket.assume_full(now, seconds_ago=0.0)
        self.bucket.epoch += 1

    def _recall(self, record: bytes, now: float) -> None:
        _, wall, *facts = _RECORD.unpack_from(record)
        self._seen = record
        self.bucket.recall(facts)
        if self.bucket.updated > now + _AHEAD:
            self._seen = b""
            self._start_anew(time.time() - wall, now)

    def _start_anew(self, elapsed: float, now: float) -> None:
        self.bucket.shift(now - max(0.0, elapsed) - self.bucket.updated)
        if elapsed < 0:
            self.bucket.assume_full(now, seconds_ago=0.0)

    def _write(self, descriptor: int) -> None:
        content = _RECORD.pack(_MAGIC, time.time(), *self.bucket.facts)
        self._seen = content + _CHECKSUM.pack(crc32(content))
        write_at(descriptor, self._seen, 0)


def told(plan: Plan) -> Callable[[LeakyBucket, float], bool]:
    """Return what has a bucket keep another plan; one that keeps it already goes on at its pace."""

    def act(bucket: LeakyBucket, _: float) -> bool:
        is_new = bucket.plan != plan
        if is_new:
            bucket.adopt(plan)
        return is_new

    return act


def _is_whole(record: bytes) -> bool:
    if len(record) != _SIZE or not record.startswith(_MAGIC):
        return False
    return _CHECKSUM.pack(crc32(record[: _RECORD.size])) == record[_RECORD.size :]


def _locked_soon(descriptor: int) -> bool:
    return any(try_lock(descriptor) for _ in range(_TRIES))
