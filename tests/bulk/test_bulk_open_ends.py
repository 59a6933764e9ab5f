"""What may have left when a run ends: the journal tells, a later run waits for it, and no chat is made twice."""

import asyncio
from typing import Any

import pytest
from attrs import evolve

from bitrix_chat import BitrixChat, ChatSpec, IntentState, OutcomeUnknown, Plan
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.creations import CREATIONS
from tests.bulk.bulk_scenes import ADD, counts, emulated, fresh, keyed, now, scene, titles, until
from tests.contracts.dict_journal import Database, DictJournal

STANDARD = Plan(50, 2)
SPEC = ChatSpec(title="Cellar", key="cellar")


def forget() -> None:
    """Know nothing of earlier requests, as another process."""
    CREATIONS._doubts.clear()
    CREATIONS._running.clear()


async def killed(running: "asyncio.Task[Any]", database: Database) -> Database:
    """Drop a run, and return its journal as it stood before."""
    left = database.copy()
    running.cancel()
    await asyncio.wait([running])
    return left


async def given_up(b24: BitrixChat, seconds: float) -> None:
    """Create the same chat otherwise, and wait for it no longer than so."""
    with pytest.raises(OutcomeUnknown):
        await b24.im.chat.add(title=SPEC.title, key=SPEC.key).within(seconds)


@pytest.mark.parametrize("end", ["cancel", "kill"])
@pytest.mark.parametrize("seconds", [5, 1], ids=["that others await", "that was given up"])
@on_virtual_clock
async def test_a_journal_tells_of_a_creation_of_somebody_elses_that_may_be_its_own(seconds: float, end: str):
    database = Database()
    async with emulated() as portal:
        portal.faults.add(Fault(method=ADD, delay=30))
        async with portal.client(limiter=fresh()) as b24:
            other = asyncio.create_task(given_up(b24, seconds))
            await asyncio.sleep(2)
            job = b24.im.chat.bulk([SPEC], journal=DictJournal(database))
            running = asyncio.create_task(job.run())
            await asyncio.sleep(6)
            await other
            if end == "cancel":
                await job.cancel(drain=False)
                left = database.copy()
                assert counts(await running) == {"UNKNOWN": 1}
            else:
                left = await killed(running, database)
            assert left.intents[0].state is (IntentState.UNKNOWN if end == "cancel" else IntentState.SENT)
            assert left.intents[0].sent_at is not None
            assert left.intents[0].attempts == 1
            await b24.close(grace=0)
        forget()
        left.is_taken = False
        async with portal.client(limiter=fresh()) as b24:
            report = await b24.im.chat.resume(DictJournal(left)).run()

        assert counts(report) == {"DONE": 1}
        await asyncio.sleep(60)
        assert len(portal.chats) == 1


@on_virtual_clock
async def test_what_may_have_left_at_a_time_that_nobody_wrote_down_may_have_left_now():
    database = Database()
    async with scene(options={"quiescence": 30.0}) as (portal, b24):
        unsent = b24.im.chat.bulk([SPEC], journal=DictJournal(database))
        await unsent.cancel()
        await unsent.run()
        database.intents[0] = evolve(database.intents[0], state=IntentState.SENT)
        began = now()
        report = await b24.im.chat.resume(DictJournal(database)).run()

        assert counts(report) == {"DONE": 1}
        assert now() - began == pytest.approx(30, abs=1)
        assert len(portal.chats) == 1


@pytest.mark.parametrize("seconds", [1, 60], ids=["what flies will be refused", "what was refused waits"])
@on_virtual_clock
async def test_a_run_that_is_cancelled_does_not_wait_for_the_operating_limit(seconds: int):
    async with scene(cost=0.2, operating_limit=20) as (portal, b24):
        job = b24.im.chat.bulk(titles(1000))
        running = asyncio.create_task(job.run())
        await asyncio.sleep(seconds)
        began = now()
        await job.cancel(drain=True)

        assert now() - began <= 5
        report = await running
        assert counts(report).keys() == {"DONE", "NOT_STARTED"}
        assert len(report) == 1000
        await asyncio.sleep(1000)
        assert len(report.done) == len(portal.chats) < 200


@pytest.mark.parametrize("how", ["reconcile", "run"])
@on_virtual_clock
async def test_going_on_right_after_a_run_that_has_used_up_the_limit_is_refused_nothing(how: str):
    database = Database()
    async with Portal(plan=PortalPlan.STANDARD, costs={ADD: 0.2}) as portal:
        async with portal.client(limiter=fresh(STANDARD)) as b24:
            job = b24.im.chat.bulk(keyed(2400), key_is_new=True, journal=DictJournal(database))
            running = asyncio.create_task(job.run())
            await until(lambda: portal.hits >= 47, 0.05)
            await asyncio.sleep(0.3)
            left = await killed(running, database)
        forget()
        left.is_taken = False
        async with portal.client(limiter=fresh(STANDARD)) as b24:
            report = await getattr(b24.im.chat.resume(DictJournal(left)), how)()

        assert portal.refused == 0
        assert len(report) == 2400
        assert not report.unknown


TIMES = {
    "more digits than a number has": '{"duration":1%s,"operating":1}' % ("0" * 400),
    "next to nothing": '{"duration":1e-320,"operating":1}',
    "longer than the world": '{"duration":1e300,"operating":1,"operating_reset_at":2000600,"finish":2000000}',
    "never forgotten": '{"duration":1e300,"operating":1e300,"operating_reset_at":1e300,"finish":1}',
    "before all time": '{"duration":0.1,"operating":-1e308,"operating_reset_at":1e308,"finish":-1e308}',
    "no numbers": '{"duration":[],"operating":{},"operating_reset_at":"soon","finish":true}',
}
A_DAY = 86_400


@pytest.mark.parametrize("time", TIMES)
@on_virtual_clock
async def test_whatever_an_answer_says_of_the_time_its_calls_end_and_later_ones_do(time: str):
    ids = ",".join(f'"c{number}":{100 + number}' for number in range(8))
    times = ",".join(f'"c{number}":{TIMES[time]}' for number in range(8))
    body = f'{{"result":{{"result":{{{ids}}},"result_error":[],"result_time":{{{times}}}}},"time":{TIMES[time]}}}'
    async with scene(options={"max_in_flight": 1}) as (portal, b24):
        portal.faults.add(Fault(method="batch", status=200, body=body, headers={"Content-Type": "application/json"}))
        created = await asyncio.gather(*(b24.im.chat.add(title=title) for title in titles(9)))
        assert sorted(created)[1:] == list(range(100, 108))
        began = now()
        report = await b24.im.chat.bulk(titles(200)).run()

        assert counts(report) == {"DONE": 200}
        assert now() - began <= (A_DAY + 60 if time == "never forgotten" else 60)
