"""How far jobs have come, read from their journal: nobody has to hear from a worker, whichever machine it is on."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from attrs import evolve

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import IntentState, Run
from bitrix_chat.bulk.progress import Meter, Progress
from bitrix_chat.bulk.report import BulkReport
from bitrix_chat.bulk.results import BulkState
from bitrix_chat.bulk.shared_journal import SharedJournal
from bitrix_chat.bulk.stored_report import stored_report
from bitrix_chat.jobs.journals import Journals
from bitrix_chat.redis.errors import RedisFailed

logger: Final = logging.getLogger("bitrix_chat")

EVERY: Final = 0.5
"""Seconds between two looks at the journal, unless told otherwise."""
_PAGE: Final = 50

StillRuns: TypeAlias = Callable[[str], Awaitable[bool]]
"""Tells whether an engine still has the job of a key, so that an unknown outcome may come to be known."""
_Tally: TypeAlias = Mapping[IntentState, int]


class Following:
    """The jobs of one journal, watched from anywhere.

    Args:
        journal: its name.
        journals: opens it; each method does so for itself, and closes it.
        still_runs: tells whether a job will run once more; without it a chat of unknown outcome counts as ended.
    """

    def __init__(self, journal: str, journals: Journals, *, still_runs: StillRuns | None = None) -> None:
        self.journal = journal
        self._journals = journals
        self._still_runs = still_runs

    def __repr__(self) -> str:
        return f"<Following {self.journal!r}>"

    async def progress(self) -> Progress:
        """Return how far they are at this moment; a rate takes time to be seen, so that there is none.

        Raises:
            JournalError: there is no such journal, or it cannot be read.
        """
        journal = self._journals(self.journal)
        try:
            await self._run(journal)
            return _told(Progress(), await journal.tally())
        finally:
            await journal.close()

    async def follow(self, *, every: float = EVERY) -> AsyncGenerator[Progress, None]:
        """Yield how far they are, again and again until all have ended.

        Args:
            every: seconds between two looks.

        Raises:
            JournalError: there is no such journal, or it cannot be read.
        """
        journal = self._journals(self.journal)
        try:
            await self._run(journal)
            tally = await journal.tally()
            watch = _Watch(tally)
            while True:
                yield watch.progress(tally)
                if await self._has_ended(journal, tally):
                    return
                tally = await _next_tally(journal, every)
        finally:
            await journal.close()

    async def wait(self) -> BulkReport[Any]:
        """Wait until all have ended, and return what became of each chat.

        Raises:
            JournalError: there is no such journal, or it cannot be read.
        """
        async for _ in self.follow():
            pass
        return await self.report()

    async def report(self) -> BulkReport[Any]:
        """Return what became of each chat so far, in the order in which they were added, without their avatars.

        Raises:
            JournalError: there is no such journal, or it cannot be read.
        """
        journal = self._journals(self.journal)
        try:
            return await stored_report(journal, await self._run(journal))
        finally:
            await journal.close()

    async def _run(self, journal: SharedJournal) -> Run:
        run = await journal.run()
        if run is None:
            raise JournalError(f"there is no journal {self.journal!r}")
        return run

    async def _has_ended(self, journal: SharedJournal, tally: _Tally) -> bool:
        if tally[IntentState.PENDING] or tally[IntentState.SENT]:
            return False
        return not tally[IntentState.UNKNOWN] or not await self._may_be_resolved(journal)

    async def _may_be_resolved(self, journal: SharedJournal) -> bool:
        """Return whether any chat of unknown outcome has a job that will look once more."""
        if self._still_runs is None:
            return False
        after = -1
        while page := await journal.read(after, _PAGE):
            for intent in page:
                is_unknown = intent.state is IntentState.UNKNOWN and intent.key is not None
                if is_unknown and await self._still_runs(intent.key or ""):
                    return True
            after = page[-1].number
        return False


async def _next_tally(journal: SharedJournal, every: float) -> _Tally:
    """Look again after a while; a server that is away is waited for, as the jobs themselves do."""
    is_away = False
    while True:
        await asyncio.sleep(every)
        try:
            return await journal.tally()
        except (JournalError, RedisFailed) as error:
            if not is_away:
                logger.warning("the journal cannot be read at present: %s", error.description)
            is_away = True


class _Watch:
    """Measures the pace at which a journal's chats come to their end."""

    def __init__(self, tally: _Tally) -> None:
        self._meter = Meter(asyncio.get_running_loop().time, total=sum(tally.values()))
        self._ended = _ended(tally)
        self._meter.ended(BulkState.SKIPPED, self._ended)

    def progress(self, tally: _Tally) -> Progress:
        """Return what a tally tells."""
        ended = _ended(tally)
        self._meter.total = sum(tally.values())
        self._meter.ended(BulkState.DONE, ended - self._ended)
        self._ended = ended
        return _told(self._meter.snapshot(), tally)


def _ended(tally: _Tally) -> int:
    return tally[IntentState.DONE] + tally[IntentState.FAILED] + tally[IntentState.UNKNOWN]


def _told(progress: Progress, tally: _Tally) -> Progress:
    return evolve(
        progress,
        done=tally[IntentState.DONE],
        failed=tally[IntentState.FAILED],
        unknown=tally[IntentState.UNKNOWN],
        skipped=0,
        in_flight=tally[IntentState.SENT],
        total=sum(tally.values()),
    )
