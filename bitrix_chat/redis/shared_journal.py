"""One journal in Redis for any number of workers: each is given keys, and compares before it has anything leave."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from attrs import define, evolve, field

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Journal, Run
from bitrix_chat.redis.journal_store import JournalStore
from bitrix_chat.redis.seeing_through import seen_through
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.rest.tracebacks import discreet

_PAGE = 500


class SharedRedisJournal:
    """The journal that a `RedisJournal` of this name is, for many at a time; see `SharedJournal` for what it promises.

    It stays on the server until `delete`.

    Args:
        server: its address, or a `RedisServer` that is shared; one from an address is closed by `close`.
        name: what tells this journal from others on the server.
    """

    @discreet
    def __init__(self, server: str | RedisServer, name: str) -> None:
        self._store = JournalStore.of(server, name)

    @property
    def name(self) -> str:
        """What tells it from others on the server."""
        return self._store.name

    def __repr__(self) -> str:
        return f"<SharedRedisJournal {self.name!r} at {self._store.server.place}>"

    async def join(self, run: Run) -> Run:
        """Make the journal if there is none, and return what it says of itself.

        Raises:
            JournalInUse: a process has it for itself, and it is about to be made.
            JournalError: the server fails, or would forget it, or it is of a later release.
        """
        await self._store.require_durability()
        return await self._store.begin(run, "")

    async def run(self) -> Run | None:
        """Return what the journal says of itself, None if there is none."""
        run, _ = await self._store.look()
        return run

    async def add(self, intents: Sequence[Intent]) -> Sequence[Intent]:
        """Commit those that are new, all or none, and return each as it is kept."""
        return await self._store.add(tuple(intents), "")

    async def note(self, *, is_complete: bool | None = None, keeps_entities: bool | None = None) -> None:
        """Commit what was learned of the run."""
        await self._store.note("", is_complete=is_complete, keeps_entities=keeps_entities)

    async def read(self, after: int = -1, limit: int = 500) -> Sequence[Intent]:
        """Return up to `limit` of all intents with numbers above `after`, in their order."""
        intents, _ = await self._store.read(after, limit)
        return intents

    async def tally(self) -> Mapping[IntentState, int]:
        """Return how many intents are in each state; counted as they change, so that this costs one question."""
        _, tally = await self._store.look()
        return tally

    async def delete(self, *, even_open: bool = False) -> None:
        """Delete the journal with all that it knows, whole or not at all; parts that were handed out write no more.

        What stands in it is forgotten: intents with the same keys would be looked for on the portal, and those
        without would be sent again. A journal that is not there is none to complain of.

        Args:
            even_open: delete it although intents are neither done nor failed: work that waits is lost then, and
                nobody looks any more for what may have been sent.

        Raises:
            JournalInUse: a process has it for itself.
            JournalError: intents are neither done nor failed.
        """
        await self._store.delete("", even_open=even_open)

    def part(self, keys: Sequence[str]) -> Journal:
        """Return a journal of the intents with these keys alone."""
        return RedisJournalPart(self._store, tuple(dict.fromkeys(keys)))

    async def close(self) -> None:
        """Commit what was called before, and let go of connections of one's own."""
        try:
            await seen_through(self._store.settle())
        finally:
            await self._store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


@define(eq=False)
class RedisJournalPart:
    """The intents of some keys, as a worker resumes them; `SharedRedisJournal.part` makes one."""

    _store: JournalStore
    _keys: tuple[str, ...]
    _turns: dict[int, str] = field(factory=dict, init=False)
    _is_open: bool = field(default=False, init=False)

    def __repr__(self) -> str:
        return f"<RedisJournalPart of {self._store.name!r}: {len(self._keys)} keys>"

    async def begin(self, run: Run) -> Run:  # noqa: ARG002  # whether it fits is the caller's to judge
        """Return what the journal says of itself, and when one of these intents last left.

        Raises:
            JournalError: there is no such journal.
        """
        stored, _ = await self._store.look()
        if stored is None:
            raise JournalError(f"{self._store}: is not there")
        departures, after = [], -1
        while page := (await self._store.read(after, _PAGE, self._keys))[0]:
            departures += [intent.sent_at for intent in page if intent.sent_at is not None]
            after = page[-1].number
        self._is_open = True
        return evolve(stored, sent_at=max(departures, default=None))

    async def add(self, intents: Sequence[Intent]) -> Sequence[Intent]:  # noqa: ARG002  # the protocol's
        """Refuse: what there is to do is added to the whole.

        Raises:
            JournalError: always.
        """
        raise JournalError(f"{self._store}: a part takes nothing in; add it to the shared journal")

    async def departing(self, numbers: Sequence[int], sent_at: datetime, uptime: float) -> None:
        """Commit that these may have left, if nobody else has had them leave, or ended them, since they were read.

        Raises:
            Overtaken: somebody has; none is marked.
        """
        self._check_open()
        await seen_through(self._depart(tuple(numbers), sent_at, uptime))

    async def finish(self, endings: Sequence[Ending]) -> None:
        """Commit what became of some, if nobody else has had them leave, or ended them otherwise, since.

        Raises:
            Overtaken: somebody has; none is changed.
        """
        self._check_open()
        await seen_through(self._finish(tuple(endings)))

    async def note(self, *, is_complete: bool | None = None, keeps_entities: bool | None = None) -> None:  # noqa: ARG002
        """Commit what was learned of the portal; of the whole a part knows nothing."""
        self._check_open()
        await self._store.note("", is_complete=None, keeps_entities=keeps_entities)

    async def read(self, after: int = -1, limit: int = 500) -> Sequence[Intent]:
        """Return up to `limit` of these intents with numbers above `after`, in their order."""
        intents, turns = await self._store.read(after, limit, self._keys)
        self._turns.update(zip((intent.number for intent in intents), turns, strict=True))
        return intents

    async def count(self) -> int:
        """Return how many of these intents there are."""
        return await self._store.count(self._keys)

    async def close(self) -> None:
        """Use it no more."""
        self._is_open = False

    async def _depart(self, numbers: Sequence[int], sent_at: datetime, uptime: float) -> None:
        token = await self._store.depart(numbers, sent_at, uptime, "", self._turns)
        for number in numbers:
            _, attempts, _ = self._turns[number].split(" ")
            self._turns[number] = f"{IntentState.SENT.value} {int(attempts) + 1} {token}"

    async def _finish(self, endings: Sequence[Ending]) -> None:
        await self._store.finish(endings, "", self._turns)
        for ending in endings:
            _, attempts, token = self._turns[ending.number].split(" ")
            self._turns[ending.number] = f"{ending.state.value} {attempts} {token}"

    def _check_open(self) -> None:
        if not self._is_open:
            raise JournalError(f"{self._store}: this part is not open")
