"""How far jobs have come, read from their journal: nobody has to hear from a worker, whichever machine it is on."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any, Final

from attrs import evolve

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import IntentState, Run
from bitrix_chat.bulk.progress import Meter, Progress
from bitrix_chat.bulk.report import BulkReport
from bitrix_chat.bulk.results import BulkState
from bitrix_chat.bulk.shared_journal import SharedJournal
from bitrix_chat.bulk.stored_report import stored_report
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.jobs.journals import DeletableJournal, Journals
from bitrix_chat.jobs.waiting import LastReason, StillRuns, Tally, Waiting
from bitrix_chat.redis.errors import RedisFailed

logger: Final = logging.getLogger("bitrix_chat")

EVERY: Final = 0.5
"""Seconds between two looks at the journal, unless told otherwise."""


class Following:
    """The jobs of one journal, watched from anywhere.

    Args:
        journal: its name.
        journals: opens it; each method does so for itself, and closes it.
        still_runs: tells whether a job will run once more; without it a chat of unknown outcome counts as ended, and
            one whose job was lost is waited for.
        last_reason: tells what a job was last postponed or given up for; it is logged, each reason once, when nothing
            has moved for a while.
    """

    def __init__(
        self,
        journal: str,
        journals: Journals,
        *,
        still_runs: StillRuns | None = None,
        last_reason: LastReason | None = None,
    ) -> None:
        self.journal = journal
        self._journals = journals
        self._still_runs = still_runs
        self._last_reason = last_reason
        self._is_deserted = False

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
        """Yield how far they are, again and again until all have ended, or those that have not are without a job.

        Why jobs do not get on is logged (logger `bitrix_chat`), and told by `last_reason`.

        Args:
            every: seconds between two looks.

        Raises:
            JournalError: there is no such journal, or it cannot be read.
        """
        journal = self._journals(self.journal)
        try:
            await self._run(journal)
            tally = await journal.tally()
            watch, waiting = _Watch(tally), Waiting(journal, self._still_runs, self._last_reason)
            while True:
                yield watch.progress(tally)
                if await waiting.has_ended(tally):
                    self._is_deserted = waiting.is_deserted
                    return
                tally = await _next_tally(journal, every)
        finally:
            await journal.close()

    async def wait(self) -> BulkReport[Any]:
        """Wait until all have ended, and return what became of each chat.

        Where chats are left that have no job any more, since it was lost or given up, the report is not complete:
        enqueue the same specs again.

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
            run = await self._run(journal)
            return await stored_report(journal, evolve(run, is_complete=run.is_complete and not self._is_deserted))
        finally:
            await journal.close()

    async def last_reason(self) -> str | None:
        """Return what a job was last postponed or given up for, None where none was of late or nobody can tell."""
        return None if self._last_reason is None else await self._last_reason()

    async def forget(self, *, even_open: bool = False) -> None:
        """Delete the journal, which otherwise stays for ever: once all have ended, and the report is where it belongs.

        Args:
            even_open: delete it although some have not ended: what may have been created is then looked for no more.

        Raises:
            InvalidParameter: such journals cannot be deleted.
            JournalError: some have not ended, or somebody has the journal for himself.
        """
        journal = self._journals(self.journal)
        try:
            if not isinstance(journal, DeletableJournal):
                raise InvalidParameter(f"{type(journal).__name__} has no `delete`")
            await journal.delete(even_open=even_open)
        finally:
            await journal.close()

    async def _run(self, journal: SharedJournal) -> Run:
        run = await journal.run()
        if run is None:
            raise JournalError(f"there is no journal {self.journal!r}")
        return run


async def _next_tally(journal: SharedJournal, every: float) -> Tally:
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

    def __init__(self, tally: Tally) -> None:
        self._meter = Meter(asyncio.get_running_loop().time, total=sum(tally.values()))
        self._ended = _ended(tally)
        self._meter.ended(BulkState.SKIPPED, self._ended)

    def progress(self, tally: Tally) -> Progress:
        """Return what a tally tells."""
        ended = _ended(tally)
        self._meter.total = sum(tally.values())
        self._meter.ended(BulkState.DONE, ended - self._ended)
        self._ended = ended
        return _told(self._meter.snapshot(), tally)


def _ended(tally: Tally) -> int:
    return tally[IntentState.DONE] + tally[IntentState.FAILED] + tally[IntentState.UNKNOWN]


def _told(progress: Progress, tally: Tally) -> Progress:
    return evolve(
        progress,
        done=tally[IntentState.DONE],
        failed=tally[IntentState.FAILED],
        unknown=tally[IntentState.UNKNOWN],
        skipped=0,
        in_flight=tally[IntentState.SENT],
        total=sum(tally.values()),
    )
