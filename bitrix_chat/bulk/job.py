"""Many chats, surely and once: what a program holds in its hands while they are created."""

import asyncio
import inspect
import logging
import math
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from attrs import evolve

from bitrix_chat.bulk.creator import Creator
from bitrix_chat.bulk.engine import Engine, Options
from bitrix_chat.bulk.errors import BulkStopped, JournalError
from bitrix_chat.bulk.forecast import forecast, seconds_left, tally
from bitrix_chat.bulk.journal import Journal
from bitrix_chat.bulk.plan import BulkPlan
from bitrix_chat.bulk.progress import Progress
from bitrix_chat.bulk.reconciliation import reconcile
from bitrix_chat.bulk.recorder import Recorder
from bitrix_chat.bulk.report import BulkReport
from bitrix_chat.bulk.results import BulkResult, BulkState
from bitrix_chat.bulk.source import JournalSource, KeyOf, Specs, SpecSource
from bitrix_chat.bulk.spec import ChatSpec
from bitrix_chat.bulk.sqlite_journal import SqliteJournal
from bitrix_chat.errors import InvalidParameter

T = TypeVar("T")

logger: Final = logging.getLogger("bitrix_chat")

Keeping = str | os.PathLike[str] | Journal
"""Where intents are kept: the path of a SQLite file, or a journal of one's own."""


class BulkJob(Generic[T]):
    """One bulk run; it begins when it is iterated over, or run, and runs once.

    Iterating gives a `BulkResult` for each spec. Some two thousand are under way or wait to be taken at most: a slow
    consumer stops the pulling of specs, and then the sending. `run()` takes them all and returns the report.

    Attributes:
        report: the results so far, whatever happens. While the job is iterated over, what succeeded is only counted.
    """

    def __init__(
        self,
        creator: Creator[T],
        source: SpecSource[T] | JournalSource[T],
        journal: Keeping | None,
        options: Options,
    ) -> None:
        self.report: BulkReport[T] = BulkReport()
        self._creator = creator
        self._source = source
        self._journal = journal_at(journal)
        self._options = options
        self._engine: Engine[T] | None = None
        self._has_begun = self._has_taker = self._is_cancelled = False
        self._has_ended = asyncio.Event()

    def __repr__(self) -> str:
        return f"<BulkJob {self._creator.method}: {self.report}>"

    def __aiter__(self) -> AsyncIterator[BulkResult[T]]:
        return self._results(keeps_all=False)

    async def run(self, *, progress: Callable[[Progress], object] | None = None) -> BulkReport[T]:
        """Create all chats and return what became of each.

        What fails with a single chat is in its result; `report.raise_for_failures()` turns it into an exception.

        Args:
            progress: called with a snapshot, four times a second at most, and once more at the end.

        Raises:
            BulkStopped: the run ended before its input did: the specs or the journal failed, or the portal was away
                for minutes, or refuses everybody. Its `report`, this job's, has what became of each until then.
            JournalInUse: another run has the journal; nothing was sent.
            JournalError: the journal cannot be opened; nothing was sent.
            InvalidParameter: the journal belongs to another portal, method or bot; nothing was sent.
        """
        if inspect.iscoroutinefunction(progress):
            raise InvalidParameter("`progress` is a coroutine function, which nobody would await; make it a plain one")
        showing = None if progress is None else asyncio.get_running_loop().create_task(self._show(progress))
        self._has_taker = self._has_taker or not self._has_begun
        try:
            async with aclosing(self._results(keeps_all=True)) as results:
                async for _ in results:
                    pass
        finally:
            if showing is not None:
                showing.cancel()
            self._tell(progress)
        return self.report

    async def plan(
        self, *, cost: float | None = None, duration: float | None = None, count: int | None = None
    ) -> BulkPlan:
        """Say how many requests it will take, how long, and limited by what; nothing is created.

        Args:
            cost: operating seconds that the portal counts for one chat, if known; learned from the first 50 otherwise.
            duration: seconds that the portal takes for one chat, if known; learned likewise.
            count: how many specs there are, where they cannot be counted.

        Raises:
            InvalidParameter: the specs cannot be counted, and `count` is not given.
            JournalError: the journal cannot be read.
        """
        counts = await tally(self._journal, self._creator)
        return forecast(
            self._source, counts, await self._creator.conditions(), cost=cost, duration=duration, count=count
        )

    async def portal(self) -> str:
        """Return the host of the portal that it is about, which is what a journal calls it; nothing is sent."""
        return await self._creator.host()

    async def reconcile(self) -> BulkReport[T]:
        """Find out what became of chats that may have been created, by looking up their keys; nothing is created.

        With a journal it is about all chats there, and its end is written there; what surely did not run is `not
        started` then, and `resume` creates it. Without one it is about this job's own, after it has run. It takes as
        long as the portal may still be working on one of them (the client's `quiescence`).

        Raises:
            JournalError: the journal cannot be used.
            RuntimeError: the job is running.
        """
        if self._has_begun and not self._has_ended.is_set():
            raise RuntimeError("the job is running: reconcile afterwards")
        recorder = await self._opened()
        if recorder.journal is not None and isinstance(self._source, SpecSource):
            self.report = BulkReport()  # a journal has numbers of its own, and perhaps more than this job's chats
        try:
            await reconcile(self._creator, recorder, self.report)
            self.report.is_complete = recorder.run is None or recorder.run.is_complete
        finally:
            await recorder.close()
        return self.report

    async def cancel(self, *, drain: bool = True) -> None:
        """Take nothing more and return when nothing is under way any more.

        Whoever iterates over the job may call it as well, and still gets the results that are left.

        Args:
            drain: wait for what has left, which takes as long as the portal does, and for one whose answer was lost
                until it was looked up. Without, it is given up: some chats are unknown then, until `resume` or
                `reconcile` finds out.
        """
        self._is_cancelled = True
        if self._engine is not None:
            self._engine.stop(drain=drain)
            await self._engine.landed()
        if self._has_taker:
            await self._has_ended.wait()

    async def _results(self, *, keeps_all: bool) -> AsyncGenerator[BulkResult[T], None]:
        if self._has_begun:
            raise RuntimeError("this job has run already: make another one")
        self._has_begun = True
        try:
            recorder = await self._opened()
            try:
                engine = await self._begun(recorder, keeps_all=keeps_all)
                async with aclosing(engine.results()) as results:
                    async for result in results:
                        yield result
                self.report.is_complete = engine.is_exhausted and self._is_whole(recorder)
                await engine.end()
            finally:
                await recorder.close()
        finally:
            self._has_ended.set()
        if engine.stopped_by is not None:
            raise self._stopped(engine.stopped_by) from engine.stopped_by

    async def _opened(self) -> Recorder:
        journal = self._journal
        if isinstance(self._source, JournalSource) and isinstance(journal, SqliteJournal) and not journal.path.exists():
            raise JournalError(f"{journal.path}: there is no such journal")
        recorder = Recorder(journal)
        try:
            await recorder.begin(self._creator)
            if recorder.seconds_since_sent is not None:
                await self._creator.assume_sent(recorder.seconds_since_sent)
            if isinstance(self._source, JournalSource):
                self._source = evolve(self._source, total=await recorder.count())
        except BaseException:
            await recorder.close()
            raise
        return recorder

    def _is_whole(self, recorder: Recorder) -> bool:
        return recorder.run is None or not isinstance(self._source, JournalSource) or recorder.run.is_complete

    async def _begun(self, recorder: Recorder, *, keeps_all: bool) -> Engine[T]:
        on_result = partial(self._add, keeps_all=keeps_all)
        engine = self._engine = Engine(self._creator, self._source, recorder, self._options, on_result)
        if self._is_cancelled:
            engine.stop()
        return engine

    def _add(self, result: BulkResult[T], *, keeps_all: bool) -> None:
        self.report.add(result, is_kept=keeps_all or result.state not in _SUCCESSES)

    def _stopped(self, cause: BaseException) -> BulkStopped:
        said = str(cause) or type(cause).__name__
        stopped = BulkStopped(f"the run was stopped ({said}); {self.report}", method=self._creator.method)
        stopped.report = self.report
        return stopped

    async def _show(self, progress: Callable[[Progress], object]) -> None:
        while True:
            await asyncio.sleep(0.05 if self._engine is None else max(0.01, self._engine.meter.due_in))
            self._tell(progress, await self._foreseen())

    async def _foreseen(self) -> Callable[[int], float | None] | None:
        try:
            conditions = await self._creator.conditions()
        except Exception:  # noqa: BLE001  # what fails here fails the run as well, which tells of it
            return None
        return partial(seconds_left, conditions=conditions, method=self._creator.method)

    def _tell(
        self, progress: Callable[[Progress], object] | None, foresee: Callable[[int], float | None] | None = None
    ) -> None:
        if progress is None or self._engine is None:
            return
        try:
            progress(self._engine.meter.snapshot(self._engine.limited_by, foresee))
        except Exception:
            logger.exception("`progress` failed")


_SUCCESSES: Final = frozenset({BulkState.DONE, BulkState.SKIPPED})


def journal_at(journal: Keeping | None) -> Journal | None:
    """Return the journal that is meant.

    Raises:
        InvalidParameter: it is neither a path nor a journal.
    """
    if journal is None or isinstance(journal, str | os.PathLike):
        return None if journal is None else SqliteJournal(Path(journal))
    if isinstance(journal, Journal) and not isinstance(journal, type):
        return journal
    raise InvalidParameter(f"`journal` is {type(journal).__name__}, not a path or a Journal")


def options_of(on_error: Any, order: Any, deadline: Any) -> Options:
    """Check the options of a run.

    Raises:
        InvalidParameter: one is not what it should be.
    """
    if on_error not in ("collect", "stop"):
        raise InvalidParameter(f"`on_error` is {on_error!r}, but it is 'collect' or 'stop'")
    if order not in ("completion", "input"):
        raise InvalidParameter(f"`order` is {order!r}, but it is 'completion' or 'input'")
    is_number = isinstance(deadline, int | float) and not isinstance(deadline, bool)
    if deadline is not None and not (is_number and 0 < deadline < math.inf):
        raise InvalidParameter(f"`deadline` is {deadline!r}, but seconds are more than 0; None is no deadline")
    return Options(on_error=on_error, order=order, deadline=deadline)


def bulk_job(
    creator: Creator[T],
    specs: Specs,
    *,
    key: KeyOf | None,
    key_is_new: bool,
    journal: Keeping | None,
    on_error: Any,
    order: Any,
    deadline: Any,
) -> BulkJob[T]:
    """Return the job that creates chats from specs."""
    if isinstance(specs, str | bytes | Mapping | ChatSpec) or not isinstance(specs, Iterable | AsyncIterable):
        raise InvalidParameter(f"`specs` is {type(specs).__name__}, not a list, iterator or async iterator of specs")
    if key is not None and not callable(key):
        raise InvalidParameter(f"`key` is {type(key).__name__}, not a function of a spec")
    source = SpecSource(creator, specs, key, bool(key_is_new))
    return BulkJob(creator, source, journal, options_of(on_error, order, deadline))


def resumed_job(
    creator: Creator[T],
    journal: Keeping,
    *,
    retry_failed: bool,
    on_error: Any,
    order: Any,
    deadline: Any,
) -> BulkJob[T]:
    """Return the job that goes on from a journal."""
    if journal is None:
        raise InvalidParameter("`journal` is None, but what is to go on is in one")
    source = JournalSource(creator, bool(retry_failed))
    return BulkJob(creator, source, journal, options_of(on_error, order, deadline))
