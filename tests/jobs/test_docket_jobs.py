"""Jobs on docket: workers on a real server, one of which may die; every chat is there once."""

import asyncio
import re
import shlex
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from docket import Docket
from docket import Worker as Engine
from docket.dependencies import current_execution

from bitrix_chat import ChatSpec, InvalidParameter, MemoryRateLimiter, Plan
from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import IntentState
from bitrix_chat.jobs import OneClient, Worker, queue_of, redis_journals, waiting
from bitrix_chat.jobs import docket as jobs_on_docket
from bitrix_chat.jobs.clients import portal_of
from bitrix_chat.jobs.docket import chat_tasks, enqueue, following
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.redis.server import RedisServer

ADD = "im.chat.add"
NAME = "import-7"
SOON = timedelta(milliseconds=400)


class NotingClient(OneClient):
    """A client that notes at which attempt each job asks for it."""

    def __init__(self, client, attempts):
        super().__init__(client)
        self.attempts = attempts

    def client(self, portal):
        self.attempts.append(current_execution.get().attempt)
        return super().client(portal)


class Scene:
    """A portal, an open docket, and the workers that a test starts."""

    def __init__(self, portal, docket, redis, host):
        self.portal = portal
        self.docket = docket
        self.redis = redis
        self.host = host
        self.attempts = []

    async def enqueue(self, specs):
        return await enqueue(specs, portal=self.host, journal=NAME, docket=self.docket)

    @asynccontextmanager
    async def worker(self, name, portal=None):
        """A worker with a client and a docket of its own, as in a process of its own."""
        limiter = MemoryRateLimiter(Plan(1e9, 1e8))
        async with (
            (portal or self.portal).client(limiter=limiter, quiescence=1.0) as b24,
            Docket(NAME, self.docket.url) as docket,
        ):
            for task in chat_tasks(
                Worker(clients=NotingClient(b24, self.attempts), journals=redis_journals(self.redis))
            ):
                docket.register(task)
            options = {"concurrency": 50, "redelivery_timeout": SOON, "minimum_check_interval": timedelta(seconds=0.02)}
            async with Engine(docket, name=name, **options) as engine:
                yield engine

    @property
    def titles(self):
        return sorted(chat.title for chat in self.portal.chats.values())

    @property
    def sent(self):
        return self.portal.executions[ADD]


@pytest.fixture
async def scene(redis_url):
    redis = RedisServer(redis_url)
    async with Portal(plan=PortalPlan.UNLIMITED) as portal, Docket(NAME, redis_url) as docket:
        async with portal.client() as b24:
            host = await portal_of(b24)
        yield Scene(portal, docket, redis, host)
    await redis.close()


def specs(count):
    return [ChatSpec(title=f"Room {number:02}", key=f"k{number}") for number in range(count)]


def titles(count):
    return [f"Room {number:02}" for number in range(count)]


async def test_two_workers_create_each_chat_once(scene):
    followed = await scene.enqueue(specs(20))
    async with scene.worker("one") as one, scene.worker("two") as two:
        await asyncio.gather(one.run_until_finished(), two.run_until_finished())
    report = await followed.wait()
    assert len(report.done) == 20
    assert report.is_complete
    assert (scene.titles, scene.sent) == (titles(20), 20)


async def test_a_worker_that_dies_leaves_its_jobs_to_another(scene):
    followed = await scene.enqueue(specs(20))
    scene.portal.faults.add(Fault(method=ADD, nth=4, times=20, delay=0.5))
    async with scene.worker("one") as one:
        dying = asyncio.create_task(one.run_forever())
        while len(scene.portal.chats) < 3:  # noqa: ASYNC110  # it announces nothing
            await asyncio.sleep(0.005)
        dying.cancel()  # which lets what flies land
        await asyncio.sleep(0.1)
        dying.cancel()  # which does not
        await asyncio.wait([dying])
    assert (await followed.progress()).done < 20
    scene.portal.faults.clear()
    async with scene.worker("two") as two:
        await two.run_until_finished()
    assert len((await followed.wait()).done) == 20
    assert (scene.titles, scene.sent) == (titles(20), 20)


async def test_enqueueing_twice_adds_nothing_twice(scene):
    await scene.enqueue(specs(5))
    followed = await scene.enqueue(specs(5))
    assert (await scene.docket.snapshot()).total_tasks == 5
    async with scene.worker("one") as one:
        await one.run_until_finished()
    assert (scene.titles, (await followed.progress()).done) == (titles(5), 5)
    await scene.enqueue(specs(5))
    assert (await scene.docket.snapshot()).total_tasks == 0


async def test_enqueueing_again_completes_what_a_kill_has_cut_short(scene):
    await scene.enqueue(specs(3))
    await scene.docket.clear()
    followed = await scene.enqueue(specs(3))
    async with scene.worker("one") as one:
        await one.run_until_finished()
    assert len((await followed.wait()).done) == 3


async def test_a_spec_without_a_key_is_named_before_anything_is_enqueued(scene):
    with pytest.raises(InvalidParameter, match=r"the spec at 1 \('B'\) has no key"):
        await scene.enqueue([ChatSpec(title="A", key="a"), ChatSpec(title="B")])
    assert (await scene.docket.snapshot()).total_tasks == 0


async def test_what_the_portal_refuses_ends_as_failed_and_is_not_repeated(scene):
    error = {"error": "WRONG_REQUEST", "error_description": "Something went wrong"}
    scene.portal.faults.add(Fault(method=ADD, status=400, body=error))
    followed = await scene.enqueue(specs(1))
    async with scene.worker("one") as one:
        await one.run_until_finished()
    [failed] = (await followed.wait()).failed
    assert (failed.key, failed.error.code, scene.titles) == ("k0", "WRONG_REQUEST", [])


async def test_a_job_that_can_never_run_is_given_up(scene):
    await scene.enqueue(specs(1))
    journals = redis_journals(scene.redis)
    other = journals("other")
    run = await journals(NAME).run()
    await other.join(run)
    async with scene.worker("one") as one:
        job = {"version": 1, "portal": scene.host, "journal": "other", "method": ADD, "bot": None, "key": "nobody"}
        task = one.docket.tasks["create_bitrix_chat"]
        await one.docket.add(task, key="given up")(job)
        await one.run_until_finished()
    execution = await scene.docket.get_execution("given up")
    assert execution.state.value == "failed"
    assert scene.titles == titles(1)


async def test_whoever_knows_the_name_may_follow(scene):
    await scene.enqueue(specs(4))
    followed = following(NAME, scene.docket)
    async with scene.worker("one") as one:
        working = asyncio.create_task(one.run_until_finished())
        seen = [progress.done async for progress in followed.follow(every=0.02)]
        await working
    assert (seen[0], seen[-1]) == (0, 4)


async def test_an_unknown_chat_is_followed_while_its_job_is_there(scene):
    followed = await scene.enqueue(specs(1))
    journal = redis_journals(scene.redis)(NAME)
    part = journal.part(["k0"])
    await part.begin(await journal.run())
    await part.read()
    from datetime import UTC, datetime

    from bitrix_chat.bulk.journal import Ending

    await part.departing([0], datetime.now(UTC), 0.0)
    await part.finish([Ending(number=0, state=IntentState.UNKNOWN)])
    waiting = asyncio.create_task(followed.wait())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await scene.docket.clear()
    assert len((await waiting).unknown) == 1


async def test_a_journal_is_forgotten_once_all_have_ended(scene):
    followed = await scene.enqueue(specs(2))
    with pytest.raises(JournalError, match="neither done nor failed"):
        await followed.forget()
    async with scene.worker("one") as one:
        await one.run_until_finished()
    await followed.forget()
    with pytest.raises(JournalError, match="there is no journal"):
        await followed.progress()


@pytest.fixture
def hasty(monkeypatch):
    """Waits hardly longer than jobs need, and hands others' jobs back at once."""
    monkeypatch.setattr(waiting, "PATIENCE", 0.2)
    monkeypatch.setattr(jobs_on_docket, "_ELSEWHERE", timedelta(milliseconds=20))


async def test_chats_whose_jobs_were_lost_are_not_waited_for_for_ever(scene, hasty):
    followed = await scene.enqueue(specs(3))
    await scene.docket.clear()
    report = await asyncio.wait_for(followed.wait(), 10)
    assert (len(report.not_started), report.is_complete) == (3, False)


async def test_a_job_that_was_given_up_is_not_waited_for_and_its_reason_is_told(scene, hasty, caplog):
    followed = await scene.enqueue(specs(1))
    async with scene.worker("one") as one:
        await scene.docket.clear()
        task = one.docket.tasks["create_bitrix_chat"]
        job = {"version": 1, "portal": scene.host, "journal": NAME, "method": ADD, "bot": None, "key": "nobody"}
        await one.docket.add(task, key="given up")(job)
        await one.run_until_finished()
    report = await asyncio.wait_for(followed.wait(), 10)
    assert (len(report.not_started), report.is_complete) == (1, False)
    assert "the jobs do not get on: the journal 'import-7' holds no chat of the key 'nobody'" in caplog.text


async def test_why_jobs_are_postponed_is_told_to_whoever_follows(scene, hasty, caplog):
    refusal = {"error": "INVALID_CREDENTIALS", "error_description": "Invalid request credentials"}
    scene.portal.faults.add(Fault(times=1000, status=401, body=refusal))
    followed = await scene.enqueue(specs(1))
    async with scene.worker("one") as one:
        working = asyncio.create_task(one.run_forever())
        waiting_for_it = asyncio.create_task(followed.wait())
        while not [record for record in caplog.records if "do not get on" in record.getMessage()]:  # noqa: ASYNC110  # it announces nothing
            await asyncio.sleep(0.02)
        assert "INVALID_CREDENTIALS: Invalid request credentials" in await followed.last_reason()
        scene.portal.faults.clear()
        assert len((await asyncio.wait_for(waiting_for_it, 10)).done) == 1
        working.cancel()
        await asyncio.wait([working])
    said = [record.getMessage() for record in caplog.records if "do not get on" in record.getMessage()]
    assert len(said) == len(set(said))


async def test_a_job_of_another_portal_is_handed_back_without_ever_growing_delay(scene, hasty):
    followed = await scene.enqueue(specs(1))
    async with Portal(plan=PortalPlan.UNLIMITED) as other, scene.worker("others", other) as others:
        working = asyncio.create_task(others.run_forever())
        while len(scene.attempts) < 4:  # noqa: ASYNC110  # it announces nothing
            await asyncio.sleep(0.01)
        assert set(scene.attempts) == {1}
        assert "and this worker serves" in await followed.last_reason()
        async with scene.worker("one") as one:
            finishing = asyncio.create_task(one.run_until_finished())
            assert len((await asyncio.wait_for(followed.wait(), 10)).done) == 1
            await finishing
        working.cancel()
        await asyncio.wait([working])


def test_journals_need_a_server_that_docket_may_not_have():
    with pytest.raises(InvalidParameter, match="say `journals`"):
        following(NAME, Docket(NAME, "memory://"))


@pytest.mark.slow
async def test_dockets_own_command_runs_a_worker_of_the_environment(scene):
    followed = await scene.enqueue(specs(250))
    words = ["-m", "docket", "worker", "--tasks", "bitrix_chat.jobs.docket:tasks", "--docket", NAME]
    words += ["--url", f"{scene.docket.url}?max_connections=150", "--concurrency", "100", "--redelivery-timeout", "30s"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words, "--until-finished"),
        env={"BITRIX24_WEBHOOK_URL": scene.portal.webhook_url, "PATH": ""},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-2000:]
    assert b"Redis is unavailable" not in out + err
    assert len((await followed.wait()).done) == 250
    assert (len(scene.portal.chats), scene.sent) == (250, 250)


@pytest.mark.slow
async def test_the_command_of_the_documentation_has_connections_for_its_jobs(scene, tmp_path):
    [line] = re.findall(r"    docket (worker .*\\\n.*)", jobs_on_docket.__doc__)
    for told, meant in {
        "\\\n": "",
        "redis://host/0": scene.docket.url,
        queue_of("acme.bitrix24.example"): NAME,
    }.items():
        line = line.replace(told, meant)
    followed = await scene.enqueue(specs(450))
    with (tmp_path / "said").open("w+b") as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "docket", *shlex.split(line), "--until-finished"),
            env={"BITRIX24_WEBHOOK_URL": scene.portal.webhook_url, "PATH": ""},
            stdout=said,
            stderr=said,
        )
        assert await process.wait() == 0
        said.seek(0)
        assert b"Too many connections" not in said.read()
    assert len((await followed.wait()).done) == 450
