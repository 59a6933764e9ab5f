"""The journal as a file: whose it is, what it refuses, what one commit holds, and what a killed process leaves."""

import asyncio
import gc
import os
import shutil
import sqlite3
import stat
import sys
import tempfile
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from attrs import evolve

from bitrix_chat import WrongEventLoop
from bitrix_chat.bulk.errors import JournalError, JournalInUse, KeyReused
from bitrix_chat.bulk.journal import Ending, Intent, IntentState, Run
from bitrix_chat.bulk.sqlite_journal import SqliteJournal
from bitrix_chat.bulk.sqlite_schema import JOURNAL
from bitrix_chat.testing import on_virtual_clock

SCRIPT = Path(__file__).with_name("journal_process.py")
RUN = Run(method="im.chat.add", portal="portal.example")
MOMENT = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path.resolve() / "run.sqlite"


@pytest.fixture
async def journal(path):
    journal = SqliteJournal(path)
    await journal.begin(RUN)
    yield journal
    await journal.close()


@pytest.fixture
async def kept(path):
    """The path of a closed journal with two thousand intents."""
    await write(path, 2000)
    return path


async def write(path, count):
    async with SqliteJournal(path) as journal:
        await journal.begin(RUN)
        await journal.add(intents(count))


def intents(count, spec='{"title":"Room"}'):
    return [Intent(number=number, spec=spec) for number in range(count)]


def done(number):
    return [Ending(number=number, state=IntentState.DONE, chat_id=number + 1)]


def mode(path):
    return stat.S_IMODE(Path(path).stat().st_mode)


def files(folder):
    return {each.name for each in folder.iterdir()}


def drop(held):
    held.clear()
    gc.collect()


async def pragma(journal, name):
    return (await inside(journal, lambda connection: connection.execute(f"PRAGMA {name}").fetchone()))[0]


async def inside(journal, operation):
    """Do something in the writer's thread, inside a transaction."""
    return await journal._thread.submit(operation)


async def watched(journal):
    """Return a list that goes on to receive the statements that the journal executes."""
    statements = []
    await inside(journal, lambda connection: connection.set_trace_callback(statements.append))
    await asyncio.sleep(0)
    statements.clear()
    return statements


async def blocked(journal):
    """Keep the writer's thread busy until the event that is returned is set."""
    gate, reached, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()
    journal._thread.submit(lambda _: (loop.call_soon_threadsafe(reached.set), gate.wait()))
    await reached.wait()
    return gate


async def refusal(path):
    """Return the error with which a journal does not begin, having seen that it has changed no file."""
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught:
        await SqliteJournal(path).begin(RUN)
    assert path.read_bytes() == before
    assert str(path) in str(caught.value)
    return caught.value


@pytest.fixture
async def start():
    """Start another process with a journal; whatever happens, it does not outlive the test."""
    started = []

    async def one(what, path):
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(SCRIPT), what, str(path), stdout=asyncio.subprocess.PIPE
        )
        started.append(process)
        return process

    yield one
    for process in started:
        if process.returncode is None:
            await killed(process)


async def killed(process):
    """Kill a process and return what it had said, and nobody read, before."""
    process.kill()
    said = (await process.stdout.read()).decode().splitlines()
    await process.wait()
    return said


@pytest.fixture
def unwritable():
    """A folder that everybody can enter; to write in it is forbidden when the reading starts."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        Path(folder).chmod(0o700)


async def read_without_rights(start, folder):
    for each in folder.iterdir():
        each.chmod(0o444)
    folder.chmod(0o555)
    process = await start("read", folder / "run.sqlite")
    said, _ = await process.communicate()
    return said.decode().strip()


NEEDS_OWNERS = pytest.mark.skipif(sys.platform == "win32", reason="files have no such owners there")


class TestWhoseItIs:
    @NEEDS_OWNERS
    @pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
    async def test_a_file_of_somebody_else_is_refused_by_its_name(self, kept, give_away, ending):
        each = Path(f"{kept}{ending}")
        await asyncio.to_thread(each.touch)
        give_away(each)
        error = await refusal(kept)
        assert "belongs to another user" in str(error)
        assert str(each) in str(error)

    @NEEDS_OWNERS
    async def test_a_lock_of_somebody_else_is_refused_by_its_name(self, path, give_away):
        lock = path.with_name("run.sqlite.lock")
        lock.touch()
        give_away(lock)
        with pytest.raises(JournalError, match=r"run\.sqlite\.lock: belongs to another user"):
            await SqliteJournal(path).begin(RUN)
        assert files(path.parent) == {lock.name}

    @NEEDS_OWNERS
    async def test_a_lock_that_leads_elsewhere_is_not_followed(self, path, tmp_path):
        path.with_name("run.sqlite.lock").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(JournalError, match="is a symbolic link"):
            await SqliteJournal(path).begin(RUN)
        assert files(tmp_path) == {"run.sqlite.lock"}

    @NEEDS_OWNERS
    async def test_a_journal_that_only_its_owner_may_read_is_made_writable_with_all_that_belongs_to_it(self, kept):
        async with SqliteJournal(kept) as journal:
            await journal.begin(RUN)
            await journal.finish(done(0))
            copies = [Path(f"{kept}{ending}") for ending in ("", "-wal", "-shm")]
            moved = [Path(shutil.copy(each, each.with_name(f"copy{each.name}"))) for each in copies]
        for each in moved:
            each.chmod(0o400)
        async with SqliteJournal(moved[0]) as journal:
            await journal.begin(RUN)
            await journal.finish(done(1))
            assert [mode(each) for each in moved] == [0o600] * 3
            assert [intent.chat_id for intent in await journal.read(limit=3)] == [1, 2, None]

    async def test_all_its_files_are_for_the_owner_only_from_the_start_whatever_the_umask(self, path, monkeypatch):
        monkeypatch.setattr(Path, "chmod", lambda *_: pytest.fail("it was not private from the start"))
        before = os.umask(0)
        try:
            async with SqliteJournal(path) as journal:
                await journal.begin(RUN)
                await journal.add(intents(1))
                modes = {each.name: mode(each) for each in path.parent.iterdir()}
        finally:
            os.umask(before)
        assert modes == dict.fromkeys(("run.sqlite", "run.sqlite-shm", "run.sqlite-wal", "run.sqlite.lock"), 0o600)

    async def test_a_journal_that_others_may_read_is_made_private(self, kept):
        kept.chmod(0o644)
        async with SqliteJournal(kept) as journal:
            await journal.begin(RUN)
            await journal.note(is_complete=True)
            assert {each.name: mode(each) for each in kept.parent.iterdir() if mode(each) != 0o600} == {}

    async def test_another_journal_object_of_this_process_is_refused_by_the_name_of_the_file(self, journal, path):
        with pytest.raises(JournalInUse, match=r"run\.sqlite"):
            await SqliteJournal(path).begin(RUN)

    async def test_a_second_writer_whom_a_lost_lock_let_in_stops_the_first(self, journal, path):
        await journal.add(intents(2))
        path.with_name("run.sqlite.lock").unlink()
        async with SqliteJournal(path) as second:
            await second.begin(RUN)
            with pytest.raises(JournalInUse):
                await journal.departing([0], MOMENT, 1.0)
            with pytest.raises(JournalInUse):
                await journal.finish(done(1))
            with pytest.raises(JournalInUse):
                await journal.add(intents(3))
            await second.departing([0], MOMENT, 2.0)
            assert [(each.state, each.attempts) for each in await second.read()] == [
                (IntentState.SENT, 1),
                (IntentState.PENDING, 0),
            ]

    async def test_a_writer_that_comes_back_after_another_goes_on(self, journal, path):
        await journal.add(intents(1))
        await journal.close()
        await write(path, 1)
        await journal.begin(RUN)
        await journal.departing([0], MOMENT, 1.0)
        assert (await journal.read())[0].attempts == 1

    async def test_it_tells_how_many_intents_there_are(self, journal):
        assert await journal.count() == 0
        await journal.add(intents(3))
        assert await journal.count() == 3

    async def test_a_journal_that_has_begun_does_not_begin_again_and_goes_on(self, journal):
        with pytest.raises(JournalInUse):
            await journal.begin(RUN)
        await journal.add(intents(1))

    async def test_a_symbolic_link_leads_to_the_same_lease(self, journal, path):
        link = path.with_name("link.sqlite")
        link.symlink_to(path)
        with pytest.raises(JournalInUse):
            await SqliteJournal(link).begin(RUN)
        assert SqliteJournal(link).path == path

    async def test_the_home_folder_is_meant_by_its_sign(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        assert SqliteJournal("~/run.sqlite").path == tmp_path.resolve() / "run.sqlite"

    async def test_a_change_of_folder_leads_nowhere_else(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        journal = SqliteJournal("run.sqlite")
        monkeypatch.chdir("/")
        async with journal:
            await journal.begin(RUN)
        assert (tmp_path / "run.sqlite").is_file()

    async def test_a_journal_that_was_dropped_without_a_close_keeps_nobody_out(self, path):
        journal = SqliteJournal(path)
        await journal.begin(RUN)
        dropped = [journal]
        del journal
        with pytest.warns(ResourceWarning):
            drop(dropped)
        await write(path, 1)

    async def test_moments_are_kept_as_text_in_utc(self, journal, path):
        await journal.add(intents(1))
        await journal.departing([0], MOMENT.astimezone(timezone(timedelta(hours=-5))), 1.0)
        with closing(sqlite3.connect(path)) as database:
            assert (
                database.execute("SELECT sent_at FROM intent UNION ALL SELECT sent_at FROM run").fetchall()
                == [("2031-05-06T07:08:09.000000+00:00",)] * 2
            )

    async def test_a_close_leaves_one_file_and_the_empty_lock(self, kept):
        assert files(kept.parent) == {"run.sqlite", "run.sqlite.lock"}
        assert kept.with_name("run.sqlite.lock").stat().st_size == 0

    async def test_it_begins_again_after_its_close(self, journal):
        await journal.add(intents(3))
        await journal.close()
        assert await journal.begin(RUN) == RUN
        assert len(await journal.read()) == 3


class TestWhatItRefuses:
    async def test_text_is_no_journal(self, path):
        path.write_text("title;members\n" * 200)
        assert "no SQLite database" in str(await refusal(path))
        assert files(path.parent) == {"run.sqlite"}

    async def test_the_database_of_another_application_is_left_alone(self, path):
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE intent (number INTEGER PRIMARY KEY)")
        assert "another application" in str(await refusal(path))
        assert files(path.parent) == {"run.sqlite"}

    async def test_a_journal_of_a_later_release_is_left_alone(self, kept):
        with closing(sqlite3.connect(kept)) as database:
            database.execute(f"PRAGMA user_version = {JOURNAL.version + 1}")
        assert "update" in str(await refusal(kept))

    async def test_a_damaged_journal_is_not_written_to_and_read_as_far_as_it_goes(self, kept):
        pages = bytearray(kept.read_bytes())
        pages[-8192:] = b"\xa5" * 8192
        kept.write_bytes(pages)
        assert "damaged" in str(await refusal(kept))
        async with SqliteJournal.reading(kept) as report:
            assert await report.run() == RUN
            assert len(await report.read(limit=50)) == 50
            with pytest.raises(JournalError, match="damaged"):
                await report.read(limit=2000)

    @pytest.mark.parametrize("size", [20, 100, 5000])
    async def test_a_journal_that_was_cut_off_is_refused(self, kept, size):
        kept.write_bytes(kept.read_bytes()[:size])
        await refusal(kept)

    async def test_a_log_without_its_database_is_not_played_into_a_new_one(self, path, tmp_path):
        lost = path.with_name("lost.sqlite")
        async with SqliteJournal(path) as journal:
            await journal.begin(RUN)
            await journal.add(intents(5))
            shutil.copy(f"{path}-wal", f"{lost}-wal")
        with pytest.raises(JournalError, match=r"lost\.sqlite-wal is left"):
            await SqliteJournal(lost).begin(RUN)
        assert files(tmp_path) >= {"lost.sqlite-wal"}
        assert not lost.exists()

    async def test_a_folder_is_no_journal(self, path):
        path.mkdir()
        with pytest.raises(JournalError, match="no file"):
            await SqliteJournal(path).begin(RUN)

    async def test_the_folder_has_to_exist(self, tmp_path):
        with pytest.raises(JournalError, match=r"the folder .*missing does not exist"):
            await SqliteJournal(tmp_path / "missing" / "run.sqlite").begin(RUN)
        assert files(tmp_path) == set()

    async def test_no_lease_no_journal(self, path):
        path.with_name("run.sqlite.lock").mkdir()
        with pytest.raises(JournalError) as caught:
            await SqliteJournal(path).begin(RUN)
        assert isinstance(caught.value.__cause__, OSError)
        assert not path.exists()

    async def test_a_file_that_cannot_be_made_leaves_nothing_but_the_free_lock(self, tmp_path):
        path = tmp_path / ("x" * 250)  # the name of the file beside its place is too long
        for _ in range(2):
            with pytest.raises(JournalError) as caught:
                await SqliteJournal(path).begin(RUN)
            assert isinstance(caught.value.__cause__, OSError)
        assert files(tmp_path) == {f"{path.name}.lock"}

    async def test_a_file_that_could_not_be_filled_is_not_left(self, path, monkeypatch):
        monkeypatch.setattr("bitrix_chat.bulk.sqlite_store.JOURNAL", evolve(JOURNAL, schema="CREATE TABLE;"))
        with pytest.raises(JournalError, match="SQLite refused"):
            await SqliteJournal(path).begin(RUN)
        assert files(path.parent) == {"run.sqlite.lock"}

    async def test_an_empty_file_is_a_place_for_a_new_journal(self, path):
        path.touch(mode=0o644)
        await write(path, 1)
        assert mode(path) == 0o600

    async def test_a_database_that_another_program_has_locked_is_waited_for_and_then_refused(self, journal, path):
        await inside(journal, lambda connection: connection.execute("PRAGMA busy_timeout = 10").fetchone())
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            outcomes = await asyncio.gather(
                journal.add(intents(1)), journal.note(is_complete=True), return_exceptions=True
            )
        for outcome in outcomes:
            assert "locked" in str(outcome)
            assert isinstance(outcome.__cause__, sqlite3.OperationalError)
        assert outcomes[0] is not outcomes[1]
        await journal.add(intents(1))

    async def test_a_value_that_no_database_holds_fails_alone_and_is_not_named(self, journal):
        outcomes = await asyncio.gather(
            journal.add([Intent(number=0, spec="canary\ud800")]),
            journal.add([Intent(number=1, spec="{}")]),
            journal.finish([Ending(number=1, state=IntentState.DONE, chat_id=2**70)]),
            journal.add([Intent(number=-5, spec="canary")]),
            return_exceptions=True,
        )
        assert [isinstance(outcome, JournalError) for outcome in outcomes] == [True, False, True, True]
        assert not any("canary" in str(outcome) for outcome in outcomes[::3])
        assert [intent.number for intent in await journal.read()] == [1]

    async def test_what_nobody_expected_fails_alone(self, journal):
        outcomes = await asyncio.gather(
            journal.add(intents(1)), journal.finish(["no ending"]), journal.finish(done(0)), return_exceptions=True
        )
        assert isinstance(outcomes[1], AttributeError)
        assert [intent.state for intent in await journal.read()] == [IntentState.DONE]


class TestAFullDisk:
    async def test_what_does_not_fit_is_refused_and_all_is_well_again_when_there_is_room(self, journal):
        await journal.add(intents(3))
        pages = await pragma(journal, "page_count")
        await pragma(journal, f"max_page_count = {pages + 2}")
        with pytest.raises(JournalError, match="disk is full") as caught:
            await journal.add([Intent(number=number, spec="canary" * 2000) for number in range(3, 50)])
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        assert "canary" not in str(caught.value)
        await journal.departing([0], MOMENT, 1.0)
        await pragma(journal, "max_page_count = 100000")
        await journal.add([Intent(number=number, spec="canary" * 2000) for number in range(3, 50)])
        assert len(await journal.read()) == 50

    async def test_a_commit_that_fails_fails_for_all_and_leaves_nothing(self, journal):
        def deny(action, detail, *_):
            is_commit = (action, detail) == (sqlite3.SQLITE_TRANSACTION, "COMMIT")
            return sqlite3.SQLITE_DENY if is_commit else sqlite3.SQLITE_OK

        outcomes = await asyncio.gather(
            journal.add(intents(2)),
            inside(journal, lambda connection: connection.set_authorizer(deny)),
            journal.note(is_complete=True),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [JournalError] * 3
        await inside(journal, lambda connection: connection.set_authorizer(None))
        assert list(await journal.read()) == []
        assert not (await journal.run()).is_complete

    async def test_it_takes_no_neighbour_along_silently(self, journal):
        await journal.add(intents(3))
        await pragma(journal, f"max_page_count = {await pragma(journal, 'page_count') + 2}")
        outcomes = await asyncio.gather(
            journal.finish(done(0)),
            journal.add([Intent(number=number, spec="x" * 12_000) for number in range(3, 50)]),
            journal.finish(done(1)),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], JournalError)
        ended = {intent.number for intent in await journal.read() if intent.state is IntentState.DONE}
        assert ended == {number for number, place in ((0, 0), (1, 2)) if outcomes[place] is None}

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no limits on file sizes")
    async def test_a_file_that_may_grow_no_further_keeps_what_was_acknowledged(self, start, path):
        process = await start("fill", path)
        said, _ = await process.communicate()
        count, cause, tells_the_spec = said.decode().split()
        assert (cause, tells_the_spec) == ("OperationalError", "False")
        async with SqliteJournal(path) as journal:
            await journal.begin(RUN)
            assert len(await journal.read()) == int(count) > 0


class TestWhatOneCommitHolds:
    async def test_it_waits_for_the_disk(self, journal):
        assert (await pragma(journal, "journal_mode"), await pragma(journal, "synchronous")) == ("wal", 2)

    async def test_what_is_called_in_one_turn_is_one_transaction(self, journal):
        await journal.add(intents(50))
        statements = await watched(journal)
        await asyncio.gather(*(journal.finish(done(number)) for number in range(50)))
        assert (statements[0], statements[-1]) == ("BEGIN IMMEDIATE", "COMMIT")
        assert statements.count("COMMIT") == 1

    async def test_what_is_called_during_a_commit_is_the_next_one(self, journal):
        await journal.add(intents(50))
        statements = await watched(journal)
        gate = await blocked(journal)
        tasks = []
        for number in range(50):
            tasks.append(asyncio.create_task(journal.finish(done(number))))
            await asyncio.sleep(0)  # the loop goes on while the thread is held
        gate.set()
        await asyncio.gather(*tasks)
        assert statements.count("COMMIT") == 2

    async def test_a_caller_returns_when_its_rows_are_committed(self, journal, path):
        await journal.add(intents(1))
        async with SqliteJournal.reading(path) as report:
            await journal.finish(done(0))
            assert (await report.read())[0].state is IntentState.DONE

    async def test_a_hundred_thousand_intents_are_one_transaction(self, journal):
        statements = await watched(journal)
        many = [Intent(number=number, key=f"deal-{number}", spec="{}") for number in range(100_000)]
        await journal.add(many)
        assert [each for each in statements if not each.startswith("INSERT")][-1] == "COMMIT"
        assert statements.count("COMMIT") == 1
        assert [intent.number for intent in await journal.read(after=99_998)] == [99_999]

    async def test_a_key_that_is_reused_fails_no_neighbour(self, journal):
        await journal.add([Intent(number=0, key="a", spec="[1]")])
        statements = await watched(journal)
        outcomes = await asyncio.gather(
            journal.note(is_complete=True),
            journal.add([Intent(number=0, key="a", spec="[2]")]),
            journal.finish(done(0)),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [type(None), KeyReused, type(None)]
        assert statements.count("COMMIT") == 1
        assert (await journal.run()).is_complete

    @pytest.mark.parametrize("turns", [0, 1, 2, 5])
    async def test_a_cancelled_caller_neither_undoes_nor_breaks_anything(self, journal, turns):
        await journal.add(intents(3))
        gate = await blocked(journal)
        tasks = [asyncio.create_task(journal.finish(done(number))) for number in range(3)]
        await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks[1].cancel()
        gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [task.cancelled() for task in tasks] == [False, True, False]
        assert {intent.state for intent in await journal.read()} == {IntentState.DONE}

    async def test_what_was_called_before_the_close_is_committed_though_nobody_waits(self, journal):
        await journal.add(intents(40))
        tasks = [asyncio.create_task(journal.finish(done(number))) for number in range(40)]
        await asyncio.sleep(0)
        await journal.close()
        await asyncio.gather(*tasks)
        await journal.begin(RUN)
        assert {intent.state for intent in await journal.read()} == {IntentState.DONE}

    async def test_a_cancelled_close_has_closed(self, journal, path):
        gate = await blocked(journal)
        closing_it = asyncio.create_task(journal.close())
        await asyncio.sleep(0)
        closing_it.cancel()
        await asyncio.sleep(0)
        assert not closing_it.done()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await closing_it
        await write(path, 1)

    async def test_a_cancelled_beginning_keeps_nobody_out(self, path):
        beginning = asyncio.create_task(SqliteJournal(path).begin(RUN))
        await asyncio.sleep(0)
        beginning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beginning
        await write(path, 1)

    async def test_a_thread_that_cannot_be_started_leaves_nobody_waiting(self, path, monkeypatch):
        def refuse(_):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            await SqliteJournal(path).begin(RUN)

    async def test_its_thread_ends_with_the_close(self, journal):
        found = []
        await inside(journal, lambda _: found.append(threading.current_thread()))
        await journal.close()
        await asyncio.to_thread(found[0].join, 10)
        assert not found[0].is_alive()

    def test_a_loop_that_ended_during_a_commit_does_not_keep_the_next_one_waiting(self, path):
        journal, gates = SqliteJournal(path), []
        asyncio.run(journal.begin(RUN))
        asyncio.run(journal.add(intents(1)))

        async def leave():
            gates.append(await blocked(journal))

        asyncio.run(leave())
        gates[0].set()
        assert len(asyncio.run(journal.read())) == 1
        asyncio.run(journal.close())

    @on_virtual_clock
    async def test_virtual_time_stands_still_while_the_disk_works(self, path):
        async with asyncio.timeout(0.001), SqliteJournal(path) as journal:
            await journal.begin(RUN)
            await journal.add(intents(5000))


class TestReading:
    async def test_a_report_reads_beside_the_run_that_writes(self, journal, path):
        async with SqliteJournal.reading(path) as report:
            await journal.add(intents(2))
            assert len(await report.read()) == 2
            await journal.note(is_complete=True)
            assert (await report.run()).is_complete

    async def test_a_report_keeps_no_run_from_beginning(self, kept):
        async with SqliteJournal.reading(kept) as report:
            assert len(await report.read(limit=5000)) == 2000
            await write(kept, 2000)

    async def test_what_was_opened_for_reading_writes_nothing(self, kept):
        before = kept.read_bytes()
        async with SqliteJournal.reading(kept) as report:
            assert await report.begin(Run(method="other", portal="bots.example")) == RUN
            for writing in (
                report.add([]),
                report.departing([0], MOMENT, 1.0),
                report.finish(done(0)),
                report.note(is_complete=True),
            ):
                with pytest.raises(JournalError, match="reading only"):
                    await writing
        assert kept.read_bytes() == before

    async def test_a_journal_that_is_not_there_is_not_made(self, path):
        for name in ("run.sqlite", "missing/run.sqlite"):
            with pytest.raises(JournalError):
                await SqliteJournal.reading(path.parent / name).run()
        assert files(path.parent) == set()

    async def test_what_is_no_journal_is_not_read(self, path):
        path.write_text("title\n")
        with pytest.raises(JournalError, match="no SQLite database"):
            await SqliteJournal.reading(path).run()

    async def test_a_journal_that_says_nothing_of_its_run_is_refused(self, kept):
        with closing(sqlite3.connect(kept)) as database:
            database.execute("DELETE FROM run")
            database.commit()
        async with SqliteJournal.reading(kept) as report:
            with pytest.raises(JournalError, match="no run"):
                await report.run()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL, and no fork")
class TestProcesses:
    @pytest.mark.parametrize("lines", [1, 40, 151])
    async def test_a_killed_process_leaves_all_that_was_acknowledged_and_the_lease(self, start, path, lines):
        process = await start("work", path)
        said = [(await process.stdout.readline()).decode().strip() for _ in range(lines)]
        with pytest.raises(JournalInUse):
            await SqliteJournal(path).begin(RUN)
        said += await killed(process)
        async with SqliteJournal(path) as journal:
            await journal.begin(RUN)
            rows = await journal.read()
        assert len(rows) == 400
        sent = sum(row.state is not IntentState.PENDING for row in rows)
        ended = sum(row.state is IntentState.DONE for row in rows)
        said = [line for line in said if line]  # the last may have been cut off
        assert sent - sum(line.startswith("sent ") for line in said) in {0, 1}
        assert ended - sum(line.startswith("done ") for line in said) in {0, 1}

    async def test_a_report_reads_what_a_killed_process_left(self, start, path):
        process = await start("work", path)
        for _ in range(20):
            await process.stdout.readline()
        await killed(process)
        async with SqliteJournal.reading(path) as report:
            assert len(await report.read()) == 400
            assert (await report.run()).sent_at is not None

    async def test_a_closed_journal_is_read_where_nothing_can_be_made_beside_it(self, start, unwritable):
        await write(unwritable / "run.sqlite", 7)
        assert await read_without_rights(start, unwritable) == "7"

    async def test_one_with_a_log_is_not_read_without_its_log(self, start, unwritable):
        path = unwritable / "run.sqlite"
        await write(path.with_name("whole.sqlite"), 7)
        async with SqliteJournal(path.with_name("whole.sqlite")) as journal:
            await journal.begin(RUN)
            await journal.finish(done(0))
            for ending in ("", "-wal"):
                shutil.copy(f"{unwritable}/whole.sqlite{ending}", f"{path}{ending}")
        assert "rights" in await read_without_rights(start, unwritable)

    async def test_a_forked_child_is_refused_and_its_parent_goes_on(self, start, path):
        process = await start("fork", path)
        said, _ = await process.communicate()
        assert said.decode().split() == ["WrongEventLoop", "0"]

    async def test_the_loop_of_another_thread_is_refused(self, journal):
        def elsewhere():
            return asyncio.run(journal.read())

        with pytest.raises(WrongEventLoop):
            await asyncio.to_thread(elsewhere)
        await journal.add(intents(1))
