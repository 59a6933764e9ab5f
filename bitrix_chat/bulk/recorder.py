"""Between a run and its journal: what leaves is written down before it leaves, and what fails there stops the run."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from bitrix_chat.bulk.creator import Creator
from bitrix_chat.bulk.errors import JournalError, KeyReused
from bitrix_chat.bulk.items import Item, ending_of
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Journal, Run
from bitrix_chat.bulk.results import BulkResult
from bitrix_chat.errors import BitrixError, InvalidParameter
from bitrix_chat.rest.request import Exchange, Request

T = TypeVar("T")

PAGE: Final = 500
"""Intents read at a time."""


class NotWritten(Exception):
    """What was about to leave could not be written down, so it did not leave."""

    def __init__(self, why: BitrixError) -> None:
        super().__init__()
        self.why = why


class Recorder:
    """Counts what leaves, and writes it into a journal where there is one.

    Attributes:
        run: what the journal says of itself, None without one.
        was_used: whether it held anything before this run.
    """

    def __init__(self, journal: Journal | None) -> None:
        self.journal = journal
        self.run: Run | None = None
        self.was_used = False
        self._endings: list[Ending] = []
        self._writing: asyncio.Task[None] | None = None
        self._leaving: dict[int, Item[Any]] = {}

    async def begin(self, creator: Creator[Any]) -> None:
        """Take the journal, and see that it belongs to what is about to use it.

        Raises:
            InvalidParameter: it belongs to another portal, method or bot.
            JournalError: it cannot be used.
        """
        if self.journal is None:
            return
        ours = Run(method=creator.method, portal=await creator.host(), bot_id=creator.bot_id)
        self.run = await _told(self.journal.begin(ours))
        for name in ("method", "portal", "bot_id"):
            kept, asked = getattr(self.run, name), getattr(ours, name)
            if kept != asked:
                await self.close()
                raise InvalidParameter(f"the journal is about the {_WORDS[name]} {kept}, not {asked}")
        self.was_used = bool(await self.page(-1, 1))
        if self.run.keeps_entities:
            await creator.teach()

    @property
    def seconds_since_sent(self) -> float | None:
        """How long ago an earlier process may have sent anything, by the wall clock; None if none did."""
        sent_at = None if self.run is None else self.run.sent_at
        return None if sent_at is None else max(0.0, (datetime.now(UTC) - sent_at).total_seconds())

    async def add(self, intents: Sequence[Intent]) -> list[Intent | KeyReused]:
        """Keep intents that are new, and return each as it is kept, or why it cannot be.

        Raises:
            KeyReused: one without a key is not what the journal has in its place; no such one was kept.
        """
        try:
            return [] if self.journal is None else list(await _told(self.journal.add(intents)))
        except KeyReused as error:
            refusal = error
        await self._refuse_changed(intents)
        if len(intents) == 1:
            return [refusal]
        half = len(intents) // 2
        return [*await self.add(intents[:half]), *await self.add(intents[half:])]

    async def _refuse_changed(self, intents: Sequence[Intent]) -> None:
        """Stop where a spec without a key is not the one that the journal has in its place: all that follow may differ.

        None may be kept then: it would be created by `resume`, perhaps a second time from another place.
        """
        ours = {intent.number: intent.spec for intent in intents if intent.key is None}
        if not ours:
            return
        last = max(ours)
        async with aclosing(self.intents(min(ours) - 1)) as stored:
            async for kept in stored:
                if kept.number in ours and (kept.key, kept.spec) != (None, ours[kept.number]):
                    raise KeyReused(
                        f"the spec at {kept.number} has no key, and the journal has another one in its place: the input"
                        " has changed; go on with `resume`, or give the specs keys and begin a new journal"
                    )
                if kept.number >= last:
                    return

    async def page(self, after: int, limit: int = PAGE) -> Sequence[Intent]:
        """Return the intents behind a number."""
        return [] if self.journal is None else await _told(self.journal.read(after, limit))

    async def intents(self, after: int = -1) -> AsyncGenerator[Intent, None]:
        """Yield the intents behind a number in their order, all of them by default."""
        while page := await self.page(after):
            for intent in page:
                yield intent
            after = page[-1].number

    async def count(self) -> int:
        """Return how many intents there are."""
        return 0 if self.journal is None else await _told(self.journal.count())

    async def note(self, *, is_complete: bool | None = None, keeps_entities: bool | None = None) -> None:
        """Write down what was learned of the run."""
        if self.journal is not None:
            await _told(self.journal.note(is_complete=is_complete, keeps_entities=keeps_entities))

    def expect(self, request: Request, item: Item[Any]) -> None:
        """Take it that a request is about to leave for an item."""
        self._leaving[id(request)] = item

    def forget(self, request: Request) -> None:
        """Expect a request no longer."""
        self._leaving.pop(id(request), None)

    async def announce(self, exchanges: Sequence[Exchange]) -> None:
        """Write down what is about to leave; if that fails, it does not.

        Raises:
            NotWritten: it could not be written down.
        """
        items: list[Item[Any]] = []
        for exchange in exchanges:
            if (item := self._leaving.get(id(exchange.request))) is not None:
                item.announce(
                    exchange
                )  # before it is written, so that whoever gives it up meanwhile takes it back there
                items.append(item)
        numbers = [item.number for item in items if item.number is not None]
        if self.journal is not None and numbers:
            try:
                await _told(self.journal.departing(numbers, datetime.now(UTC), time.monotonic()))
            except BitrixError as error:
                for item in items:
                    item.stay()
                raise NotWritten(error) from error

    async def finish(self, item: Item[T], result: BulkResult[T]) -> None:
        """Write down what became of an item, together with what else ends in this turn of the loop."""
        if self.journal is not None and item.number is not None:
            await asyncio.shield(self.finishing(item.number, result))

    def finishing(self, number: int, result: BulkResult[Any]) -> "asyncio.Task[None]":
        """Begin to write down what became of an intent; a cancellation of whoever waits for it does not stop it."""
        self._endings.append(ending_of(number, result))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_endings())
        return self._writing

    async def _write_endings(self) -> None:
        await asyncio.sleep(0)  # fifty that came in one answer end in one turn
        endings, self._endings, self._writing = self._endings, [], None
        if self.journal is not None:
            await _finished(self.journal, endings)

    async def close(self) -> None:
        """Let others have the journal."""
        if self.journal is not None and self.run is not None:
            self.run = None
            await _told(self.journal.close())


async def _finished(journal: Journal, endings: Sequence[Ending]) -> None:
    """Write down what became of several; one that cannot be written down takes none of the others along."""
    try:
        await _told(journal.finish(endings))
    except JournalError:
        if len(endings) == 1:
            raise
        half = len(endings) // 2
        try:
            await _finished(journal, endings[:half])
        finally:
            await _finished(journal, endings[half:])


_WORDS: Final = {"method": "method", "portal": "portal", "bot_id": "bot"}


async def _told(writing: Awaitable[T]) -> T:
    """Await a journal's work, whose own exceptions become the cause of ours."""
    try:
        return await writing
    except (JournalError, KeyReused):
        raise
    except Exception as error:
        raise JournalError(f"the journal failed ({type(error).__name__})") from error


def seconds_ago(intent: Intent) -> float:
    """Return how long ago an intent may have left: the shorter of what two clocks say, so that nobody looks too early.

    The wall clock may have been set, and the other begins anew with the machine.
    """
    by_wall = 0.0 if intent.sent_at is None else (datetime.now(UTC) - intent.sent_at).total_seconds()
    by_uptime = by_wall if intent.uptime is None else time.monotonic() - intent.uptime
    return max(0.0, min(by_wall, by_uptime) if by_uptime >= 0 else by_wall)


def is_open(intent: Intent) -> bool:
    """Return whether nobody knows what became of an intent that may have left."""
    return intent.state in {IntentState.SENT, IntentState.UNKNOWN}
