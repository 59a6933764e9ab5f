"""Rows 36 and 60: a loop that ends in the middle of everything, and a journal that cannot be written.

What cannot be written down is not sent: every execution that the portal counts is one that the journal knows of.
"""

import asyncio
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from bitrix_chat import BulkReport, BulkState, BulkStopped, ChatSpec, JournalError, JournalInUse, SqliteJournal
from bitrix_chat.bulk.journal import Intent, IntentState, Run
from bitrix_chat.bulk.sqlite_schema import JOURNAL
from bitrix_chat.portal import Plan, Portal
from bitrix_chat.storage.database import Alone
from tests.contracts.dict_journal import Database, DictJournal
from tests.faults.ending_process import AMPLE, COUNT, WAYS
from tests.faults.matrix import Seen, row

ADD = "im.chat.add"
ENDING = Path(__file__).with_name("ending_process.py")
HOLDING = Path(__file__).parent.with_name("bulk") / "journal_process.py"
SHELVES = 60
WRITTEN = 10
"""Departures that are written down before the journal breaks."""


def shelves(count: int) -> list[ChatSpec]:
    return [ChatSpec(title=f"Shelf {number}", key=f"shelf-{number}") for number in range(count)]


async def intents_in(path: Path) -> list[Intent]:
    async with SqliteJournal.reading(path) as journal:
        return list(await journal.read(limit=1000))


def once_each(portal: Portal, intents: list[Intent]) -> bool:
    """Whether each intent has one chat, the one that the journal names."""
    chats = Counter((chat.entity_id, chat.id) for chat in portal.chats.values() if chat.entity_id)
    return chats == Counter((intent.key, intent.chat_id) for intent in intents)


@row(36, fault="the loop ends in the middle", expected=f"silence -> {COUNT} DONE", executions=COUNT)
@pytest.mark.parametrize("way", WAYS)
async def test_a_loop_that_ends_in_the_middle_ends_silently_and_a_resume_finishes(tmp_path: Path, seen: Seen, way: str):
    """Nothing is said even of what Python only mentions to developers, and every intent is still known."""
    path = tmp_path / "run.sqlite"
    async with Portal(plan=Plan.UNLIMITED, costs={ADD: 0.01}, execution_limit=0.5) as portal:
        said = await ended(way, portal, path)
        left = await intents_in(path)
        assert len(left) == COUNT
        assert {intent.state for intent in left} != {IntentState.DONE}, "it was not in the middle"

        async with portal.client(limiter=AMPLE, quiescence=1.0) as b24:
            report = await b24.im.chat.resume(path).run()
        intents = await intents_in(path)
        assert report.is_complete
        assert once_each(portal, intents)
        halls = Counter(chat.title for chat in portal.chats.values() if not chat.entity_id)
        assert set(halls.values()) <= {1}
        done = [intent for intent in intents if intent.state is IntentState.DONE]
        seen(said or "silence", f"{len(done)} DONE", executions=portal.executions[ADD] - halls.total())


async def ended(way: str, portal: Portal, path: Path) -> str:
    """Let a program end, and return what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-W", "error", str(ENDING), way, portal.webhook_url, str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


def text(path: Path) -> None:
    path.write_text("title;members\n" * 200)


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE intent (number INTEGER PRIMARY KEY)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {JOURNAL.version + 1}")


def damaged(path: Path) -> None:
    pages = bytearray(path.read_bytes())
    pages[-8192:] = b"\xa5" * 8192
    path.write_bytes(pages)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def in_no_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


SPOILT = {spoil.__name__: spoil for spoil in (text, foreign, newer, damaged, cut_off, a_folder, in_no_folder)}


@row(60, fault="journal unusable at the start", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("begin", ["bulk", "resume"])
async def test_with_a_journal_that_cannot_be_used_nothing_is_sent_and_it_is_left_as_it_is(
    portal: Portal, tmp_path: Path, seen: Seen, spoil: Callable[[Path], None], begin: str
):
    path = await journal_in(tmp_path / "folder", portal, shelves(200))
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    async with portal.client(limiter=AMPLE) as b24:
        chat = b24.im.chat
        job = chat.resume(path) if begin == "resume" else chat.bulk(shelves(200), journal=path)
        with pytest.raises(JournalError, match=path.name) as raised:
            await job.run()
    assert type(raised.value) is JournalError
    assert (path.read_bytes() if path.is_file() else None) == before
    assert len(job.report) == 0
    seen(raised.value, executions=portal.hits)


async def journal_in(folder: Path, portal: Portal, specs: list[ChatSpec]) -> Path:
    """Make a journal of intents that were never sent."""
    folder.mkdir()  # noqa: ASYNC240  # it takes a moment
    path = folder / "run.sqlite"
    async with SqliteJournal(path) as journal:
        await journal.begin(Run(method=ADD, portal=portal.url.removeprefix("http://"), is_complete=True))
        await journal.add(
            [Intent(number=number, key=spec.key, spec=spec.to_json()) for number, spec in enumerate(specs)]
        )
    return path


@row(60, fault="a damaged journal is reported", expected="200 known, 50 read")
async def test_of_a_damaged_journal_a_report_tells_what_can_be_read(portal: Portal, tmp_path: Path, seen: Seen):
    path = await journal_in(tmp_path / "folder", portal, shelves(200))
    known = len(await intents_in(path))
    damaged(path)
    async with SqliteJournal.reading(path) as journal:
        read = await journal.read(limit=50)
        with pytest.raises(JournalError, match="damaged"):
            await journal.read(limit=1000)
    seen(f"{known} known, {len(read)} read")


@row(60, fault="another process has the journal", expected="NOT_SENT", executions=0)
async def test_while_another_process_has_the_journal_nothing_is_sent_and_a_report_reads_it(
    portal: Portal, tmp_path: Path, seen: Seen
):
    path = tmp_path / "run.sqlite"
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HOLDING), "work", str(path)), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"added\n"
        async with portal.client(limiter=AMPLE) as b24:
            with pytest.raises(JournalInUse, match=path.name) as raised:
                await b24.im.chat.bulk(shelves(3), journal=path).run()
        assert len(await intents_in(path)) == 400
        seen(raised.value, executions=portal.hits)
    finally:
        holder.kill()
        await holder.communicate()


@row(60, fault="another program has the database locked", expected="NOT_SENT -> 3 DONE", executions=0)
async def test_a_journal_that_another_program_has_locked_is_refused_and_good_again_afterwards(
    portal: Portal, tmp_path: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch
):
    path = await journal_in(tmp_path / "folder", portal, shelves(3))
    monkeypatch.setattr("bitrix_chat.storage.sqlite_file.PATIENCE", 0.01)
    async with portal.client(limiter=AMPLE) as b24:
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match="locked") as raised:
                await b24.im.chat.resume(path).run()
            assert len(await intents_in(path)) == 3
        sent = portal.hits
        report = await b24.im.chat.resume(path).run()
    seen(raised.value, f"{len(report.done)} DONE", executions=sent)


class Breaking(SqliteJournal):
    """Breaks when something is about to be sent, after it was good for some.

    Attributes:
        written: how many may have left, by what it has acknowledged.
        is_broken: whether it has broken.
        stranger: another program's connection.
    """

    def __init__(self, path: Path, breaks: Callable[["Breaking"], Awaitable[None]]) -> None:
        super().__init__(path)
        self.written = 0
        self.is_broken = False
        self.stranger: sqlite3.Connection | None = None
        self._breaks = breaks

    async def departing(self, numbers: Any, sent_at: Any, uptime: Any) -> None:
        if self.written == WRITTEN and not self.is_broken:
            self.is_broken = True
            await self._breaks(self)
        await super().departing(numbers, sent_at, uptime)
        self.written += len(numbers)

    async def execute(self, statement: str) -> Any:
        """Execute a statement in the journal's thread, outside of a transaction."""

        def act() -> Any:
            assert self._store.database.connection is not None
            return self._store.database.connection.execute(statement).fetchone()

        return await self._thread.submit(Alone(act))


async def full(journal: Breaking) -> None:
    """Leave no room for one page more; some rows still find room in the pages that are there."""
    (pages,) = await journal.execute("PRAGMA page_count")
    await journal.execute(f"PRAGMA max_page_count = {pages}")


async def locked(journal: Breaking) -> None:
    await journal.execute("PRAGMA busy_timeout = 10")
    journal.stranger = sqlite3.connect(journal.path, isolation_level=None)
    journal.stranger.execute("BEGIN IMMEDIATE")


async def closed(journal: Breaking) -> None:
    await journal.close()


async def overwritten(journal: Breaking) -> None:
    """Spoil everything behind the first page, of which SQLite has nothing in memory any more."""
    await journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    await journal.execute("PRAGMA shrink_memory")
    size = journal.path.stat().st_size
    with journal.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


@asynccontextmanager
async def broken(portal: Portal, path: Path, breaks: Callable[[Breaking], Awaitable[None]]) -> AsyncIterator[Any]:
    """A run whose journal breaks in the middle; the journal, what stopped the run, and its report."""
    journal = Breaking(path, breaks)
    async with portal.client(limiter=AMPLE, coalesce=False, max_in_flight=1) as b24:
        job = b24.im.chat.bulk(shelves(SHELVES), key_is_new=True, journal=journal)
        with pytest.raises(BulkStopped) as stopped:
            await job.run()
        assert stopped.value.report is job.report
        try:
            yield journal, stopped.value.__cause__, job.report
        finally:
            if journal.stranger is not None:
                journal.stranger.close()


def is_told(report: BulkReport[int], written: int) -> bool:
    """Whether the report knows of every chat, and what became of it."""
    return {state: count for state, count in report.counts.items() if count} == {
        BulkState.DONE: written,
        BulkState.NOT_STARTED: SHELVES - written,
    }


@row(60, fault="journal breaks in the middle", expected=f"NOT_SENT -> {SHELVES} DONE", executions=0)
@pytest.mark.parametrize("breaks", [full, locked, closed])
async def test_from_when_the_journal_breaks_nothing_is_sent_and_a_resume_goes_on(
    portal: Portal, tmp_path: Path, seen: Seen, breaks: Any
):
    path = tmp_path / "run.sqlite"
    async with broken(portal, path, breaks) as (journal, cause, report):
        assert isinstance(cause, JournalError)
        assert is_told(report, journal.written)
        unwritten = portal.executions[ADD] - journal.written
        known = [intent for intent in await intents_in(path) if intent.attempts]
        assert len(known) == journal.written < SHELVES
    async with portal.client(limiter=AMPLE, quiescence=0.01) as b24:
        resumed = await b24.im.chat.resume(path).run()
    assert once_each(portal, await intents_in(path))
    seen(cause, f"{len(resumed.done) + len(resumed.skipped)} DONE", executions=unwritten)


@row(60, fault="journal overwritten in the middle", expected="NOT_SENT -> NOT_SENT", executions=0)
async def test_a_journal_that_is_overwritten_stops_the_run_and_is_not_gone_on_with(
    portal: Portal, tmp_path: Path, seen: Seen
):
    path = tmp_path / "run.sqlite"
    async with broken(portal, path, overwritten) as (journal, cause, report):
        assert is_told(report, journal.written)
        async with portal.client(limiter=AMPLE) as b24:
            with pytest.raises(JournalError) as raised:
                await b24.im.chat.resume(path).run()
        seen(cause, raised.value, executions=portal.executions[ADD] - journal.written)


class Failing(DictJournal):
    """A journal of a user's own, on a disk that is full."""

    fails_in = ""

    async def begin(self, run: Any) -> Any:
        self.check("begin")
        return await super().begin(run)

    async def add(self, intents: Any) -> Any:
        self.check("add")
        return await super().add(intents)

    async def departing(self, numbers: Any, sent_at: Any, uptime: Any) -> None:
        self.check("departing")
        await super().departing(numbers, sent_at, uptime)

    def check(self, name: str) -> None:
        if name == self.fails_in:
            raise OSError(28, "No space left on device")


@row(60, fault="a journal of one's own fails", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("fails_in", ["begin", "add", "departing"])
async def test_where_a_journal_of_ones_own_fails_nothing_is_sent_and_its_error_is_the_cause(
    portal: Portal, seen: Seen, fails_in: str
):
    journal = Failing(Database())
    journal.fails_in = fails_in
    async with portal.client(limiter=AMPLE) as b24:
        job = b24.im.chat.bulk(shelves(SHELVES), key_is_new=True, journal=journal)
        with pytest.raises((BulkStopped, JournalError)) as raised:
            await job.run()
    error = raised.value.__cause__ if isinstance(raised.value, BulkStopped) else raised.value
    assert isinstance(error, JournalError)
    assert isinstance(error.__cause__, OSError)
    assert not journal.database.is_taken
    seen(error, executions=portal.executions[ADD])
