"""A bucket in a file: every process of a host counts in it, one at a time, for some microseconds each.

Theory of operation. The file holds one record of fixed size: the facts of a `LeakyBucket`, the wall clock beside its
times, a checksum. Whoever counts takes the operating system's lock, reads, counts, writes and gives the lock back,
without waiting in between; a process that is killed gives it back, too. Times are of the monotonic clock, which all
processes of a host have in common. Where a time lies ahead, the host has started anew: then the wall clock tells how
long ago that was. What is half written counts as full: nothing else is known not to be too much.

A process keeps few files open, however many portals it serves: opening one more closes the one that was used the
longest ago, by the second. Whoever counts takes the descriptor out of its file first, in one step, and puts it back
afterwards, so that no other thread closes what is in use.
"""

import os
import struct
import time
import weakref
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
_MOST_OPEN: Final = 64
"""Files that a process keeps open."""

_open: "dict[int, weakref.ref[BucketFile]]" = {}


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
        self._descriptors: list[int] = []  # one or none: taking it out is one step, whatever other threads do
        self._process = 0
        self._seen = b""
        self._looked = float("-inf")
        self._looked_at = 0.0

    def locked(self, act: Callable[[LeakyBucket, float], bool]) -> bool | None:
        """Let `act` look at the bucket at this moment; True from it says that it has changed it.

        Returns:
            What `act` said; None where others held the lock, so that it was not asked.

        Raises:
            LimiterFileError: the file cannot be used.
        """
        try:
            descriptor = self._taken()
            try:
                return self._locked(descriptor, act)
            finally:
                self._descriptors.append(descriptor)
        except OSError as error:
            raise LimiterFileError(f"{self.path}: {error.strerror or type(error).__name__}") from error

    def peek(self) -> LeakyBucket:
        """Return the bucket as it is now, or as it was last seen where it is just being written."""
        with suppress(OSError):  # Windows lets nobody read what is locked; the next who counts hears of all else
            descriptor = self._taken()
            try:
                record = read_at(descriptor, _SIZE, 0)
            finally:
                self._descriptors.append(descriptor)
            if record != self._seen and _is_whole(record):
                self._recall(record, self.clock())
        return self.bucket

    def close(self) -> None:
        """Let go of the file; using it opens it again."""
        _open.pop(id(self), None)
        with suppress(IndexError):
            os.close(self._descriptors.pop())

    def __del__(self) -> None:
        self.close()

    def _locked(self, descriptor: int, act: Callable[[LeakyBucket, float], bool]) -> bool | None:
        if not (try_lock(descriptor) or _locked_soon(descriptor)):
            return None
        try:
            now = self._read(descriptor)
            has_changed = act(self.bucket, now)
            if has_changed or not self._seen:
                self._write(descriptor)
        finally:
            unlock(descriptor)
        return has_changed

    def _taken(self) -> int:
        """Return the descriptor, which nobody else closes until it is put back."""
        try:
            descriptor = self._descriptors.pop()
        except IndexError:
            return self._opened()
        now = self.clock()
        if 0 <= now - self._looked < _LOOK and self._process == os.getpid():
            return descriptor
        try:
            return self._looked_after(descriptor, now)
        except BaseException:
            self._descriptors.append(descriptor)
            raise

    def _looked_after(self, descriptor: int, now: float) -> int:
        """Return the descriptor, or that of the file that has its name by now."""
        # A forked child has the lock of its parent, who would not be kept out.
        is_gone = self._process != os.getpid()
        if not is_gone:
            self._looked, self._looked_at = now, time.monotonic()
            if os.fstat(descriptor).st_nlink > 0:
                return descriptor
        try:
            anew = self._opened()
        except LimiterFileError:
            if is_gone:
                raise
            # Somebody has tidied up, the folder, too: all are still in this one.
            return descriptor
        os.close(descriptor)
        return anew

    def _opened(self) -> int:
        if len(_open) >= _MOST_OPEN:
            _close_the_least_used()
        descriptor = FILES.opened(self.path)
        self._process, self._looked, self._looked_at = os.getpid(), self.clock(), time.monotonic()
        _open[id(self)] = weakref.ref(self)
        return descriptor

    @property
    def idle_since(self) -> float | None:
        """When it was last used, to the second; None where it is not open, or being counted in just now."""
        return self._looked_at if self._descriptors else None

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


def _close_the_least_used() -> None:
    files = [file for it in list(_open.values()) if (file := it()) is not None]
    idle = [(since, id(file), file) for file in files if (since := file.idle_since) is not None]
    if idle:
        min(idle)[2].close()


def _is_whole(record: bytes) -> bool:
    if len(record) != _SIZE or not record.startswith(_MAGIC):
        return False
    return _CHECKSUM.pack(crc32(record[: _RECORD.size])) == record[_RECORD.size :]


def _locked_soon(descriptor: int) -> bool:
    return any(try_lock(descriptor) for _ in range(_TRIES))
