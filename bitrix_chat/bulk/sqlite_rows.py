"""What a journal does, as SQL: each function is one operation inside a transaction that somebody else ends."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from attrs import define, evolve, field

from bitrix_chat.bulk.errors import JournalError, JournalInUse, KeyReused
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Run

_SELECT: Final = "SELECT number, key, spec, state, attempts, sent_at, uptime, chat_id, error FROM intent WHERE "
_CHUNK: Final = 500
"""Values that one statement asks for; old builds of SQLite take no more than 999."""


def read_run(connection: sqlite3.Connection) -> Run | None:
    """Read what the journal is about; None where nothing was said yet."""
    row = connection.execute("SELECT method, portal, bot_id, is_complete, keeps_entities, sent_at FROM run").fetchone()
    if row is None:
        return None
    method, portal, bot_id, is_complete, keeps_entities, sent_at = row
    return Run(
        method=method,
        portal=portal,
        bot_id=bot_id,
        is_complete=bool(is_complete),
        keeps_entities=bool(keeps_entities),
        sent_at=_moment(sent_at),
    )


def begin(connection: sqlite3.Connection, run: Run, owner: str) -> Run:
    """Write down what a new journal is about and who writes to it from now on, and read what it says."""
    connection.execute(
        "INSERT INTO run VALUES (1, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET owner = excluded.owner",
        (run.method, run.portal, run.bot_id, run.is_complete, run.keeps_entities, _text(run.sent_at), owner),
    )
    return read_run(connection) or run


def as_owner(connection: sqlite3.Connection, owner: str, operation: Callable[[sqlite3.Connection], Any]) -> Any:
    """Perform an operation, unless somebody else has begun to write since.

    Raises:
        JournalInUse: somebody has, which the lease rules out as long as nobody takes its file away.
    """
    if connection.execute("SELECT owner FROM run").fetchone() != (owner,):
        raise JournalInUse("another process, or another job of this one, has taken the journal; its `.lock` was lost")
    return operation(connection)


def note(connection: sqlite3.Connection, is_complete: bool | None, keeps_entities: bool | None) -> None:  # noqa: FBT001
    """Write down what was learned of the run."""
    connection.execute(
        "UPDATE run SET is_complete = coalesce(?, is_complete), keeps_entities = coalesce(?, keeps_entities)",
        (is_complete, keeps_entities),
    )


def add(connection: sqlite3.Connection, intents: Sequence[Intent]) -> list[Intent]:
    """Insert those that are new; nothing is written before all were compared."""
    shelf = _Shelf.fetched(connection, intents)
    kept = [shelf.place(intent) for intent in intents]
    connection.executemany("INSERT INTO intent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_row, shelf.new))
    return kept


def depart(connection: sqlite3.Connection, numbers: Sequence[int], sent_at: datetime, uptime: float) -> None:
    """Mark as sent; what is done, or not there, must not leave."""
    if not numbers:
        return
    moment, changed = _text(sent_at), 0
    remaining = iter(numbers)
    while chunk := list(islice(remaining, _CHUNK)):
        marks = ",".join("?" * len(chunk))
        changed += connection.execute(
            "UPDATE intent SET state = 'sent', attempts = attempts + 1, sent_at = ?, uptime = ?"  # noqa: S608  # marks alone
            f" WHERE number IN ({marks}) AND state <> 'done'",
            (moment, uptime, *chunk),
        ).rowcount
    if changed != len(numbers):
        raise JournalError("an intent was to be sent that is done, or not in the journal")
    connection.execute("UPDATE run SET sent_at = ?", (moment,))


def finish(connection: sqlite3.Connection, endings: Sequence[Ending]) -> None:
    """Write down what became of some."""
    changed = connection.executemany(
        "UPDATE intent SET state = ?, chat_id = ?, error = ? WHERE number = ?",
        [(ending.state.value, ending.chat_id, ending.error, ending.number) for ending in endings],
    )
    if endings and changed.rowcount != len(endings):
        raise JournalError("an intent has ended that is not in the journal")


def count(connection: sqlite3.Connection) -> int:
    """Count all intents."""
    (number,) = connection.execute("SELECT count(*) FROM intent").fetchone()
    return int(number)


def read(connection: sqlite3.Connection, after: int, limit: int) -> list[Intent]:
    """Read a page."""
    rows = connection.execute(f"{_SELECT} number > ? ORDER BY number LIMIT ?", (after, limit))
    return [_intent(row) for row in rows]


@define(eq=False)
class _Shelf:
    """Finds for each intent the one that is kept in its stead, or its place."""

    by_key: dict[str, Intent]
    by_number: dict[int, Intent]
    free: int
    new: list[Intent] = field(factory=list)

    @classmethod
    def fetched(cls, connection: sqlite3.Connection, intents: Sequence[Intent]) -> "_Shelf":
        (free,) = connection.execute("SELECT coalesce(max(number) + 1, 0) FROM intent").fetchone()
        keys = (intent.key for intent in intents if intent.key is not None)
        numbers = (intent.number for intent in intents if intent.key is None and intent.number < free)
        return cls(
            {intent.key: intent for intent in _stored(connection, "key", keys) if intent.key is not None},
            {intent.number: intent for intent in _stored(connection, "number", numbers)},
            free,
        )

    def place(self, intent: Intent) -> Intent:
        kept = self.by_number.get(intent.number) if intent.key is None else self.by_key.get(intent.key)
        if kept is None:
            return self._put(intent)
        if (kept.key, kept.spec) != (intent.key, intent.spec):
            raise _reused(intent)
        return kept

    def _put(self, intent: Intent) -> Intent:
        if intent.key is not None:
            if intent.number != self.free:
                intent = evolve(intent, number=self.free)
            self.by_key[intent.key] = intent  # type: ignore[index]  # the copy has the same key
        self.by_number[intent.number] = intent
        self.free = max(self.free, intent.number + 1)
        self.new.append(intent)
        return intent


def _reused(intent: Intent) -> KeyReused:
    what = f"the number {intent.number}" if intent.key is None else f"the key {intent.key!r}"
    error = KeyReused(f"the journal has {what} with another spec")
    error.key = intent.key
    return error


def _stored(connection: sqlite3.Connection, column: str, values: Iterable[Any]) -> Iterator[Intent]:
    remaining = iter(values)
    while chunk := list(islice(remaining, _CHUNK)):
        marks = ",".join("?" * len(chunk))
        yield from map(_intent, connection.execute(f"{_SELECT} {column} IN ({marks})", chunk))


def _row(intent: Intent) -> tuple[Any, ...]:
    return (
        intent.number,
        intent.key,
        intent.spec,
        intent.state.value,
        intent.attempts,
        _text(intent.sent_at),
        intent.uptime,
        intent.chat_id,
        intent.error,
    )


def _intent(row: tuple[Any, ...]) -> Intent:
    number, key, spec, state, attempts, sent_at, uptime, chat_id, error = row
    return Intent(
        number=number,
        key=key,
        spec=spec,
        state=IntentState(state),
        attempts=attempts,
        sent_at=_moment(sent_at),
        uptime=uptime,
        chat_id=chat_id,
        error=error,
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
