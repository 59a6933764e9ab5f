"""What a plan is made from: how many chats are left to create, and what the journal knows already."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

from bitrix_chat.bulk.creator import Creator
from bitrix_chat.bulk.journal import IntentState, Journal
from bitrix_chat.bulk.plan import BulkPlan, plan_of
from bitrix_chat.bulk.recorder import Recorder
from bitrix_chat.bulk.source import JournalSource, SpecSource
from bitrix_chat.bulk.spec import ChatSpec
from bitrix_chat.bulk.sqlite_journal import SqliteJournal
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.conditions import Conditions

T = TypeVar("T")

Tally = Counter[tuple[IntentState, bool]]
"""How many intents there are of each state, with a key and without."""


async def tally(journal: Journal | None, creator: Creator[Any]) -> Tally:
    """Count what a journal holds; a file that is not there holds nothing, and is not made."""
    counts: Tally = Counter()
    if isinstance(journal, SqliteJournal):
        if not journal.path.exists() or not journal.path.stat().st_size:
            return counts
        journal = SqliteJournal.reading(journal.path)
    recorder = Recorder(journal)
    try:
        await recorder.begin(creator)
        async for intent in recorder.intents():
            counts[intent.state, intent.key is not None] += 1
    finally:
        await recorder.close()
    return counts


def forecast(
    source: SpecSource[Any] | JournalSource[Any],
    counts: Tally,
    conditions: Conditions,
    *,
    cost: float | None,
    duration: float | None,
    count: int | None,
) -> BulkPlan:
    """Make the plan of a run.

    Raises:
        InvalidParameter: nobody knows how many there are.
    """
    done, failed, pending = (_number(counts, state) for state in _ENDS)
    unknown = counts.total() - done - failed - pending
    looked_up = counts[IntentState.SENT, True] + counts[IntentState.UNKNOWN, True]
    if isinstance(source, JournalSource):
        chats = pending + (failed if source.retry_failed else 0)
        keyed = counts[IntentState.PENDING, True]
    else:
        chats = max(0, _size(source, count) - done - failed - unknown)
        keyed = chats if _has_keys(source) and not source.key_is_new else 0
    return plan_of(
        chats,
        conditions,
        method=source.creator.method,
        lookups=keyed + looked_up,
        already_done=done,
        unknown=unknown,
        cost=cost,
        duration=duration,
    )


def seconds_left(chats: int, *, conditions: Conditions, method: str) -> float | None:
    """Return how long so many chats will take from now; None as long as their cost is not known."""
    return None if conditions.cost is None else plan_of(chats, conditions, method=method).seconds.high


_ENDS = (IntentState.DONE, IntentState.FAILED, IntentState.PENDING)


def _number(counts: Tally, state: IntentState) -> int:
    return counts[state, True] + counts[state, False]


def _size(source: SpecSource[Any], count: int | None) -> int:
    if count is not None:
        if type(count) is not int or count < 0:
            raise InvalidParameter(f"`count` is {count!r}, but it is a number of specs")
        return count
    if source.total is not None:
        return source.total
    raise InvalidParameter("the specs cannot be counted without taking them: say `count`")


def _has_keys(source: SpecSource[Any]) -> bool:
    if source.key is not None:
        return True
    first = source.specs[0] if isinstance(source.specs, Sequence) and source.specs else None
    return first is not None and ChatSpec.of(first).key is not None
