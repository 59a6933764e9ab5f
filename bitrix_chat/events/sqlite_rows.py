"""What an event store does, as SQL: each function is one operation inside a transaction that somebody else ends."""

import json
import sqlite3
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bitrix_chat.events.errors import EventStoreError, InboxFull
from bitrix_chat.events.store import DeadLetter, KeptEvent
from bitrix_chat.storage.file_kind import FileKind

EVENT_STORE: Final = FileKind(
    noun="event store",
    application_id=0x62786531,  # `bxe1` in ASCII
    version=1,
    schema="""
CREATE TABLE handled (
    number INTEGER PRIMARY KEY,
    consumer TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    handled_at REAL NOT NULL,
    UNIQUE (consumer, event_id)
);
CREATE INDEX handled_in_order ON handled (consumer, number);
CREATE TABLE posted (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    body TEXT,
    kept_at REAL NOT NULL,
    expires_at REAL NOT NULL
);
CREATE INDEX posted_waiting ON posted (number) WHERE body IS NOT NULL;
CREATE INDEX posted_done ON posted (expires_at) WHERE body IS NULL;
CREATE TABLE buried (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    error TEXT NOT NULL,
    buried_at REAL NOT NULL
);
""",
    error=EventStoreError,
    damaged="is damaged; restore a copy of it, or remove it: events that wait in it are lost then",
)

HANDLED: Final = 10_000
"""Ids that are remembered for each consumer: the portal shows 1,000 events behind an unfinished one at most."""
MEMORY: Final = 48 * 3600.0
"""Seconds for which they are: the portal keeps events for 24 hours, and may use its ids anew after that."""
_EVERY: Final = 500
_PURGE: Final = 100


def handled(connection: sqlite3.Connection, consumer: str, now: float) -> frozenset[int]:
    """Read the ids that were handled last."""
    rows = connection.execute(
        "SELECT event_id FROM handled WHERE consumer = ? AND handled_at > ? ORDER BY number DESC LIMIT ?",
        (consumer, now - MEMORY, HANDLED),
    )
    return frozenset(event_id for (event_id,) in rows)


def mark_handled(connection: sqlite3.Connection, consumer: str, event_ids: Collection[int], now: float) -> None:
    """Write down ids, and forget the oldest now and then."""
    for event_id in event_ids:
        cursor = connection.execute(
            "INSERT OR REPLACE INTO handled (consumer, event_id, handled_at) VALUES (?, ?, ?)",
            (consumer, event_id, now),
        )
        if (cursor.lastrowid or 0) % _EVERY == 0:
            _forget_old(connection, consumer)


def _forget_old(connection: sqlite3.Connection, consumer: str) -> None:
    connection.execute(
        "DELETE FROM handled WHERE consumer = ? AND number <= "
        "(SELECT number FROM handled WHERE consumer = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (consumer, consumer, HANDLED),
    )


def keep(
    connection: sqlite3.Connection, key: str, body: Mapping[str, Any], *, ttl: float, now: float, limit: int
) -> bool:
    """Write a posted event down, unless it is known."""
    connection.execute(
        "DELETE FROM posted WHERE number IN (SELECT number FROM posted WHERE body IS NULL AND expires_at <= ? LIMIT ?)",
        (now, _PURGE),
    )
    known = connection.execute("SELECT body IS NOT NULL OR expires_at > ? FROM posted WHERE key = ?", (now, key))
    if known.fetchone() == (1,):
        return False
    (waiting,) = connection.execute("SELECT count(*) FROM posted WHERE body IS NOT NULL").fetchone()
    if waiting >= limit:
        raise InboxFull(f"{waiting} posted events wait for their handlers")
    connection.execute(
        "INSERT OR REPLACE INTO posted (key, body, kept_at, expires_at) VALUES (?, ?, ?, ?)",
        (key, _text(body), now, now + ttl),
    )
    return True


def pending(connection: sqlite3.Connection, after: int, limit: int) -> list[KeptEvent]:
    """Read a page of those that wait."""
    rows = connection.execute(
        "SELECT number, key, body, kept_at FROM posted WHERE body IS NOT NULL AND number > ? ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [
        KeptEvent(number=number, key=key, body=json.loads(body), kept_at=_moment(kept_at))
        for number, key, body, kept_at in rows
    ]


def finish(connection: sqlite3.Connection, key: str) -> None:
    """Forget the body of a posted event, and keep its key."""
    connection.execute("UPDATE posted SET body = NULL WHERE key = ?", (key,))


def bury(connection: sqlite3.Connection, key: str, body: Mapping[str, Any], error: str, now: float) -> None:
    """Write a dead letter down."""
    connection.execute(
        "INSERT OR REPLACE INTO buried (key, body, error, buried_at) VALUES (?, ?, ?, ?)",
        (key, _text(body), error.encode(errors="backslashreplace").decode(), now),
    )


def buried(connection: sqlite3.Connection, after: int, limit: int) -> list[DeadLetter]:
    """Read a page of dead letters."""
    rows = connection.execute(
        "SELECT number, key, body, error, buried_at FROM buried WHERE number > ? ORDER BY number LIMIT ?",
        (after, limit),
    )
    return [
        DeadLetter(number=number, key=key, body=json.loads(body), error=error, buried_at=_moment(buried_at))
        for number, key, body, error, buried_at in rows
    ]


def exhume(connection: sqlite3.Connection, key: str) -> bool:
    """Forget a dead letter."""
    return connection.execute("DELETE FROM buried WHERE key = ?", (key,)).rowcount > 0


def _text(body: Mapping[str, Any]) -> str:
    # ASCII alone: a text of bytes that were no UTF-8 may hold what SQLite's encoding cannot.
    return json.dumps(dict(body), separators=(",", ":"))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
