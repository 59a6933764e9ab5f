"""Intents and runs as the texts that stand in Redis, and back."""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from attrs import evolve

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import Intent, IntentState, Run
from bitrix_chat.redis.machine import machine

VERSION: Final = "1"
_NONE: Final = "-"
_FLAGS: Final = {False: "0", True: "1"}


def fields_of(run: Run) -> list[str]:
    """Return the fields of a new run, names and values in turns."""
    fields = {
        "version": VERSION,
        "method": run.method,
        "portal": run.portal,
        "bot_id": run.bot_id,
        "sent_at": None if run.sent_at is None else moment_text(run.sent_at),
    }
    given = {name: value for name, value in fields.items() if value is not None}
    return [*_flat(given), *facts_of(run.is_complete, run.keeps_entities)]


def facts_of(is_complete: bool | None, keeps_entities: bool | None) -> list[str]:  # noqa: FBT001
    """Return the fields of what was learned of a run, names and values in turns."""
    facts = {"is_complete": is_complete, "keeps_entities": keeps_entities}
    return _flat({name: _FLAGS[bool(fact)] for name, fact in facts.items() if fact is not None})


def run_of(fields: Sequence[str]) -> Run | None:
    """Read a run; None where there is none.

    Raises:
        JournalError: a later release has written it.
    """
    told = pairs(fields)
    if "method" not in told:
        return None
    if told.get("version") != VERSION:
        raise JournalError(f"the journal is of version {told.get('version')}, which a later release has written")
    return Run(
        method=told["method"],
        portal=told.get("portal", ""),
        bot_id=told.get("bot_id"),
        is_complete=told.get("is_complete") == _FLAGS[True],
        keeps_entities=told.get("keeps_entities") == _FLAGS[True],
        sent_at=None if "sent_at" not in told else datetime.fromisoformat(told["sent_at"]),
    )


def row_of(intent: Intent) -> list[str]:
    """Return what `ADD` takes for an intent."""
    key = "" if intent.key is None else key_text(intent.key)
    return [str(intent.number), key, _record(intent), _head(intent), optional(intent.error)]


def chunks_of(intents: Sequence[Intent], most: int, size: int) -> Iterator[list[str]]:
    """Return what `ADD` takes, in pieces of so many intents and about so much text at most."""
    chunk: list[str] = []
    brought = 0
    for intent in intents:
        row = row_of(intent)
        length = sum(map(len, row))
        if chunk and (brought + length > size or len(chunk) >= most * len(row)):
            yield chunk
            chunk, brought = [], 0
        chunk += row
        brought += length
    yield chunk


def key_text(key: str) -> str:
    """Return a key as it stands in Redis, where an empty text is none."""
    return f"k{key}"


def optional(text: str | None) -> str:
    """Return a text that may be missing as it is told to a script."""
    return "" if text is None else f"e{text}"


def turn_of(head: str) -> str:
    """Return whose turn it is by a head: state, attempts and token."""
    return " ".join(head.split(" ", 3)[:3])


def moment_text(moment: datetime) -> str:
    """Return a moment as it is kept, by the clock of Greenwich."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def intents_of(
    now: int, numbers: Sequence[str], heads: Sequence[str], records: Sequence[str], errors: Mapping[str, str]
) -> Iterator[Intent]:
    """Read intents.

    Args:
        now: the server's clock, in microseconds.
        numbers: theirs.
        heads: of each.
        records: of each.
        errors: by number, where there are any.
    """
    for number, head, record in zip(numbers, heads, records, strict=True):
        length, _, rest = record.partition(":")
        key, spec = (None, rest) if length == _NONE else (rest[: int(length)], rest[int(length) :])
        yield as_kept(Intent(number=int(number), key=key, spec=spec), int(number), head, errors.get(number), now)


def as_kept(intent: Intent, number: int, head: str, error: str | None, now: int) -> Intent:
    """Return an intent as far as it is."""
    state, attempts, _, sent_at, uptime, where, departed, chat_id = head.split(" ")
    return evolve(
        intent,
        number=number,
        state=IntentState(state),
        attempts=int(attempts),
        sent_at=None if sent_at == _NONE else datetime.fromisoformat(sent_at),
        uptime=_uptime(uptime, where, departed, now),
        chat_id=None if chat_id == _NONE else int(chat_id),
        error=error,
    )


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """Read names and values in turns."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def words(text: str) -> list[str]:
    """Read numbers."""
    return text.split(" ") if text else []


def lines(text: str) -> list[str]:
    """Read heads."""
    return text.split("\n") if text else []


def _uptime(uptime: str, where: str, departed: str, now: int) -> float | None:
    """Return when it left by this machine's own clock; the server's tells how long ago that was on another one."""
    if uptime == _NONE:
        return None
    if where == machine():
        return float(uptime)
    return None if departed == _NONE else time.monotonic() - max(0, now - int(departed)) / 1e6


def _record(intent: Intent) -> str:
    return f"{_NONE}:{intent.spec}" if intent.key is None else f"{len(intent.key)}:{intent.key}{intent.spec}"


def _head(intent: Intent) -> str:
    parts: list[Any] = [
        intent.state.value,
        intent.attempts,
        secrets.token_hex(4),  # so that who has read a journal that was deleted is no worker of the next of its name
        None if intent.sent_at is None else moment_text(intent.sent_at),
        intent.uptime,
        None if intent.uptime is None else machine(),
        None,
        intent.chat_id,
    ]
    return " ".join(_NONE if part is None else str(part) for part in parts)


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [text for pair in fields.items() for text in pair]
