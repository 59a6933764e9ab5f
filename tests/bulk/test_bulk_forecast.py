"""What a job tells before and while it runs: how long it will take, how far it is, and what it waits for."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bitrix_chat import BulkPlan, ChatSpec, InvalidParameter, Plan, Progress
from bitrix_chat.bulk.engine import Engine, Options
from bitrix_chat.bulk.recorder import Recorder
from bitrix_chat.bulk.source import SpecSource
from bitrix_chat.portal import Cut, Fault
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock
from tests.bulk.bulk_scenes import counts, emulated, fresh, keyed, names_in, now, scene, scripted, titles

STANDARD = Plan(50, 2)


async def timed(job: Any) -> float:
    began = now()
    report = await job.run()
    assert counts(report).keys() == {"DONE"}
    return now() - began


@pytest.mark.parametrize(
    ("number", "cost", "plan", "operating_limit", "limited_by"),
    [
        (400, 0.2, STANDARD, 480, "latency"),
        (40, 1.5, STANDARD, 480, "latency"),
        (900, 0.2, STANDARD, 60, "operating"),
        (900, 0.05, Plan(8, 1), 480, "requests"),
    ],
)
@on_virtual_clock
async def test_a_plan_whose_cost_is_given_holds_within_a_tenth(
    number: int, cost: float, plan: Plan, operating_limit: float, limited_by: str
):
    options = {"limiter": fresh(plan), "operating_limit": operating_limit}
    async with scene(options=options, cost=cost, operating_limit=operating_limit) as (portal, b24):
        job = b24.im.chat.bulk(titles(number))
        planned = await job.plan(cost=cost, duration=cost)
        assert portal.hits == 0
        seconds = await timed(job)

        assert planned.is_cost_known
        assert planned.seconds.low == planned.seconds.high == pytest.approx(seconds, rel=0.1)
        assert planned.limited_by == limited_by
        assert planned.chats == number
        assert planned.requests == pytest.approx(portal.hits, rel=0.5, abs=3)
        assert portal.refused == portal.blocked == 0


@on_virtual_clock
async def test_a_plan_is_a_range_until_fifty_chats_have_shown_the_cost():
    async with scene(options={"limiter": fresh(STANDARD)}, cost=0.2, operating_limit=480) as (portal, b24):
        job = b24.im.chat.bulk(titles(600))
        before = await job.plan()
        assert (before.is_cost_known, portal.hits) == (False, 0)
        assert before.seconds.low < before.seconds.high
        assert "cost unknown" in str(before)

        await b24.im.chat.bulk(titles(50)).run()
        after = await job.plan()
        assert after.is_cost_known
        assert before.seconds.low <= after.seconds.low == after.seconds.high <= before.seconds.high
        assert after.seconds.high == pytest.approx(await timed(job), rel=0.1)


@on_virtual_clock
async def test_lookups_are_planned_where_keys_are_not_known_to_be_new():
    async with scene(options={"limiter": fresh(STANDARD)}, cost=0.1, costs={"im.chat.get": 0.05}) as (_, b24):
        new = await b24.im.chat.bulk(keyed(400), key_is_new=True).plan(cost=0.1, duration=0.1)
        job = b24.im.chat.bulk(keyed(400))
        planned = await job.plan(cost=0.1, duration=0.1)
        by_function = b24.im.chat.bulk(titles(400), key=lambda spec: spec.title)

        assert planned.requests > new.requests
        assert (await by_function.plan(cost=0.1, duration=0.1)).requests == planned.requests
        assert planned.seconds.high == pytest.approx(await timed(job), rel=0.3)


@on_virtual_clock
async def test_what_cannot_be_counted_is_planned_by_the_number_that_is_said():
    async with scene() as (portal, b24):
        job = b24.im.chat.bulk(iter(titles(100)))
        with pytest.raises(InvalidParameter, match="say `count`"):
            await job.plan()
        with pytest.raises(InvalidParameter, match="`count` is -1"):
            await job.plan(count=-1)
        with pytest.raises(InvalidParameter, match="`cost` is"):
            await job.plan(count=100, cost=-0.1)
        planned = await job.plan(count=100, cost=0.1, duration=0.1)

        assert (planned.chats, portal.hits) == (100, 0)
        assert counts(await job.run()) == {"DONE": 100}


@on_virtual_clock
async def test_a_plan_makes_no_journal_and_counts_what_one_holds(tmp_path: Path):
    path = tmp_path / "run.sqlite"
    async with scene(options={"quiescence": 600.0}) as (portal, b24):
        await b24.im.chat.bulk(keyed(100), journal=path).plan(cost=0.1, duration=0.1)
        assert not names_in(tmp_path)

        await b24.im.chat.bulk(keyed(60), journal=path).run()
        portal.faults.add(Fault(method="im.chat.add", cut=Cut.AFTER))
        await b24.im.chat.bulk([ChatSpec(key="lost")], key_is_new=True, journal=path, deadline=1).run()
        hits = portal.hits
        planned = await b24.im.chat.bulk([*keyed(100), ChatSpec(key="lost")], journal=path).plan(cost=0.1, duration=0.1)
        assert (planned.already_done, planned.unknown, planned.chats) == (60, 1, 40)
        rest = await b24.im.chat.resume(path).plan(cost=0.1, duration=0.1)
        assert (rest.already_done, rest.unknown, rest.chats) == (60, 1, 0)
        assert portal.hits == hits


@on_virtual_clock
async def test_refused_chats_are_planned_if_they_are_to_be_tried_again(tmp_path: Path):
    path = tmp_path / "run.sqlite"
    async with scene() as (portal, b24):
        portal.faults.add(Fault(method="im.chat.add", status=400, body={"error": "WRONG_REQUEST"}))
        await b24.im.chat.bulk(["Room"], journal=path).run()

        assert (await b24.im.chat.resume(path).plan()).chats == 0
        assert (await b24.im.chat.resume(path, retry_failed=True).plan()).chats == 1


@on_virtual_clock
async def test_a_transport_of_ones_own_is_planned_as_a_standard_portal():
    planned = await scripted().client().im.chat.bulk(titles(100)).plan(cost=0.1, duration=0.1)
    assert isinstance(planned, BulkPlan)
    assert planned.conditions.plan == STANDARD


class Shown:
    """Keeps what was shown, and when."""

    def __init__(self) -> None:
        self.all: list[tuple[float, Progress]] = []

    def __call__(self, progress: Progress) -> None:
        self.all.append((now(), progress))

    @property
    def last(self) -> Progress:
        return self.all[-1][1]

    @property
    def limited_by(self) -> set[str | None]:
        return {progress.limited_by for _, progress in self.all}


@on_virtual_clock
async def test_progress_is_shown_four_times_a_second_at_most_and_once_more_at_the_end():
    shown = Shown()
    async with scene(options={"max_in_flight": 2}, cost=0.1) as (_, b24):
        await b24.im.chat.bulk(titles(300)).run(progress=shown)

        moments = [moment for moment, _ in shown.all]
        assert len(moments) > 20
        assert all(later - earlier >= 0.249 for earlier, later in pairwise(moments[:-1]))
        ended = [progress.ended for _, progress in shown.all]
        assert ended == sorted(ended)
        last = shown.last
        assert (last.done, last.total, last.in_flight, last.eta, last.limited_by) == (300, 300, 0, 0.0, None)
        assert last.elapsed == pytest.approx(15, abs=3)
        assert all(progress.total == 300 for _, progress in shown.all)


@on_virtual_clock
async def test_a_short_run_shows_its_end_and_so_does_one_that_was_stopped():
    shown, stopped = Shown(), Shown()
    async with scene() as (portal, b24):
        await b24.im.chat.bulk(titles(2)).run(progress=shown)
        assert shown.last.done == 2
        portal.faults.add(Fault.overload(times=99))
        with pytest.raises(Exception, match="stopped"):
            await b24.im.chat.bulk(titles(5)).run(progress=stopped)
        assert (stopped.last.done, stopped.last.in_flight, stopped.last.total) == (0, 0, 5)


@on_virtual_clock
async def test_what_cannot_be_counted_has_a_total_once_it_has_been_read():
    shown = Shown()
    async with scene(cost=0.05) as (_, b24):

        async def slowly() -> Any:
            for title in titles(20):
                await asyncio.sleep(0.1)
                yield title

        await b24.im.chat.bulk(slowly()).run(progress=shown)
        assert shown.all[0][1].total is None
        assert shown.all[0][1].eta is None
        assert shown.last.total == 20


@on_virtual_clock
async def test_the_time_that_is_left_is_foreseen_once_the_cost_is_known():
    shown = Shown()
    async with scene(options={"limiter": fresh(STANDARD), "max_in_flight": 4}, cost=0.1) as (_, b24):
        began = now()
        await b24.im.chat.bulk(titles(1000)).run(progress=shown)
        ended = now()

        told = [(moment, progress.eta) for moment, progress in shown.all if progress.done >= 100 and progress.eta]
        assert told
        halfway = [(moment, eta) for moment, eta in told if moment < began + (ended - began) / 2]
        assert halfway
        assert all(moment + eta == pytest.approx(ended, abs=0.35 * (ended - began)) for moment, eta in halfway)


@pytest.mark.parametrize(
    ("limits", "operating_limit", "cost", "limited_by"),
    [
        (Plan(1e9, 1e8), None, 0.5, "latency"),
        (Plan(6, 1), None, 0.01, "requests"),
        (Plan(1e9, 1e8), 20, 0.2, "operating"),
    ],
)
@on_virtual_clock
async def test_progress_tells_what_the_run_waits_for(
    limits: Plan, operating_limit: float | None, cost: float, limited_by: str
):
    shown = Shown()
    options = {"limiter": fresh(limits), "operating_limit": operating_limit}
    async with scene(options=options, cost=cost, operating_limit=operating_limit) as (portal, b24):
        await b24.im.chat.bulk(titles(500), deadline=30).run(progress=shown)

        told = [progress.limited_by for _, progress in shown.all[:-1]]
        assert max(set(told), key=told.count) == limited_by
        assert portal.blocked == 0


@on_virtual_clock
async def test_a_run_whose_results_nobody_takes_waits_for_the_consumer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bitrix_chat.bulk.engine.WINDOW", 60)
    monkeypatch.setattr("bitrix_chat.bulk.lumps.LUMP", 20)
    async with scene() as (_, b24):
        creator = b24.im.chat._creator()
        specs = SpecSource(creator, titles(200))
        engine = Engine(creator, specs, Recorder(None), Options(), lambda _: None)
        results = engine.results()
        await anext(results)
        await asyncio.sleep(10)

        assert engine.limited_by == "consumer"
        assert engine.meter.snapshot(engine.limited_by).done == 60
        rest = [result async for result in results]
        assert len(rest) == 199
        assert engine.limited_by is None


@on_virtual_clock
async def test_a_portal_that_cannot_be_asked_for_its_limits_fails_the_run_and_not_the_progress():
    shown = Shown()
    async with emulated(PortalPlan.STANDARD, cost=1.0) as portal:
        b24 = portal.client(max_in_flight=2)
        running = asyncio.create_task(b24.im.chat.bulk(titles(100)).run(progress=shown))
        await asyncio.sleep(0.5)
        await b24.close(grace=30)
        with pytest.raises(Exception, match="the client was closed"):
            await running

        assert shown.last.in_flight == 0
