"""`Worker.run_job`: one chat to its end, whatever an engine does: once more, twice at a time, after a kill."""

import asyncio
import json
import traceback
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from attrs import evolve

from bitrix_chat import MemoryRateLimiter, Plan
from bitrix_chat.bulk.journal import IntentState
from bitrix_chat.jobs import JobPostponed, OneClient, Worker, WrongJob, WrongWorker, prepare_jobs
from bitrix_chat.jobs.clients import portal_of
from bitrix_chat.portal import Cut, Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock
from tests.jobs.dict_shared_journal import DictJournals

ADD = "im.chat.add"
NAME = "import-7"
TOKEN = "token_of_bot"


class Scene:
    """A portal, the journals, and as many workers as a test wants, each with a client of its own."""

    def __init__(self, portal, journals, clients):
        self.portal = portal
        self.journals = journals
        self.workers = [
            Worker(clients=OneClient(b24), journals=journals, bot_token=lambda _portal, _bot: TOKEN) for b24 in clients
        ]
        self.client = clients[0]

    async def jobs(self, count, **options):
        specs = [{"title": f"Room {number}", "key": f"k{number}"} for number in range(count)]
        host = await portal_of(self.client)
        return await prepare_jobs(specs, portal=host, journal=NAME, journals=self.journals, **options)

    async def run(self, jobs):
        """Let all workers run all jobs at a time; return the answers of each, or what it raised."""
        runs = (worker.run_job(job) for worker in self.workers for job in jobs)
        ended = await asyncio.gather(*runs, return_exceptions=True)
        return [ended[start : start + len(jobs)] for start in range(0, len(ended), len(jobs))]

    @property
    def titles(self):
        return sorted(chat.title for chat in self.portal.chats.values())

    def put(self, **changes):
        """Change the first intent in the journal, as another worker would."""
        intents = self.journals.databases[NAME].intents
        intents[0] = evolve(intents[0], **changes)


@asynccontextmanager
async def scene(workers=1, **options):
    async with Portal(plan=PortalPlan.UNLIMITED) as portal:
        limiter = MemoryRateLimiter(Plan(1e9, 1e8))
        clients = [portal.client(limiter=limiter, **{"quiescence": 2.0, **options}) for _ in range(workers)]
        try:
            yield Scene(portal, DictJournals(), clients)
        finally:
            await asyncio.gather(*(client.close(0) for client in clients))


async def test_a_job_creates_its_chat_and_answers_in_json():
    async with scene() as world:
        [job] = await world.jobs(1)
        answer = await world.workers[0].run_job(json.loads(json.dumps(job)))
        [chat] = world.portal.chats.values()
        assert json.loads(json.dumps(answer)) == {"key": "k0", "state": "done", "chat_id": chat.id, "error": None}
        assert (chat.title, chat.entity_id) == ("Room 0", "k0")


async def test_a_job_of_a_bot_creates_a_chat_of_the_bot():
    async with scene() as world:
        bot = (await world.client.imbot.bot.register("keeper", name="Keeper", token=TOKEN)).bot.id
        [job] = await world.jobs(1, bot=bot)
        assert (await world.workers[0].run_job(job))["state"] == "done"
        assert [chat.owner for chat in world.portal.chats.values()] == [bot]


async def test_a_wrong_token_of_a_bot_postpones_its_jobs_without_showing_it():
    async with scene() as world:
        bot = (await world.client.imbot.bot.register("keeper", name="Keeper", token="SECRETCANARY")).bot.id
        [job] = await world.jobs(1, bot=bot)
        [[postponed]] = await world.run([job])
        assert isinstance(postponed, JobPostponed)
        assert TOKEN not in "".join(
            traceback.TracebackException.from_exception(postponed, capture_locals=True).format()
        )


async def test_a_job_whose_chat_is_done_answers_without_any_request():
    async with scene() as world:
        [job] = await world.jobs(1)
        answer = await world.workers[0].run_job(job)
        hits = world.portal.hits
        assert await world.workers[0].run_job(job) == answer
        assert world.portal.hits == hits


async def test_jobs_that_run_at_a_time_travel_together():
    async with scene() as world:
        jobs = await world.jobs(200)
        [answers] = await world.run(jobs)
        assert {answer["state"] for answer in answers} == {"done"}
        assert len(world.titles) == 200
        assert world.portal.executions[ADD] == 200
        assert world.portal.hits < 200  # half of what two requests a chat would be


async def test_of_two_workers_with_the_same_jobs_only_one_has_a_chat_leave():
    async with scene(workers=2) as world:
        jobs = await world.jobs(60)
        both = await world.run(jobs)
        for ended in zip(*both, strict=True):
            assert any(isinstance(each, dict) and each["state"] == "done" for each in ended)
            assert all(isinstance(each, dict | JobPostponed) for each in ended)
        assert world.titles == sorted(f"Room {number}" for number in range(60))
        again = await world.run(jobs)
        assert {answer["state"] for answers in again for answer in answers} == {"done"}
        assert world.portal.executions[ADD] == 60


async def test_what_a_killed_worker_had_sent_is_found_and_not_sent_again():
    async with scene() as world:
        jobs = await world.jobs(1)
        await world.run(jobs)
        [chat] = world.portal.chats.values()
        world.put(state=IntentState.SENT, attempts=1, sent_at=datetime.now(UTC), chat_id=None)
        [[answer]] = await world.run(jobs)
        assert (answer["state"], answer["chat_id"]) == ("done", chat.id)
        assert world.portal.executions[ADD] == 1


@on_virtual_clock
async def test_what_a_killed_worker_had_not_got_off_is_sent_once_the_portal_can_no_longer_be_working_on_it():
    async with scene() as world:
        jobs = await world.jobs(1)
        world.put(state=IntentState.SENT, attempts=1, sent_at=datetime.now(UTC))
        began = asyncio.get_running_loop().time()
        [[answer]] = await world.run(jobs)
        assert (answer["state"], world.titles) == ("done", ["Room 0"])
        assert asyncio.get_running_loop().time() - began >= 1.5


async def test_a_chat_that_the_portal_refuses_ends_its_job_as_failed():
    async with scene() as world:
        error = {"error": "WRONG_REQUEST", "error_description": "Something went wrong"}
        world.portal.faults.add(Fault(method=ADD, status=400, body=error))
        jobs = await world.jobs(1)
        [[answer]] = await world.run(jobs)
        assert (answer["state"], answer["chat_id"], answer["error"]["code"]) == ("failed", None, "WRONG_REQUEST")
        hits = world.portal.hits
        [[again]] = await world.run(jobs)
        assert again == answer
        assert world.portal.hits == hits


@on_virtual_clock
async def test_an_answer_that_got_lost_is_looked_up_within_the_job():
    async with scene() as world:
        world.portal.faults.add(Fault(method=ADD, cut=Cut.AFTER))
        [[answer]] = await world.run(await world.jobs(1))
        assert (answer["state"], world.titles) == ("done", ["Room 0"])


@on_virtual_clock
async def test_where_lookups_fail_too_the_job_is_to_run_again_and_then_finds_the_chat():
    async with scene(retry=None) as world:
        jobs = await world.jobs(1)
        world.portal.faults.add(Fault(method=ADD, cut=Cut.AFTER))
        world.portal.faults.add(*(Fault(method="im.chat.get", nth=number, cut=Cut.BEFORE) for number in range(2, 30)))
        [[postponed]] = await world.run(jobs)
        assert isinstance(postponed, JobPostponed)
        world.portal.faults.clear()
        [[answer]] = await world.run(jobs)
        assert (answer["state"], world.titles) == ("done", ["Room 0"])


async def test_what_no_lookup_can_tell_is_answered_as_unknown():
    async with scene() as world:
        jobs = await world.jobs(1)
        world.put(state=IntentState.SENT, attempts=1, sent_at=datetime(2026, 1, 1, tzinfo=UTC))
        refusal = {"error": "ACCESS_DENIED", "error_description": "no"}
        world.portal.faults.add(Fault(method="im.chat.get", status=403, body=refusal))
        [[answer]] = await world.run(jobs)
        assert (answer["state"], answer["error"]["outcome"]) == ("unknown", "UNKNOWN")
        [[again]] = await world.run(jobs)
        assert again["state"] == "done"


@on_virtual_clock
async def test_while_the_portal_is_away_a_job_waits_and_is_then_postponed():
    async with scene() as world:
        jobs = await world.jobs(1)
        await world.portal.stop()
        [[postponed]] = await world.run(jobs)
        assert isinstance(postponed, JobPostponed)
        assert [each.state for each in world.journals.intents(NAME)] == [IntentState.PENDING]


async def test_a_job_that_was_cancelled_runs_anew():
    async with scene() as world:
        jobs = await world.jobs(30)
        world.portal.faults.add(Fault(method="batch", delay=30.0))
        running = asyncio.create_task(world.run(jobs))
        while not world.portal.requests:  # noqa: ASYNC110  # it announces nothing
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])
        world.portal.faults.clear()
        [answers] = await world.run(jobs)
        assert {answer["state"] for answer in answers} == {"done"}
        assert len(world.titles) == 30


async def test_stopping_postpones_what_has_not_left():
    async with scene() as world:
        worker, jobs = world.workers[0], await world.jobs(3)
        world.portal.faults.add(Fault(method="im.chat.get", times=3, delay=0.3))
        running = asyncio.create_task(world.run(jobs))
        while not world.portal.requests:  # noqa: ASYNC110  # it announces nothing
            await asyncio.sleep(0.01)
        await worker.stop()
        [ended] = await running
        assert all(isinstance(each, JobPostponed) for each in ended)
        assert world.titles == []
        assert {each.state for each in world.journals.intents(NAME)} == {IntentState.PENDING}


async def test_a_job_of_another_portal_waits_for_its_worker():
    async with scene() as world:
        [job] = await world.jobs(1)
        others = {**job, "portal": "other.example"}
        assert not world.workers[0].cannot_run(others)
        with pytest.raises(WrongWorker, match=r"the job is for other\.example, and this worker serves 127\.0\.0\.1"):
            await world.workers[0].run_job(others)
        assert world.portal.hits == 0
        assert world.workers[0].cannot_run(others)
        assert not world.workers[0].cannot_run(job)
        assert world.workers[0].cannot_run({**job, "version": 2})
        assert not world.workers[0].cannot_run({**job, "key": None})


async def test_a_job_of_a_bot_waits_for_the_worker_that_has_its_token():
    async with scene() as world:
        bot = (await world.client.imbot.bot.register("keeper", name="Keeper", token=TOKEN)).bot.id
        [job] = await world.jobs(1, bot=bot)
        without = Worker(clients=OneClient(world.client), journals=world.journals)
        with pytest.raises(WrongWorker, match="this worker has no token of the bot: give it one"):
            await without.run_job(job)
        assert without.cannot_run(job)
        assert (await world.workers[0].run_job(job))["state"] == "done"


async def test_a_key_that_the_journal_does_not_hold_is_no_job():
    async with scene() as world:
        [job] = await world.jobs(1)
        with pytest.raises(WrongJob, match="'import-7' holds no chat of the key 'nobody'"):
            await world.workers[0].run_job({**job, "key": "nobody"})


async def test_a_journal_of_another_portal_is_refused():
    async with scene() as world:
        [job] = await world.jobs(1)
        database = world.journals.databases[NAME]
        database.run = evolve(database.run, portal="other.example")
        with pytest.raises(WrongJob, match=r"about the portal other\.example"):
            await world.workers[0].run_job(job)
        assert world.portal.hits == 0


async def test_a_journal_that_is_away_postpones_the_job():
    async with scene() as world:
        [job] = await world.jobs(1)
        world.journals.databases.clear()
        with pytest.raises(JobPostponed, match="there is no such journal"):
            await world.workers[0].run_job(job)


def test_a_worker_refuses_what_is_no_registry_of_clients():
    with pytest.raises(ValueError, match="`clients` is dict"):
        Worker(clients={}, journals=DictJournals())
