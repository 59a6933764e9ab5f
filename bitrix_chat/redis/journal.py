"""The journal as keys of a Redis or Valkey server: for a run on a machine without a disk of its own, or for many.

Theory of operation. What `sqlite_journal` says of a run that may be killed at any instant holds here as well. In place
of a transaction stands a script, which the server does whole or not at all, and in place of the file lock a lease: one
key that names its holder. Two things differ, and everything else follows from them.

*A lease ends by itself.* A process that was stopped, or cut off, for longer than it lasts wakes up and goes on, while
another may have taken over. So every script that writes compares the lease with its own owner, in the same step: who
has lost it is refused before anything of it leaves. The lease is renewed meanwhile, and given back at the end.

*An answer may get lost.* Whether the script ran is not known then, so each is one that may run twice. What is added is
found to be there. What departs has a token of its own, by which the second run knows the first. An end is the same end.
Therefore a server that restarts is simply asked again, for twenty seconds: less than the lease lasts.

*On the disk.* A server that keeps no append-only file is refused. With its usual `appendfsync everysec` that file is
on the disk a second later at most; before anything leaves, a run that has the journal for itself waits until "sent" is
(`WAITAOF`; about 0.1 s, from Redis 7.2 and Valkey on). Parts do not: their intents have keys, by which the portal is
asked before the first send, too. `appendfsync always` is as safe as a file, also for a server that is older. Replicas
are not waited for.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from bitrix_chat.bulk.errors import JournalError, JournalInUse
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Run
from bitrix_chat.redis.errors import LeaseLost, RedisFailed
from bitrix_chat.redis.journal_store import JournalStore
from bitrix_chat.redis.lease import LENGTH, RedisLease
from bitrix_chat.redis.seeing_through import seen_through
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.rest.tracebacks import discreet


class RedisJournal:
    """A journal on a server, for one run at a time, wherever that runs.

    The server needs an append-only file (`appendonly yes`), which is checked at the beginning. Whoever can read the
    server can read what the chats are about. Every method raises `JournalError` where the server was away for longer
    than twenty seconds, refuses, or holds no such journal; its `__cause__` tells how. `begin` fails at once where
    there is no server. The journal stays there until `delete`.

    Args:
        server: its address, or a `RedisServer` that is shared; one from an address is closed by `close`.
        name: what tells this journal from others on the server.
        lease: seconds after which another run may have the journal of one that died.
    """

    @discreet
    def __init__(
        self, server: str | RedisServer, name: str, *, lease: float = LENGTH, is_read_only: bool = False
    ) -> None:
        self._store = JournalStore.of(server, name)
        self._length = lease
        self._lease: RedisLease | None = None
        self._is_read_only = is_read_only

    @classmethod
    @discreet
    def reading(cls, server: str | RedisServer, name: str) -> Self:
        """Return a journal that takes no lease and writes nothing, for reports, also while others write to it."""
        return cls(server, name, is_read_only=True)

    @property
    def name(self) -> str:
        """What tells it from others on the server."""
        return self._store.name

    def __repr__(self) -> str:
        return f"<RedisJournal {self.name!r} at {self._store.server.place}>"

    async def begin(self, run: Run) -> Run:
        """Take the journal, make it if there is none, and return what it says of itself.

        Where it was opened by `reading`, this only reads.

        Raises:
            JournalInUse: another process, or another journal object of this one, has it, or had it until it died less
                than a lease ago.
            JournalError: the server fails, or would forget it, or it is of a later release.
        """
        if self._is_read_only:
            return await self.run()
        if self._lease is not None:
            raise JournalInUse(f"{self._store}: this object has it already")
        await self._store.require_durability()
        lease = await self._taken()
        try:
            stored = await self._store.begin(run, lease.owner)
        except BaseException:
            await lease.give_back()
            raise
        self._lease = lease
        return stored

    async def run(self) -> Run:
        """Return what the journal says of itself.

        Raises:
            JournalError: there is none.
        """
        run, _ = await self._store.look()
        if run is None:
            raise JournalError(f"{self._store}: is not there")
        return run

    async def add(self, intents: Sequence[Intent]) -> Sequence[Intent]:
        """Commit those that are new, all or none, and return each as it is kept.

        Raises:
            KeyReused: a key, or a number, is there with another spec.
        """
        return await self._store.add(tuple(intents), self._fence())

    async def departing(self, numbers: Sequence[int], sent_at: datetime, uptime: float) -> None:
        """Commit, to the disk, that these may have left; all are refused if one is done, or not there."""
        await self._store.depart(tuple(numbers), sent_at, uptime, self._fence())

    async def finish(self, endings: Sequence[Ending]) -> None:
        """Commit what became of some; all are refused if one is not there."""
        await self._store.finish(tuple(endings), self._fence())

    async def note(self, *, is_complete: bool | None = None, keeps_entities: bool | None = None) -> None:
        """Commit what was learned of the run."""
        await self._store.note(self._fence(), is_complete=is_complete, keeps_entities=keeps_entities)

    async def read(self, after: int = -1, limit: int = 500) -> Sequence[Intent]:
        """Return up to `limit` intents with numbers above `after`, in their order."""
        intents, _ = await self._store.read(after, limit)
        return intents

    async def count(self) -> int:
        """Return how many intents there are."""
        return await self._store.count()

    async def tally(self) -> Mapping[IntentState, int]:
        """Return how many intents are in each state."""
        _, tally = await self._store.look()
        return tally

    async def delete(self, *, even_open: bool = False) -> None:
        """Delete the journal with all that it knows, whole or not at all, and let go of it; a new one may begin then.

        What stands in it is forgotten: intents with the same keys would be looked for on the portal, and those
        without would be sent again. A journal that is not there is none to complain of.

        Args:
            even_open: delete it although intents are neither done nor failed.

        Raises:
            JournalInUse: another process has it.
            JournalError: intents are neither done nor failed, or it is open for reading only.
        """
        fence = self._fence() if self._is_read_only or self._lease is not None else ""
        await seen_through(self._delete(fence, even_open=even_open))

    async def close(self) -> None:
        """Commit what was called before, and let others have the journal; a cancellation is held back until then."""
        await seen_through(self._close())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _taken(self) -> RedisLease:
        lease = RedisLease(self._store.server, self._store.lease, length=self._length)
        try:
            if await lease.try_take():
                return lease
        except RedisFailed as error:
            raise JournalError(str(error)) from error
        raise JournalInUse(f"{self._store}: another process has it, or had it until it died a moment ago")

    def _fence(self) -> str:
        """Return what proves in a script that the journal is this object's."""
        if self._is_read_only:
            raise JournalError(f"{self._store}: is open for reading only")
        if self._lease is None:
            raise JournalError(f"{self._store}: is not open")
        self._lease.tend()
        try:
            self._lease.check()
        except LeaseLost as error:
            raise JournalInUse(f"{self._store}: {error}") from error
        return self._lease.owner

    async def _delete(self, fence: str, *, even_open: bool) -> None:
        await self._store.delete(fence, even_open=even_open)
        lease, self._lease = self._lease, None
        if lease is not None:
            await lease.give_back()

    async def _close(self) -> None:
        lease, self._lease = self._lease, None
        try:
            await self._store.settle()
        finally:
            if lease is not None:
                await lease.give_back()
            await self._store.close()
