"""What stands in a journal: all that was meant before anything leaves, each end that came, and nothing that was not."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bitrix_chat import (
    BulkState,
    BulkStopped,
    ChatSpec,
    Ending,
    IntentState,
    InvalidParameter,
    JournalError,
    KeyReused,
    OutcomeUnknown,
    Progress,
)
from bitrix_chat.bulk.items import ending_of
from bitrix_chat.bulk.recorder import Recorder
from bitrix_chat.bulk.results import BulkResult
from bitrix_chat.testing import on_virtual_clock
from tests.bulk.bulk_scenes import counts, keyed, names_in, scene, states, titles
from tests.contracts.dict_journal import Database, DictJournal

CHATS = 1000


def ended(number: int, chat_id: int) -> BulkResult[int]:
    return BulkResult(index=number, spec=ChatSpec(), key=None, state=BulkState.DONE, chat_id=chat_id)


class Fragile(DictJournal):
    """A journal that fails at one of its operations from a certain call on."""

    def __init__(self, database: Database, operation: str, sound_calls: int = 0) -> None:
        super().__init__(database)
        self.operation, self.left = operation, sound_calls

    def check(self, operation: str) -> None:
        if operation == self.operation:
            self.left -= 1
            if self.left < 0:
                raise OSError("no connection")

    async def add(self, intents: Any) -> Any:
        self.check("add")
        return await super().add(intents)

    async def note(self, **known: Any) -> None:
        self.check("note")
        await super().note(**known)

    async def read(self, after: int = -1, limit: int = 500) -> Any:
        self.check("read")
        return await super().read(after, limit)


@pytest.mark.parametrize(
    ("operation", "sound_calls", "kept", "is_complete"),
    [("add", 0, 0, False), ("note", 0, CHATS, False), ("add", 1, CHATS, True)],
    ids=["as they are written", "as that is noted", "as they are taken"],
)
@on_virtual_clock
async def test_a_collection_is_written_down_as_a_whole_or_not_at_all(operation, sound_calls, kept, is_complete):
    database = Database()
    async with scene() as (portal, b24):
        with pytest.raises(BulkStopped):
            await b24.im.chat.bulk(titles(CHATS), journal=Fragile(database, operation, sound_calls)).run()

        assert portal.hits == 0
        assert len(database.intents) == kept
        assert database.run.is_complete is is_complete
        report = await b24.im.chat.resume(DictJournal(database)).run()
        assert report.is_complete is is_complete
        assert len(portal.chats) == kept


@pytest.mark.parametrize("is_counted", [True, False], ids=["list", "iterator"])
@pytest.mark.parametrize("has_file", [False, True], ids=["own journal", "file"])
@on_virtual_clock
async def test_an_input_without_keys_that_has_changed_sends_and_keeps_nothing(has_file, is_counted, tmp_path: Path):
    """Else what follows the change would be created by `resume`, though it was under another number."""
    database = Database()

    def journal() -> Any:
        return tmp_path / "run.sqlite" if has_file else DictJournal(database)

    async with scene() as (portal, b24):
        await b24.im.chat.bulk(titles(100), journal=journal()).run()
        hits = portal.hits
        changed = ["Attic", *titles(100)]
        with pytest.raises(BulkStopped, match=r"the spec at 0 has no key.*the input has changed") as caught:
            await b24.im.chat.bulk(changed if is_counted else iter(changed), journal=journal()).run()

        assert isinstance(caught.value.__cause__, KeyReused)
        assert portal.hits == hits
        assert not caught.value.report.done
        report = await b24.im.chat.resume(journal()).run()
        assert counts(report) == {"SKIPPED": 100}
        assert len(portal.chats) == 100


@on_virtual_clock
async def test_a_changed_key_among_specs_without_keys_fails_alone():
    database = Database()
    specs = [*titles(3), ChatSpec(title="Cellar", key="cellar"), "Room 4"]
    async with scene() as (portal, b24):
        await b24.im.chat.bulk(specs, journal=DictJournal(database)).run()
        specs[3] = ChatSpec(title="Attic", key="cellar")
        report = await b24.im.chat.bulk([*specs, "Room 5"], journal=DictJournal(database)).run()

        assert counts(report) == {"SKIPPED": 4, "FAILED": 1, "DONE": 1}
        assert isinstance(report.failed[0].error, KeyReused)
        assert len(portal.chats) == 6


@pytest.mark.parametrize("has_journal", [False, True], ids=["alone", "with a journal"])
@on_virtual_clock
async def test_keys_that_differ_in_capitals_alone_are_one_key(has_journal):
    """A portal's database finds the chat of the one by the other."""
    specs = [ChatSpec(title="Sales", key="Deal-A"), ChatSpec(title="Sales", key="deal-a")]
    async with scene() as (portal, b24):
        report = await b24.im.chat.bulk(specs, journal=DictJournal(Database()) if has_journal else None).run()

        assert states(report.results) == [BulkState.DONE, BulkState.FAILED]
        assert isinstance(report.failed[0].error, KeyReused)
        assert report.failed[0].error.key == "deal-a"
        assert len(portal.chats) == 1


@pytest.mark.parametrize("how", ["deadline", "cancel"])
@on_virtual_clock
async def test_a_resumed_run_that_is_ended_reports_all_the_rest_as_not_started(how):
    database, shown = Database(), []
    async with scene(cost=0.1) as (_, b24):
        unsent = b24.im.chat.bulk(titles(5000), journal=DictJournal(database))
        await unsent.cancel()
        assert counts(await unsent.run()) == {"NOT_STARTED": 5000}
        job = b24.im.chat.resume(DictJournal(database), deadline=20 if how == "deadline" else None)
        running = asyncio.create_task(job.run(progress=shown.append))
        await asyncio.sleep(15)
        if how == "cancel":
            await job.cancel()
        report = await running

        assert len(report) == 5000
        assert 0 < len(report.done) < 4000
        assert counts(report).keys() <= {"DONE", "UNKNOWN", "NOT_STARTED"}
        assert all(progress.total == 5000 for progress in shown)
        assert any(progress.eta is not None for progress in shown)


@pytest.mark.parametrize("how", ["run", "reconcile"])
@pytest.mark.parametrize("state", [IntentState.SENT, IntentState.UNKNOWN])
@on_virtual_clock
async def test_what_may_have_left_and_cannot_be_read_any_more_is_unknown(state, how):
    database = Database()
    async with scene() as (portal, b24):
        await b24.im.chat.bulk(keyed(2), journal=DictJournal(database)).run()
        unreadable = '{"color":"PLAID","title":"Room 0"}'
        database.intents[0] = evolve(database.intents[0], state=state, chat_id=None, spec=unreadable)
        database.intents[1] = evolve(database.intents[1], state=IntentState.PENDING, chat_id=None, spec=unreadable)
        hits = portal.hits
        report = await getattr(b24.im.chat.resume(DictJournal(database)), how)()

        assert states(report.results) == [BulkState.UNKNOWN, BulkState.FAILED]
        assert isinstance(report.unknown[0].error, OutcomeUnknown)
        assert portal.hits == hits


@pytest.mark.parametrize("how", ["run", "reconcile", "plan"])
@on_virtual_clock
async def test_a_journal_that_cannot_be_read_as_it_is_opened_is_let_go(how):
    database = Database()
    async with scene() as (portal, b24):
        job = b24.im.chat.bulk(titles(2), journal=Fragile(database, "read"))
        with pytest.raises(JournalError):
            await getattr(job, how)()

        assert not database.is_taken
        assert portal.hits == 0
        assert counts(await b24.im.chat.bulk(titles(2), journal=DictJournal(database)).run()) == {"DONE": 2}


class Slow(DictJournal):
    """A journal whose every operation takes a second."""

    async def begin(self, run: Any) -> Any:
        begun = await super().begin(run)
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            await self.close()
            raise
        return begun

    async def read(self, after: int = -1, limit: int = 500) -> Any:
        await asyncio.sleep(1)
        return await super().read(after, limit)


@pytest.mark.parametrize(
    ("way", "seconds"), [(way, seconds) for way in ("bulk", "resume") for seconds in (0, 0.5, 1.5)] + [("resume", 2.5)]
)
@on_virtual_clock
async def test_a_run_that_is_given_up_as_it_opens_its_journal_lets_it_go(way, seconds):
    database = Database()
    async with scene() as (portal, b24):
        await b24.im.chat.bulk(keyed(2), journal=DictJournal(database)).run()
        chat = b24.im.chat
        job = chat.bulk(keyed(3), journal=Slow(database)) if way == "bulk" else chat.resume(Slow(database))
        running = asyncio.create_task(job.run())
        await asyncio.sleep(seconds)
        running.cancel()
        await asyncio.wait([running])

        assert running.cancelled()
        assert not database.is_taken
        assert len(portal.chats) == 2


class Choosy(DictJournal):
    """A journal that takes no ending of one intent."""

    refused = 3

    async def finish(self, endings: Sequence[Ending]) -> None:
        if any(ending.number == self.refused for ending in endings):
            raise ValueError("this one cannot be written")
        await super().finish(endings)


@on_virtual_clock
async def test_an_ending_that_cannot_be_written_takes_no_other_along():
    database = Database()
    async with scene() as (portal, b24):
        with pytest.raises(BulkStopped) as caught:
            await b24.im.chat.bulk(titles(10), journal=Choosy(database)).run()

        assert isinstance(caught.value.__cause__, JournalError)
        assert len(caught.value.report.done) == len(portal.chats) == 10
        left = [number for number, intent in database.intents.items() if intent.state is not IntentState.DONE]
        assert left == [Choosy.refused]
        assert database.intents[Choosy.refused].state is IntentState.SENT


class Counted(DictJournal):
    """A journal that notes how many endings come at a time."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.sizes: list[int] = []

    async def finish(self, endings: Sequence[Ending]) -> None:
        self.sizes.append(len(endings))
        await super().finish(endings)


@on_virtual_clock
async def test_what_came_in_one_answer_is_written_at_once():
    journal = Counted(Database())
    async with scene(cost=0.01) as (_, b24):
        await b24.im.chat.bulk(titles(CHATS), journal=journal).run()

    assert sum(journal.sizes) == CHATS
    assert max(journal.sizes) >= 50
    assert len(journal.sizes) < CHATS / 5


@pytest.mark.parametrize(("chat_id", "kept"), [(1, 1), (2**63 - 1, 2**63 - 1), (2**63, None), (10**40, None)])
@on_virtual_clock
async def test_an_id_that_no_database_holds_is_kept_as_none(chat_id, kept, tmp_path: Path):
    assert ending_of(0, ended(0, chat_id)).chat_id == kept
    async with scene() as (_, b24):
        await b24.im.chat.bulk(titles(2), journal=tmp_path / "run.sqlite").run()
        job = b24.im.chat.resume(tmp_path / "run.sqlite")
        recorder = Recorder(job._journal)
        await recorder.begin(job._creator)
        await recorder.finishing(0, ended(0, chat_id))
        stored = [intent.chat_id async for intent in recorder.intents()]
        await recorder.close()

    assert stored[0] == kept
    assert stored[1] is not None


@on_virtual_clock
async def test_progress_by_an_async_function_is_refused_before_anything_is_sent():
    async def show(progress: Progress) -> None:
        raise AssertionError(progress)

    async with scene() as (portal, b24):
        job = b24.im.chat.bulk(titles(2))
        with pytest.raises(InvalidParameter, match="a coroutine function"):
            await job.run(progress=show)

        assert portal.hits == 0
        assert counts(await job.run()) == {"DONE": 2}


@on_virtual_clock
async def test_resuming_without_a_journal_is_refused():
    async with scene() as (_, b24):
        with pytest.raises(InvalidParameter, match="`journal` is None"):
            b24.im.chat.resume(None)  # type: ignore[arg-type]


@on_virtual_clock
async def test_an_empty_file_is_planned_as_a_journal_that_holds_nothing(tmp_path: Path):
    path = tmp_path / "run.sqlite"
    path.touch()
    async with scene() as (_, b24):
        plan = await b24.im.chat.bulk(titles(100), journal=path).plan(cost=0.1, duration=0.1)

        assert plan.chats == 100
        assert path.stat().st_size == 0
        assert names_in(tmp_path) == ["run.sqlite"]
        assert counts(await b24.im.chat.bulk(titles(3), journal=path).run()) == {"DONE": 3}
