"""A store as a SQLite file: what it has kept outlives a kill at any instant and a power cut.

One thread of each store object does all that blocks; what is called meanwhile gathers for the next commit, so that
sixteen handlers that end together cost one `fsync`. The lease of a consumer is a lock of the operating system on a file
beside the store's, which stays there, empty.
"""

import asyncio
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bitrix_chat.events import sqlite_rows as rows
from bitrix_chat.events.leases import take_consumer
from bitrix_chat.events.memory_store import INBOX
from bitrix_chat.events.sqlite_file import opened
from bitrix_chat.events.store import DeadLetter, KeptEvent, Release
from bitrix_chat.storage.database import Alone, Database, Operation
from bitrix_chat.storage.writer_thread import WriterThread


class SqliteEventStore:
    """Keeps everything in a file that only its owner may read; several processes may use it at a time.

    The folder has to exist, on a local disk. The file is made when it is first used. Beside it stand `-wal` and
    `-shm`, which belong to it, and empty `.lock` files, which have to stay. Every method raises `EventStoreError` where
    the disk is full, or the file damaged, locked, another user's or another program's.

    Args:
        path: the file.
        inbox: how many posted events may wait.
        clock: tells unix seconds.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, inbox: int = INBOX, clock: Callable[[], float] = time.time
    ) -> None:
        # Resolved once: neither a change of directory nor a symbolic link may lead to a second lock file.
        self._path = Path(path).expanduser().resolve()
        self._database = Database(rows.EVENT_STORE, self._path, partial(opened, self._path))
        self._thread: WriterThread[Operation | Alone] = WriterThread(self._database.perform, "event-store")
        self._limit = inbox
        self._clock = clock
        self._arrivals: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        return f"SqliteEventStore({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The file, absolute and without symbolic links."""
        return self._path

    async def lease(self, name: str) -> Release:
        """Take a consumer of this file, until it is released or the process ends."""
        lease: Release = await self._thread.submit(Alone(partial(take_consumer, self._path, name)))
        return lease

    async def handled(self, consumer: str) -> Collection[int]:
        """Return the ids that were handled last."""
        ids: frozenset[int] = await self._do(rows.handled, consumer, self._clock())
        return ids

    async def mark_handled(self, consumer: str, event_ids: Collection[int]) -> None:
        """Commit that these events were handled."""
        await self._do(rows.mark_handled, consumer, tuple(event_ids), self._clock())

    async def keep(self, key: str, body: Mapping[str, Any], *, ttl: float) -> bool:
        """Commit a posted event."""
        is_new: bool = await self._do(partial(rows.keep, ttl=ttl, now=self._clock(), limit=self._limit), key, body)
        if is_new:
            self._announce()
        return is_new

    async def pending(self, after: int = 0, limit: int = 100) -> Sequence[KeptEvent]:
        """Return posted events that wait, those that other processes have kept too."""
        waiting: Sequence[KeptEvent] = await self._do(rows.pending, after, limit)
        return waiting

    async def finish(self, key: str) -> None:
        """Commit that a posted event was handled."""
        await self._do(rows.finish, key)

    async def arrival(self, timeout: float) -> None:  # noqa: ASYNC109  # the protocol's
        """Wait for `keep` of this object; what another process keeps is there after `timeout` at the latest."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals.add(future)
        try:
            await asyncio.wait([future], timeout=timeout)
        finally:
            self._arrivals.discard(future)

    async def bury(self, key: str, body: Mapping[str, Any], error: str) -> None:
        """Commit that an event was given up."""
        await self._do(rows.bury, key, body, error, self._clock())

    async def buried(self, after: int = 0, limit: int = 100) -> Sequence[DeadLetter]:
        """Return what was given up."""
        letters: Sequence[DeadLetter] = await self._do(rows.buried, after, limit)
        return letters

    async def exhume(self, key: str) -> bool:
        """Commit that a dead letter may be forgotten."""
        is_gone: bool = await self._do(rows.exhume, key)
        return is_gone

    async def close(self) -> None:
        """Commit what was called before and let go of the file; it opens again when it is used again."""
        try:
            await self._thread.see_through(Alone(self._database.close))
        finally:
            self._thread.rest()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _do(self, operation: Callable[..., Any], *values: Any) -> "asyncio.Future[Any]":
        def perform(connection: Any) -> Any:
            return operation(connection, *values)

        return self._thread.submit(perform)

    def _announce(self) -> None:
        for future in self._arrivals:
            if not future.done():
                future.set_result(None)
