"""What a journal is for: a run goes on where it stopped, whoever stopped it, and never twice."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bitrix_chat import (
    BulkState,
    BulkStopped,
    ChatSpec,
    Intent,
    IntentState,
    InvalidParameter,
    JournalError,
    OutcomeUnknown,
    Plan,
    SqliteJournal,
)
from bitrix_chat.portal import Cut, Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.creations import CREATIONS
from tests.bulk.bulk_scenes import (
    ADD,
    BOT_ADD,
    BOT_TOKEN,
    GET,
    belong,
    counts,
    emulated,
    fresh,
    keyed,
    names_in,
    now,
    registered,
    scene,
    titles,
    until,
)
from tests.contracts.dict_journal import Database, DictJournal

STANDARD = Plan(50, 2)


async def interrupted(
    chat: Any, specs: Any, database: Database, *, done: int, flies: Callable[[Intent], bool] = lambda _: True
) -> Database:
    """Run until so many are done and drop everything, as a killed process does; return what it leaves."""
    job = chat.bulk(specs, journal=DictJournal(database))
    running = asyncio.create_task(job.run())
    await until(lambda: job.report.counts[BulkState.DONE] >= done and any(map(flies, sent_of(database))))
    left = database.copy()
    running.cancel()
    await asyncio.wait([running])
    forget()
    left.is_taken = False
    return left


def forget() -> None:
    """Know nothing of earlier requests, as another process."""
    CREATIONS._doubts.clear()
    CREATIONS.kept.clear()


def sent_of(database: Database) -> list[Intent]:
    return [database.intents[number] for number in state_of(database, IntentState.SENT)]


def state_of(database: Database, state: IntentState) -> list[int]:
    return [number for number, intent in database.intents.items() if intent.state is state]


@on_virtual_clock
async def test_the_same_call_again_skips_all_and_sends_nothing(tmp_path: Path):
    async with scene() as (portal, b24):
        first = await b24.im.chat.bulk(keyed(100), journal=tmp_path / "run.sqlite").run()
        hits = portal.hits
        again = await b24.im.chat.bulk(keyed(100), journal=tmp_path / "run.sqlite").run()
        resumed = await b24.im.chat.resume(tmp_path / "run.sqlite").run()

        assert portal.hits == hits
        assert counts(again) == counts(resumed) == {"SKIPPED": 100}
        assert again.is_complete
        assert resumed.is_complete
        ids = [result.chat_id for result in first.done]
        assert [result.chat_id for result in again.skipped] == ids
        assert sorted(result.chat_id for result in resumed.skipped) == sorted(ids)
        assert all(result.value is None for result in again.skipped)


@on_virtual_clock
async def test_specs_without_keys_are_told_by_their_place(tmp_path: Path):
    async with scene() as (portal, b24):
        await b24.im.chat.bulk(titles(10), journal=tmp_path / "run.sqlite").run()
        report = await b24.im.chat.bulk([*titles(10), "Attic"], journal=tmp_path / "run.sqlite").run()

        assert counts(report) == {"SKIPPED": 10, "DONE": 1}
        assert len(portal.chats) == 11


@on_virtual_clock
async def test_a_longer_list_goes_on_where_the_shorter_ended(tmp_path: Path):
    async with scene() as (portal, b24):
        await b24.im.chat.bulk(keyed(10), journal=tmp_path / "run.sqlite").run()
        report = await b24.im.chat.bulk(reversed(keyed(20)), journal=tmp_path / "run.sqlite").run()

        assert counts(report) == {"SKIPPED": 10, "DONE": 10}
        assert len(portal.chats) == 20
        assert belong(portal, report.results)
        assert [result.index for result in report.done] == list(range(10))


@pytest.mark.parametrize("way", ["resume", "same call"])
@on_virtual_clock
async def test_after_a_kill_every_chat_is_there_once(way: str):
    async with scene(cost=0.05) as (portal, b24):
        left = await interrupted(b24.im.chat, keyed(300), Database(), done=40)
        assert state_of(left, IntentState.SENT)
        chat = b24.im.chat
        job = chat.resume(DictJournal(left)) if way == "resume" else chat.bulk(keyed(300), journal=DictJournal(left))
        report = await job.run()

        assert counts(report).keys() == {"SKIPPED", "DONE"}
        assert len(report) == len(portal.chats) == 300
        assert belong(portal, report.results)
        assert report.is_complete
        assert len(state_of(left, IntentState.DONE)) == 300


@on_virtual_clock
async def test_after_a_kill_a_bots_chats_are_there_once():
    async with scene(cost=0.05) as (portal, b24):
        bot = await registered(b24)
        left = await interrupted(bot.chat, keyed(200), Database(), done=40)
        report = await bot.chat.resume(DictJournal(left)).run()

        assert len(portal.chats) == 200
        assert counts(report).keys() == {"SKIPPED", "DONE"}
        assert belong(portal, report.results)
        assert left.run.keeps_entities
        assert portal.executions[BOT_ADD] == 200


@on_virtual_clock
async def test_what_has_no_key_is_unknown_after_a_kill_and_is_not_sent_again():
    async with scene(cost=0.05) as (portal, b24):
        left = await interrupted(b24.im.chat, titles(1000), Database(), done=20)
        sent = set(state_of(left, IntentState.SENT))
        await asyncio.sleep(60)
        executed = portal.executions[ADD]
        report = await b24.im.chat.resume(DictJournal(left)).run()

        assert {result.index for result in report.unknown} == sent
        assert portal.executions[ADD] - executed == len(report.done)
        for result in report.unknown:
            assert isinstance(result.error, OutcomeUnknown)
            assert "no key" in str(result.error)
            assert result.error.sent_at is not None
            assert result.attempts == 1
        again = await b24.im.chat.resume(DictJournal(left)).run()
        assert {result.index for result in again.unknown} == sent
        assert not again.done


@on_virtual_clock
async def test_a_run_that_stops_before_it_has_looked_says_of_what_was_sent_that_it_may_be_there():
    async with scene(cost=0.05) as (_, b24):
        left = await interrupted(b24.im.chat, keyed(300), Database(), done=40)
        sent = set(state_of(left, IntentState.SENT))
        job = b24.im.chat.bulk(keyed(300), journal=DictJournal(left))
        await job.cancel()
        report = await job.run()

        assert {result.key for result in report.unknown} == {f"room-{number}" for number in sent}
        assert all("a lookup of its key finds out" in str(result.error) for result in report.unknown)
        assert set(state_of(left, IntentState.SENT)) == sent
        await job.reconcile()


@on_virtual_clock
async def test_the_specs_of_a_collection_are_all_written_down_before_the_first_is_sent(tmp_path: Path):
    async with scene() as (portal, b24):
        await portal.stop()
        job = b24.im.chat.bulk(titles(1000), journal=tmp_path / "run.sqlite", deadline=0.001)
        await job.run()
        journal = SqliteJournal.reading(tmp_path / "run.sqlite")
        run, pages = await journal.run(), await journal.read(limit=2000)
        await journal.close()

        assert len(pages) == 1000
        assert run.is_complete
        await portal.start()
        report = await b24.im.chat.resume(tmp_path / "run.sqlite").run()
        assert counts(report) == {"DONE": 1000}
        assert report.is_complete


@on_virtual_clock
async def test_an_input_that_was_not_read_to_its_end_is_not_complete_after_a_resume_either():
    database = Database()

    def failing() -> Any:
        yield from titles(450)
        raise RuntimeError("the cellar is under water")

    async with scene() as (portal, b24):
        with pytest.raises(BulkStopped, match="under water"):
            await b24.im.chat.bulk(failing(), journal=DictJournal(database)).run()
        report = await b24.im.chat.resume(DictJournal(database)).run()

        assert not report.is_complete
        assert len(portal.chats) == len(report) == 450
        whole = await b24.im.chat.bulk(iter(titles(500)), journal=DictJournal(database)).run()
        assert whole.is_complete
        assert len(portal.chats) == 500


@on_virtual_clock
async def test_what_was_refused_stays_failed_unless_it_is_to_be_tried_again():
    database = Database()
    refusal = Fault(method=ADD, status=400, body={"error": "WRONG_REQUEST"})
    async with scene() as (portal, b24):
        portal.faults.add(refusal)
        await b24.im.chat.bulk([ChatSpec(title="Room 0", key="room-0")], journal=DictJournal(database)).run()
        hits = portal.hits
        resumed = await b24.im.chat.resume(DictJournal(database), on_error="stop").run()
        again = await b24.im.chat.bulk(keyed(1), journal=DictJournal(database), on_error="stop").run()

        assert portal.hits == hits
        assert counts(resumed) == counts(again) == {"FAILED": 1}
        assert (resumed.failed[0].error.code, resumed.failed[0].attempts) == ("WRONG_REQUEST", 1)
        tried = await b24.im.chat.resume(DictJournal(database), retry_failed=True).run()
        assert counts(tried) == {"DONE": 1}
        assert tried.done[0].attempts == 2


@on_virtual_clock
async def test_an_earlier_failure_stops_no_later_run():
    database = Database()
    async with scene() as (portal, b24):
        portal.faults.add(Fault(method=ADD, status=400, body={"error": "WRONG_REQUEST"}))
        await b24.im.chat.bulk(keyed(1), journal=DictJournal(database)).run()
        report = await b24.im.chat.bulk(keyed(20), journal=DictJournal(database), on_error="stop").run()

        assert counts(report) == {"FAILED": 1, "DONE": 19}


@on_virtual_clock
async def test_reconciling_a_journal_looks_up_and_creates_nothing():
    async with scene(cost=0.05, options={"max_in_flight": 4}) as (portal, b24):
        specs = [*keyed(200), *titles(100)]
        left = await interrupted(b24.im.chat, specs, Database(), done=40, flies=lambda intent: intent.key is not None)
        await asyncio.sleep(60)
        sent, executed = state_of(left, IntentState.SENT), portal.executions.copy()
        assert sent
        began = now()
        report = await b24.im.chat.resume(DictJournal(left)).reconcile()

        assert now() - began <= 125
        executed = portal.executions - executed
        assert set(executed) == {GET}
        assert belong(portal, [*report.done, *report.skipped])
        assert len(report) == 300
        assert report.is_complete
        assert all(result.key is None for result in report.unknown)
        assert not [number for number in state_of(left, IntentState.SENT) if left.intents[number].key is not None]
        finished = await b24.im.chat.resume(DictJournal(left)).run()
        assert counts(finished).keys() <= {"DONE", "SKIPPED", "UNKNOWN"}
        assert len({chat.entity_id for chat in portal.chats.values() if chat.entity_id}) == 200


@on_virtual_clock
async def test_a_job_that_has_run_is_reconciled_by_the_numbers_of_its_journal():
    database = Database()
    async with scene() as (portal, b24):
        portal.faults.add(Fault(method="batch", cut=Cut.AFTER, times=99), Fault(method=ADD, cut=Cut.AFTER, times=99))
        specs: list[Any] = [{"tittle": "no spec"}, *keyed(20)]
        job = b24.im.chat.bulk(specs, key_is_new=True, journal=DictJournal(database), deadline=1)
        first = await job.run()
        assert counts(first) == {"FAILED": 1, "UNKNOWN": 20}
        portal.faults.clear()
        report = await job.reconcile()

        assert report is job.report
        assert counts(report) == {"DONE": 20}
        assert belong(portal, report.done)
        assert [result.index for result in report.done] == list(range(20))
        assert len(portal.chats) == 20


@on_virtual_clock
async def test_resuming_right_after_a_run_that_has_used_up_the_limit_is_refused_nothing():
    database = Database()
    async with emulated(PortalPlan.STANDARD, cost=0.001) as portal:
        async with portal.client(limiter=fresh(STANDARD)) as b24:
            job = b24.im.chat.bulk(titles(3000), journal=DictJournal(database))
            running = asyncio.create_task(job.run())
            await until(lambda: portal.hits >= 45)
            running.cancel()
            await asyncio.wait([running])
        async with portal.client(limiter=fresh(STANDARD)) as b24:
            began, hits = now(), portal.hits
            report = await b24.im.chat.resume(DictJournal(database)).run()

        assert portal.refused == 0
        assert portal.hits - hits <= 2 * (now() - began) + 3
        assert counts(report).keys() <= {"SKIPPED", "DONE", "UNKNOWN"}
        assert len(report) == 3000


@on_virtual_clock
async def test_resuming_a_day_later_starts_at_full_speed():
    database = Database()
    async with emulated(PortalPlan.STANDARD, cost=0.001) as portal:
        async with portal.client(limiter=fresh(STANDARD)) as b24:
            await b24.im.chat.bulk(titles(10), journal=DictJournal(database)).run()
        database.run = evolve(database.run, sent_at=datetime.now(UTC) - timedelta(days=1))
        async with portal.client(limiter=fresh(STANDARD)) as b24:
            began = now()
            report = await b24.im.chat.bulk(titles(1500), journal=DictJournal(database)).run()

        assert counts(report) == {"SKIPPED": 10, "DONE": 1490}
        assert now() - began < 5
        assert portal.refused == 0


@on_virtual_clock
async def test_a_journal_belongs_to_one_portal_one_method_and_one_bot(tmp_path: Path):
    path = tmp_path / "run.sqlite"
    async with scene() as (portal, b24), scene() as (other, elsewhere):
        await b24.im.chat.bulk(titles(2), journal=path).run()
        bot = await registered(b24)
        hits = portal.hits, other.hits
        for chat, message in ((elsewhere.im.chat, "portal"), (bot.chat, "method imbot|method im.chat.add, not imbot")):
            for job in (chat.resume(path), chat.bulk(titles(2), journal=path)):
                with pytest.raises(InvalidParameter, match=message):
                    await job.run()
                with pytest.raises(InvalidParameter, match=message):
                    await job.plan(cost=0.1, duration=0.1)
        assert (portal.hits, other.hits) == hits
        await bot.chat.bulk(titles(2), journal=tmp_path / "bot.sqlite").run()
        with pytest.raises(InvalidParameter, match="the journal is about the bot"):
            await b24.bot(bot.id + 1, token=BOT_TOKEN).chat.resume(tmp_path / "bot.sqlite").run()


@on_virtual_clock
async def test_resuming_from_nothing_is_an_error_and_leaves_nothing_behind(tmp_path: Path):
    async with scene() as (portal, b24):
        job = b24.im.chat.resume(tmp_path / "rum.sqlite")
        with pytest.raises(JournalError, match=r"rum\.sqlite: there is no such journal"):
            await job.run()
        with pytest.raises(JournalError, match="there is no such journal"):
            await b24.im.chat.resume(tmp_path / "rum.sqlite").reconcile()

        assert not names_in(tmp_path)
        assert portal.hits == 0


@on_virtual_clock
async def test_a_journal_with_what_no_spec_is_fails_there_alone():
    database = Database()
    async with scene() as (portal, b24):
        await b24.im.chat.bulk(titles(3), journal=DictJournal(database), deadline=1).run()
        for number, spec in ((0, "{"), (1, '{"title":7}')):
            intent = database.intents[number]
            database.intents[number] = evolve(intent, spec=spec, state=IntentState.PENDING)
        report = await b24.im.chat.resume(DictJournal(database)).run()

        assert [result.state for result in report.results] == [BulkState.FAILED, BulkState.FAILED, BulkState.SKIPPED]
        assert all(isinstance(result.error, InvalidParameter) for result in report.failed)
        assert len(portal.chats) == 3


@on_virtual_clock
async def test_a_resumed_run_keeps_the_order_of_the_journal_if_it_is_asked_to():
    database = Database()
    async with scene(cost=0.05) as (portal, b24):
        left = await interrupted(b24.im.chat, keyed(200), database, done=20)
        results = [result async for result in b24.im.chat.resume(DictJournal(left), order="input")]

        assert [result.index for result in results] == list(range(200))
        assert belong(portal, results)


@on_virtual_clock
async def test_a_key_that_was_said_to_be_new_is_looked_up_once_it_may_have_left():
    async with scene(cost=0.05) as (portal, b24):
        job = b24.im.chat.bulk(keyed(100), key_is_new=True, journal=DictJournal(database := Database()))
        running = asyncio.create_task(job.run())
        await until(lambda: len(portal.chats) >= 20)
        left = database.copy()
        running.cancel()
        await asyncio.wait([running])
        forget()
        left.is_taken = False
        report = await b24.im.chat.bulk(keyed(100), key_is_new=True, journal=DictJournal(left)).run()

        assert len(portal.chats) == 100
        assert counts(report) == {"DONE": 100} or counts(report).keys() == {"DONE", "SKIPPED"}
        assert belong(portal, report.results)


@on_virtual_clock
async def test_an_unknown_of_an_earlier_run_whose_chat_never_came_is_created_after_the_quiescence():
    async with scene(options={"quiescence": 30.0}) as (portal, b24):
        database = Database()
        portal.faults.add(Fault(method=ADD, cut=Cut.BEFORE))
        await b24.im.chat.bulk(keyed(1), key_is_new=True, journal=DictJournal(database), deadline=1).run()
        assert state_of(database, IntentState.UNKNOWN) == [0]
        began = now()
        report = await b24.im.chat.resume(DictJournal(database)).run()

        assert counts(report) == {"DONE": 1}
        assert report.done[0].attempts == 2
        assert now() - began >= 28
        assert len(portal.chats) == 1


def test_a_run_in_the_next_event_loop_goes_on_where_the_first_was_left(tmp_path: Path):
    """As a second `asyncio.run` of one program does, in real time."""

    async def first(portal: Portal) -> None:
        async with portal.client(limiter=fresh()) as b24:
            job = b24.im.chat.bulk(keyed(60), journal=tmp_path / "run.sqlite")
            async for _ in job:
                if job.report.counts[BulkState.DONE] >= 10:
                    break

    async def second(portal: Portal) -> Any:
        async with portal.client(limiter=fresh(), quiescence=0.5) as b24:
            return await b24.im.chat.resume(tmp_path / "run.sqlite").run()

    with emulated(cost=0.005).in_thread() as portal:
        asyncio.run(first(portal))
        report = asyncio.run(second(portal))
        assert len(report) == len(portal.chats) == 60
        assert "SKIPPED" in counts(report)
        assert counts(report).keys() <= {"DONE", "SKIPPED"}
