"""`Following`: how far jobs are, read from their journal alone."""

import asyncio

import pytest

from bitrix_chat import BulkState, ChatSpec
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
