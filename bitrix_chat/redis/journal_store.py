"""One journal's keys, and every operation on them; who may do which is told by the owner of a lease, '' without one."""

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define, evolve, field

from bitrix_chat.bulk.errors import JournalError, JournalInUse, KeyReused
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Run
from bitrix_chat.bulk.shared_journal import Overtaken
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.redis import journal_rows as rows
from bitrix_chat.redis import journal_scripts as scripts
from bitrix_chat.redis.errors import RedisFailed
from bitrix_chat.redis.group_commit import GroupCommit
from bitrix_chat.redis.machine import machine
from bitrix_chat.redis.names import key_part
from bitrix_chat.redis.server import RedisServer, server_at
from bitrix_chat.transport.announcing import uptime as elapsed

_PARTS: Final = ("run", "lease", "records", "heads", "errors", "keys", "numbers", "tally")
_BYTES: Final = 4_000_000
"""What one command brings or fetches, about; a single intent may be larger."""
_INTENTS: Final = 1000
_STAGED: Final = 600_000
"""Milliseconds after which what was brought and never added is forgotten."""
_FRESH: Final = 1.0
"""Seconds by which the moment that is written down may be before the last at which anything can have left."""
_DEPARTURES: Final = 5

Turns = Mapping[int, str]
"""By number, the turn at which an intent must be."""


@define(eq=False)
class JournalStore:
    """The keys of one journal.

    Attributes:
        name: its name.
        server: where it is.
        owns_server: whether the connections are its own.
    """

    name: str
    server: RedisServer
    owns_server: bool
    _keys: list[str] = field(init=False)
    _commits: GroupCommit = field(init=False)

    @classmethod
    def of(cls, server: str | RedisServer, name: str) -> "JournalStore":
        """Return the store of a journal; nothing is asked of the server yet."""
        if not isinstance(name, str) or not name:
            raise InvalidParameter("`name` tells one journal from another; it is a text that is not empty")
        return cls(name, *server_at(server))

    def __attrs_post_init__(self) -> None:
        self._keys = [self.server.key(f"journal:{key_part(self.name)}", part) for part in _PARTS]
        self._commits = GroupCommit(self.server)

    def __str__(self) -> str:
        return f"the journal {self.name!r} at {self.server.place}"

    @property
    def lease(self) -> str:
        """The key of the lease."""
        return self._keys[_PARTS.index("lease")]

    async def begin(self, run: Run, fence: str) -> Run:
        """Make the journal if there is none, and return what it says of itself."""
        (fields,) = await self._do(scripts.BEGIN, fence, *rows.fields_of(run))
        return rows.run_of(fields) or run

    async def look(self) -> tuple[Run | None, dict[IntentState, int]]:
        """Return what it says of itself, and how many intents are in each state."""
        fields, tally = await self._do(scripts.LOOK)
        counted = rows.pairs(tally)
        return rows.run_of(fields), {state: int(counted.get(state.value, 0)) for state in IntentState}

    async def add(self, intents: Sequence[Intent], fence: str) -> list[Intent]:
        """Keep those that are new, all or none."""
        if not intents:
            return []
        chunks = list(rows.chunks_of(intents, _INTENTS, _BYTES))
        staged = [f"{self._keys[0]}:{secrets.token_hex(8)}" for _ in chunks] if len(chunks) > 1 else []
        submit = self._commits.submit
        staging = [submit(scripts.STAGE, [key], [_STAGED, *chunk]) for key, chunk in zip(staged, chunks, strict=False)]
        brought = [] if staged else chunks[0]
        try:
            answer = await _answered(submit(scripts.ADD, [*self._keys, *staged], [fence, *brought]), *staging)
        except _Reused as error:
            raise _reused(intents[error.index]) from None
        except _Refused as error:
            raise self._refusal(error) from None
        finally:
            if staged:
                await asyncio.gather(
                    submit(scripts.FORGET, staged, []), return_exceptions=True
                )  # it ends by itself too
        return list(_kept(intents, answer))

    async def depart(
        self, numbers: Sequence[int], sent_at: datetime, uptime: float, fence: str, turns: Turns | None = None
    ) -> str:
        """Mark intents as sent, and return the token of their departure; by then they have been for a second at most.

        Others count from that moment. Where it took longer, it is written again with the later one, until it is so.
        """
        token = secrets.token_hex(8)
        marks = [mark for number in dict.fromkeys(numbers) for mark in (str(number), _turn(turns, number))]
        # One without a key is never looked for: were it forgotten that it left, it would leave again.
        on_disk = bool(fence)
        for _ in range(_DEPARTURES):
            begun, awake = elapsed(), time.monotonic()
            told = (rows.moment_text(sent_at), repr(float(uptime)), machine())
            await self._do(scripts.DEPART, fence, token, *told, *marks, on_disk=on_disk)
            took = elapsed() - begun
            if took <= _FRESH:
                return token
            sent_at, uptime, on_disk = sent_at + timedelta(seconds=took), uptime + time.monotonic() - awake, False
        raise JournalError(f"{self}: the server is too slow to be told when anything leaves")

    async def finish(self, endings: Sequence[Ending], fence: str, turns: Turns | None = None) -> None:
        """Write down what became of some."""
        marks: list[str] = []
        for each in endings:
            chat = "-" if each.chat_id is None else str(each.chat_id)
            marks += [str(each.number), each.state.value, chat, rows.optional(each.error), _turn(turns, each.number)]
        await self._do(scripts.FINISH, fence, *marks)

    async def note(self, fence: str, *, is_complete: bool | None, keeps_entities: bool | None) -> None:
        """Write down what was learned of the run."""
        await self._do(scripts.NOTE, fence, *rows.facts_of(is_complete, keeps_entities))

    async def delete(self, fence: str, *, even_open: bool) -> None:
        """Delete it all, unless something of it is open; it need not be there."""
        await self._do(scripts.DELETE, fence, "1" if even_open else "", rows.VERSION)

    async def read(self, after: int, limit: int, keys: Sequence[str] | None = None) -> tuple[list[Intent], list[str]]:
        """Read intents, and of each its turn."""
        intents: list[Intent] = []
        turns: list[str] = []
        while len(intents) < limit:
            page, heads = await self._page(after, limit - len(intents), keys)
            if not page:
                break
            intents += page
            turns += map(rows.turn_of, heads)
            after = page[-1].number
        return intents, turns

    async def count(self, keys: Sequence[str] | None = None) -> int:
        """Count intents."""
        which = ["all"] if keys is None else ["keys", *map(rows.key_text, keys)]
        (number,) = await self._do(scripts.COUNT, *which)
        return int(number)

    async def require_durability(self) -> None:
        """See that the server keeps what it is given."""
        try:
            await self.server.require_durability()
        except RedisFailed as error:
            raise JournalError(str(error)) from error

    async def settle(self) -> None:
        """Return when all that was called is done."""
        await self._commits.settle()

    async def close(self) -> None:
        """Let go of connections of one's own."""
        if self.owns_server:
            await self.server.close()

    async def _page(self, after: int, limit: int, keys: Sequence[str] | None) -> tuple[list[Intent], list[str]]:
        which = "all" if keys is None else "keys"
        asked: list[str | int] = [after, limit, _BYTES, *map(rows.key_text, keys or ())]
        now, numbers, heads, records, errors = await self._do(scripts.READ, which, *asked)
        found = rows.lines(heads)
        return list(rows.intents_of(int(now), rows.words(numbers), found, records, rows.pairs(errors))), found

    async def _do(self, script: str, *arguments: str | int, on_disk: bool = False) -> list[Any]:
        try:
            return await _answered(self._commits.submit(script, self._keys, arguments, on_disk=on_disk))
        except _Refused as error:
            raise self._refusal(error) from None

    def _refusal(self, refused: "_Refused") -> JournalError:
        kind, why = _REFUSALS[refused.verdict]
        return kind(f"{self}: {why}")


_REFUSALS: Final[dict[str, tuple[type[JournalError], str]]] = {
    "missing": (JournalError, "is not there"),
    "lost": (JournalInUse, "its lease was not renewed in time, so that another process may have taken it"),
    "taken": (JournalInUse, "a process has it for itself; it is free when that ends"),
    "open": (JournalError, "has intents that are neither done nor failed; `even_open=True` deletes it all the same"),
    "later": (JournalError, "is of a later version, which must be deleted by a later release"),
    "unstaged": (JournalError, "what was to be added did not arrive as a whole"),
    "unknown": (JournalError, "an intent is not in it"),
    "ended": (JournalError, "an intent was to be sent that is done"),
    "overtaken": (Overtaken, "another worker has sent or ended the intent since it was read"),
}


class _Refused(Exception):
    """A script has done nothing, and says why."""

    def __init__(self, verdict: str) -> None:
        super().__init__()
        self.verdict = verdict


class _Reused(Exception):
    """An intent is not what is kept in its place."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index


async def _answered(last: "asyncio.Future[Any]", *before: "asyncio.Future[Any]") -> list[Any]:
    """Return what the last of some scripts answered."""
    verdict: str
    answer: list[Any]
    try:
        (verdict, *answer), *_ = await asyncio.gather(last, *before)
    except RedisFailed as error:
        raise JournalError(str(error)) from error
    if verdict == "reused":
        raise _Reused(int(answer[0]))
    if verdict != "ok":
        raise _Refused(verdict)
    return answer


def _reused(intent: Intent) -> KeyReused:
    what = f"the number {intent.number}" if intent.key is None else f"the key {intent.key!r}"
    error = KeyReused(f"the journal has {what} with another spec")
    error.key = intent.key
    return error


def _kept(intents: Sequence[Intent], answer: Sequence[Any]) -> Iterator[Intent]:
    numbers, known, heads, errors, now = answer
    told = dict(zip(rows.words(known), rows.lines(heads), strict=True))
    failed = rows.pairs(errors)
    for intent, number in zip(intents, rows.words(numbers), strict=True):
        if number in told:
            yield rows.as_kept(intent, int(number), told[number], failed.get(number), int(now))
        else:
            yield evolve(intent, number=int(number))


def _turn(turns: Turns | None, number: int) -> str:
    if turns is None:
        return ""
    if number not in turns:
        raise JournalError(f"the intent {number} is none of this part's, or was not read by it")
    return turns[number]
