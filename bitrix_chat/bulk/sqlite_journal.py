"""The journal as a SQLite file: what it acknowledges is on the disk, so a run may be killed at any instant and resumed.

Theory of operation. The portal offers nothing by which a create could be made to run once; it does keep what was
created, and some of it can be looked up. So the one thing that must never happen is that a chat was asked for and
nobody remembers. From this follows everything else.

*Write ahead.* An intent is committed before it may be sent, "sent" is committed before the first byte leaves, its end
after the answer was read. A kill therefore leaves one of four things:

    before the intent is committed   nothing was sent; the input is read again
    before "sent" is committed       pending: it did not leave; it may be sent at once
    before its end is committed      sent: it may have run; it is looked up by its key once the portal can no longer be
                                     working on it, or reported as unknown
    after                            done, failed or unknown, and known to be so

Were "sent" written after the bytes, the second line and the third could not be told apart, and one of them would make
a duplicate or lose a chat. A transaction is there whole or not at all, whenever the kill comes; the file itself is made
beside its place and moved there, so that half a journal never has its name.

*On the disk.* `synchronous=FULL` makes SQLite wait for the disk at every commit. With `NORMAL` a write-ahead log loses
its last commits in a power cut, and a lost "sent" is a duplicate. The log (WAL) makes this one `fsync` a commit, and
lets `SqliteJournal.reading` read while a run writes; it needs shared memory, thus a local disk.

*One thread.* SQLite blocks, and the loop must not. All of it happens in one thread of this journal: a connection has
one user, operations keep the order in which they were called, and while one commit waits for the disk, everything
that is called meanwhile gathers for the next (`writer_thread`). Fifty chats that end together cost one `fsync`, not
fifty. Inside that transaction each operation has a savepoint: one that fails fails alone. A caller that is cancelled
no longer waits; its operation is committed with the others, since what it says has happened.

*One writer.* Two runs over one journal would both send what is pending. The lease is a lock of the operating system on
`<path>.lock`, which it releases when the process ends, however it ends; the file stays. SQLite's own lock
would not do: it is held for the length of a transaction, not of a run. Whoever removes the lock file lets a second
writer in; therefore each writer signs the journal as it begins, and what is committed is committed only under one's own
signature: the first writer stops before anything else of it leaves.
"""

import asyncio
import os
import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bitrix_chat.bulk import sqlite_rows as rows
from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import Ending, Intent, Run
from bitrix_chat.bulk.sqlite_store import SqliteStore
from bitrix_chat.storage.database import Alone, Operation
from bitrix_chat.storage.writer_thread import WriterThread


class SqliteJournal:
    """A journal in a file of its own, which only its owner may read, for one run at a time.

    The folder has to exist, on a local disk. Beside the file stand `-wal` and `-shm`, which belong to it, as long
    as it is open or after a kill, and an empty `.lock` file, which has to stay: it is what keeps a second run out. In
    a folder of many users, files of others under these names are refused.

    Every method raises `JournalError` where the disk is full, the file damaged, locked, or not open; its `__cause__`
    tells what SQLite saw.
    """

    def __init__(self, path: str | os.PathLike[str], *, is_read_only: bool = False) -> None:
        # Resolved once: neither a change of directory nor a symbolic link may lead to a second lock file.
        self._owner = secrets.token_hex(16)
        self._store = SqliteStore(Path(path).expanduser().resolve(), is_read_only, self._owner)
        self._thread: WriterThread[Operation | Alone] = WriterThread(self._store.database.perform, "journal")

    @classmethod
    def reading(cls, path: str | os.PathLike[str]) -> Self:
        """Return a journal that takes no lease and writes nothing, for reports, also while a run writes to the file.

        It opens with the first `run` or `read`; what writes is refused with a `JournalError`.
        """
        return cls(path, is_read_only=True)

    @property
    def path(self) -> Path:
        """The file, absolute and without symbolic links."""
        return self._store.path

    async def begin(self, run: Run) -> Run:
        """Take the journal, make it if there is none, and return what it says of itself.

        A journal that others may read is made private. Where it was opened by `reading`, this only reads.

        Raises:
            JournalInUse: another process, or another journal object of this one, has it.
            JournalError: it cannot be opened, is damaged, of a later release, another user's, or no journal; it was
                left as it is.
        """
        if self._store.is_read_only:
            return await self.run()
        opening = self._thread.submit(Alone(partial(self._store.open, run)))
        try:
            stored: Run = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # Nobody would close what opens after the caller has gone.
            await asyncio.wait([opening])
            if opening.exception() is None:
                await self.close()
            raise
        return stored

    async def run(self) -> Run:
        """Return what the journal says of itself.

        Raises:
            JournalError: it says nothing, or cannot be read.
        """
        stored: Run | None = await self._thread.submit(rows.read_run)
        if stored is None:
            raise JournalError(f"{self.path}: says of no run that it began")
        return stored

    async def count(self) -> int:
        """Return how many intents there are."""
        number: int = await self._thread.submit(rows.count)
        return number

    async def add(self, intents: Sequence[Intent]) -> Sequence[Intent]:
        """Commit those that are new, all or none, and return each as it is kept.

        Raises:
            KeyReused: a key, or a number, is there with another spec.
        """
        kept: Sequence[Intent] = await self._write(partial(rows.add, intents=tuple(intents)))
        return kept

    async def departing(self, numbers: Sequence[int], sent_at: datetime, uptime: float) -> None:
        """Commit that these may have left; one that is done, or not there, is refused, and all with it."""
        await self._write(partial(rows.depart, numbers=tuple(numbers), sent_at=sent_at, uptime=uptime))

    async def finish(self, endings: Sequence[Ending]) -> None:
        """Commit what became of some; all are refused if one is not there."""
        await self._write(partial(rows.finish, endings=tuple(endings)))

    async def note(self, *, is_complete: bool | None = None, keeps_entities: bool | None = None) -> None:
        """Commit what was learned of the run."""
        await self._write(partial(rows.note, is_complete=is_complete, keeps_entities=keeps_entities))

    async def read(self, after: int = -1, limit: int = 500) -> Sequence[Intent]:
        """Return up to `limit` intents with numbers above `after`, in their order."""
        page: Sequence[Intent] = await self._thread.submit(partial(rows.read, after=after, limit=limit))
        return page

    async def close(self) -> None:
        """Commit what was called before, and let others have the file; a cancellation is held back until then."""
        try:
            await self._thread.see_through(Alone(self._store.close))
        finally:
            self._thread.rest()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self.path)!r})"

    async def _write(self, operation: Operation) -> Any:
        if self._store.is_read_only:
            raise JournalError(f"{self.path}: is open for reading only")
        return await self._thread.submit(partial(rows.as_owner, owner=self._owner, operation=operation))
