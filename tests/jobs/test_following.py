"""`Following`: how far jobs are, read from their journal alone."""

import asyncio

import pytest

from bitrix_chat import BulkState, ChatSpec, InvalidParameter
from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import Ending, IntentState
from bitrix_chat.jobs import Following, prepare_jobs
from bitrix_chat.testing import on_virtual_clock
from tests.jobs.dict_shared_journal import DictJournals

NAME = "import-7"
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c4944415408d763f8ffff3f0005fe02fea735d4430000000049454e44ae426082"
)


class Scene:
    """A journal of four chats, whose ends a test decides."""

    def __init__(self):
        self.journals = DictJournals()
        self.followed = Following(NAME, self.journals)

    async def prepared(self):
        specs = [ChatSpec(title=f"Room {number}", key=f"k{number}", avatar=DOT) for number in range(4)]
        await prepare_jobs(specs, portal="acme.example", journal=NAME, journals=self.journals)
        return self

    async def end(self, number, state, **known):
        part = self.journals(NAME).part([f"k{number}"])
        await part.read()
        await part.finish([Ending(number=number, state=state, **known)])


async def test_progress_is_what_the_journal_counts():
    scene = await Scene().prepared()
    await scene.end(0, IntentState.DONE, chat_id=5)
    await scene.end(1, IntentState.FAILED)
    told = await scene.followed.progress()
    assert (told.done, told.failed, told.unknown, told.total, told.ended) == (1, 1, 0, 4, 2)


async def test_the_report_has_every_chat_and_no_avatar():
    scene = await Scene().prepared()
    await scene.end(0, IntentState.DONE, chat_id=5)
    report = await scene.followed.report()
    assert report.is_complete
    assert [result.state for result in report.results] == [BulkState.DONE, *[BulkState.NOT_STARTED] * 3]
    assert (report.done[0].chat_id, report.done[0].key, report.done[0].spec.title) == (5, "k0", "Room 0")
    assert all(result.spec.avatar is None for result in report.results)


@on_virtual_clock
async def test_following_ends_when_all_have_ended_and_tells_the_pace():
    scene = await Scene().prepared()
    seen = []
    async for progress in scene.followed.follow(every=1.0):
        seen.append(progress)
        if len(seen) <= 4:
            await scene.end(len(seen) - 1, IntentState.DONE, chat_id=len(seen))
    assert [progress.done for progress in seen] == [0, 1, 2, 3, 4]
    assert seen[2].rate == pytest.approx(1.0)
    assert seen[2].eta == pytest.approx(2.0)


@on_virtual_clock
async def test_waiting_returns_the_report():
    scene = await Scene().prepared()
    waiting = asyncio.create_task(scene.followed.wait())
    for number in range(4):
        await asyncio.sleep(1.0)
        assert not waiting.done()
        await scene.end(number, IntentState.DONE, chat_id=number + 1)
    assert len((await waiting).done) == 4


@on_virtual_clock
async def test_an_unknown_chat_is_waited_for_as_long_as_its_job_will_run_again():
    scene = await Scene().prepared()
    for number in range(3):
        await scene.end(number, IntentState.DONE, chat_id=number + 1)
    await scene.end(3, IntentState.UNKNOWN)
    asked, left = [], [True, True, False]

    async def still_runs(key):
        asked.append(key)
        return left.pop(0)

    report = await Following(NAME, scene.journals, still_runs=still_runs).wait()
    assert asked == ["k3"] * 3
    assert len(report.unknown) == 1
    assert len((await scene.followed.wait()).unknown) == 1


@on_virtual_clock
async def test_a_server_that_is_away_for_a_while_is_waited_for(caplog):
    scene = await Scene().prepared()
    for number in range(4):
        await scene.end(number, IntentState.DONE, chat_id=number + 1)
    away = ["up", "away", "away"]

    class Flaky:
        def __init__(self, journal):
            self._journal = journal

        def __getattr__(self, name):
            return getattr(self._journal, name)

        async def tally(self):
            if away and away.pop(0) == "away":
                raise JournalError("the Redis server at host:6379 failed (ConnectionError)")
            tally = dict(await self._journal.tally())
            if away:
                tally[IntentState.PENDING] = 1
            return tally

    followed = Following(NAME, lambda name: Flaky(scene.journals(name)))
    assert [progress.done async for progress in followed.follow()] == [4, 4]
    assert caplog.text.count("cannot be read at present") == 1


async def test_a_journal_that_is_not_there_is_an_error():
    followed = Following("nothing", DictJournals())
    for asking in (followed.progress, followed.report, followed.wait):
        with pytest.raises(JournalError, match="there is no journal 'nothing'"):
            await asking()


async def jobless(key):
    return False


@on_virtual_clock
async def test_chats_whose_jobs_were_lost_are_not_waited_for_and_the_report_is_not_complete():
    scene = await Scene().prepared()
    await scene.end(0, IntentState.DONE, chat_id=5)
    followed = Following(NAME, scene.journals, still_runs=jobless)
    report = await asyncio.wait_for(followed.wait(), 60)
    assert not report.is_complete
    assert (len(report.done), len(report.not_started)) == (1, 3)
    for number in (1, 2, 3):
        await scene.end(number, IntentState.DONE, chat_id=number + 5)
    assert (await followed.wait()).is_complete


@on_virtual_clock
async def test_as_long_as_one_open_chat_has_a_job_it_is_waited_for():
    scene = await Scene().prepared()
    with_job = {"k2"}

    async def still_runs(key):
        return key in with_job

    waiting = asyncio.create_task(Following(NAME, scene.journals, still_runs=still_runs).wait())
    await asyncio.sleep(600)
    assert not waiting.done()
    await scene.end(2, IntentState.DONE, chat_id=7)
    with_job.clear()
    assert len((await waiting).not_started) == 3


@on_virtual_clock
async def test_a_chat_that_ends_while_its_job_is_asked_for_was_not_lost():
    scene = await Scene().prepared()
    for number in range(3):
        await scene.end(number, IntentState.DONE, chat_id=number + 1)

    async def just_ends(key):
        await scene.end(3, IntentState.DONE, chat_id=4)
        return False

    followed = Following(NAME, scene.journals, still_runs=just_ends)
    assert [progress.done async for progress in followed.follow()][-1] == 4
    assert (await followed.report()).is_complete


@on_virtual_clock
async def test_why_jobs_do_not_get_on_is_logged_once_for_each_reason(caplog):
    def said():
        return [record.getMessage() for record in caplog.records if record.name == "bitrix_chat"]

    scene = await Scene().prepared()
    reasons = ["no token of the bot"]

    async def last_reason():
        return reasons[-1]

    followed = Following(NAME, scene.journals, last_reason=last_reason)
    waiting = asyncio.create_task(followed.wait())
    await asyncio.sleep(3.0)
    assert said() == []
    await asyncio.sleep(60)
    reasons.append("the webhook was revoked")
    await asyncio.sleep(60)
    assert said() == [
        "the jobs do not get on: no token of the bot",
        "the jobs do not get on: the webhook was revoked",
    ]
    assert await followed.last_reason() == "the webhook was revoked"
    waiting.cancel()


class Watched:
    """A journal that counts what is read of it, and fails as often as a test wants."""

    reads = 0
    failures = 0

    def __init__(self, journal):
        self._journal = journal

    def __getattr__(self, name):
        return getattr(self._journal, name)

    async def read(self, after=-1, limit=500):
        Watched.reads += 1
        if Watched.failures:
            Watched.failures -= 1
            raise JournalError("the Redis server at host:6379 failed (ConnectionError)")
        return await self._journal.read(after, limit)


@pytest.fixture
def watched(monkeypatch):
    monkeypatch.setattr(Watched, "reads", 0)
    monkeypatch.setattr(Watched, "failures", 0)
    return Watched


@on_virtual_clock
async def test_an_unknown_chat_does_not_make_each_look_read_the_whole_journal(watched):
    scene = await Scene().prepared()
    for number in range(4):
        await scene.end(number, IntentState.UNKNOWN if number == 3 else IntentState.DONE)
    asked = []

    async def still_runs(key):
        asked.append(key)
        return len(asked) < 100

    await Following(NAME, lambda name: Watched(scene.journals(name)), still_runs=still_runs).wait()
    assert asked == ["k3"] * 100
    assert watched.reads == 6  # two pages at the first look, at the last, and for the report


@on_virtual_clock
async def test_a_server_that_fails_while_jobs_are_asked_for_is_no_end(watched):
    scene = await Scene().prepared()
    watched.failures = 3
    followed = Following(NAME, lambda name: Watched(scene.journals(name)), still_runs=jobless)
    assert len((await followed.wait()).not_started) == 4
    assert watched.failures == 0


async def test_a_journal_of_ones_own_kind_may_have_nothing_to_delete_it_by():
    scene = await Scene().prepared()
    with pytest.raises(InvalidParameter, match="DictSharedJournal has no `delete`"):
        await scene.followed.forget()
