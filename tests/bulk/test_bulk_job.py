"""A run from its first spec to its report: each id at its spec, a stop that is one, and nothing left behind."""

import asyncio
import logging
import random
import threading
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bitrix_chat import (
    BitrixChat,
    BitrixError,
    BulkFailures,
    BulkJob,
    BulkState,
    BulkStopped,
    ChatNotCreated,
    ChatSpec,
    ClientClosed,
    ConnectionLost,
    InvalidParameter,
    JournalInUse,
    Outcome,
    OutcomeUnknown,
    Plan,
    Progress,
    RestError,
    WrongEventLoop,
)
from bitrix_chat.bulk import engine, lumps
from bitrix_chat.portal import Cut, Fault
from bitrix_chat.rest.request import Exchange, Request, Response
from bitrix_chat.testing import ScriptedTransport, VirtualClockLoop, on_virtual_clock
from tests.bulk.bulk_scenes import (
    ADD,
    GET,
    belong,
    counts,
    emulated,
    fresh,
    keyed,
    now,
    scene,
    scripted,
    states,
    titles,
    until,
)

LEAVES_ALONE = "Room $result[a][b]"
"""A title that no batch can carry, so that a fault of `im.chat.add` meets this chat and no other."""
REFUSED = Fault(method=ADD, status=400, body={"error": "WRONG_REQUEST", "error_description": "Chat can't be created"})
BATCH_LOST = Fault(method="batch", cut=Cut.AFTER)


def others() -> set["asyncio.Task[Any]"]:
    """The tasks besides the present one."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


async def settled(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def refusing(*titles: str) -> ScriptedTransport:
    """A portal that refuses some titles and numbers all other chats."""
    numbers = count(1)

    def add(request: Request) -> Any:
        if request.params["TITLE"] in titles:
            return ChatNotCreated("Chat can't be created", code="WRONG_REQUEST")
        return next(numbers)

    return scripted(add)


class SlowTransport:
    """Takes a second for each chat, some at a time, and counts what runs."""

    def __init__(self, at_a_time: int = 10, failing: str | None = None) -> None:
        self.slots = asyncio.Semaphore(at_a_time)
        self.failing = failing
        self.sent: list[str] = []

    async def send(self, exchange: Exchange) -> Response:
        async with self.slots:
            title = exchange.request.params["TITLE"]
            if exchange.announce is not None:
                await exchange.announce([exchange])
            self.sent.append(title)
            exchange.outcome = Outcome.UNKNOWN
            await asyncio.sleep(1.0)
            if title == self.failing:
                error = ChatNotCreated("Chat can't be created")
                exchange.fail(error)
                raise error
            exchange.succeed(Response(len(self.sent)))
            return Response(len(self.sent))

    def job(self, specs: Any, **options: Any) -> BulkJob[int]:
        return BitrixChat.over(self).im.chat.bulk(specs, **options)


@on_virtual_clock
async def test_one_of_a_hundred_is_refused_and_99_ids_come_in_input_order():
    specs = titles(100)
    specs[42] = LEAVES_ALONE
    async with scene() as (portal, b24):
        portal.faults.add(REFUSED)
        results = [result async for result in b24.im.chat.bulk(specs, order="input")]

        assert [result.index for result in results] == list(range(100))
        assert [result.index for result in results if result.state is not BulkState.DONE] == [42]
        assert isinstance(results[42].error, RestError)
        assert (results[42].error.code, results[42].error.outcome) == ("WRONG_REQUEST", Outcome.REFUSED)
        assert belong(portal, [result for result in results if result.state is BulkState.DONE])
        assert len(portal.chats) == 99


@on_virtual_clock
async def test_the_failures_are_one_group_that_names_the_chats():
    report = await refusing("Room 3").client().im.chat.bulk(titles(5)).run()
    with pytest.raises(BulkFailures, match="5 chats: 4 done, 1 failed") as caught:
        report.raise_for_failures()

    [error] = caught.value.exceptions
    assert isinstance(error, ChatNotCreated)
    assert "chat 3 of the input" in error.__notes__
    assert caught.value.report is report


@pytest.mark.parametrize("order", ["completion", "input"])
@pytest.mark.parametrize("seed", [1, 2])
@on_virtual_clock
async def test_every_id_belongs_to_its_spec_whatever_becomes_of_requests(seed: int, order: Any):
    dice = random.Random(seed)  # noqa: S311  # of a test
    trouble = [
        Fault(method="batch", cut=Cut.AFTER),
        Fault(method="batch", cut=Cut.BEFORE),
        Fault(method="batch", cut=Cut.TRUNCATE),
        Fault(method="batch", delay=5.0),
        Fault.html_502(method="batch"),
        Fault.html_502(method="batch", executed=True),
        Fault.query_limit(method="batch"),
    ]
    dice.shuffle(trouble)
    async with scene(cost=0.02, execution_limit=60.0) as (portal, b24):
        portal.faults.add(*(Fault(**{**_fields(each), "nth": dice.randint(1, 3)}) for each in trouble))
        job = b24.im.chat.bulk(keyed(300), order=order)
        results = [result async for result in job]

        assert counts(job.report) == {"DONE": 300}
        assert belong(portal, results)
        assert len(portal.chats) == 300
        assert len(portal.faults) == 0
        assert order == "completion" or [result.index for result in results] == list(range(300))


def _fields(fault: Fault) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in ("method", "status", "body", "delay", "cut", "execute")}


@on_virtual_clock
async def test_keyless_chats_of_a_lost_request_are_unknown_and_all_others_are_told_apart():
    async with scene() as (portal, b24):
        portal.faults.add(BATCH_LOST)
        report = await b24.im.chat.bulk(titles(100)).run()

        assert belong(portal, report.done)
        assert len(portal.chats) == 100 == len(report)
        assert 0 < len(report.unknown) <= 50
        lost = {result.spec.title for result in report.unknown}
        done = {chat.id for chat in portal.chats.values() if chat.title not in lost}
        assert done == {result.chat_id for result in report.done}
        for result in report.unknown:
            assert isinstance(result.error, OutcomeUnknown)
            assert result.error.sent_at is not None
            assert result.error.host == portal.url.removeprefix("http://")
            assert (result.chat_id, result.attempts) == (None, 1)


@on_virtual_clock
async def test_a_keyed_chat_whose_answer_is_lost_is_found_within_the_run():
    async with scene() as (portal, b24):
        portal.faults.add(BATCH_LOST, Fault(method="batch", cut=Cut.BEFORE))
        report = await b24.im.chat.bulk(keyed(100), key_is_new=True).run()

        assert counts(report) == {"DONE": 100}
        assert len(portal.chats) == 100
        assert belong(portal, report.done)
        found = [result for result in report.done if result.elapsed > 1]
        assert found
        assert {result.attempts for result in report.done} == {1, 2}  # what was cut before it ran was sent again


@on_virtual_clock
async def test_an_unknown_chat_can_be_told_from_others_by_its_marker():
    async with scene(options={"quiescence": 600.0}) as (portal, b24):
        portal.faults.add(Fault(method=ADD, cut=Cut.BEFORE))
        report = await b24.im.chat.bulk(keyed(1), key_is_new=True, deadline=30).run()

        [unknown] = report.unknown
        assert isinstance(unknown.error, OutcomeUnknown)
        assert (unknown.error.marker, unknown.key) == ("room-0", "room-0")


@on_virtual_clock
async def test_after_a_failure_nothing_more_is_sent_and_what_flies_lands():
    transport = SlowTransport(failing="Room 5")
    report = await transport.job(titles(100), on_error="stop").run()

    assert len(transport.sent) <= 11  # as it ends, the next one takes its place before anybody knows
    assert len(report) == 100
    assert [result.index for result in report.failed] == [5]
    assert len(report.done) == len(transport.sent) - 1
    assert {result.index for result in report.not_started} == set(range(len(transport.sent), 100))
    assert all(result.error is None for result in report.not_started)
    assert report.is_complete


@on_virtual_clock
async def test_a_refusal_stops_the_whole_stack_as_well():
    specs = titles(200)
    specs[0] = LEAVES_ALONE
    async with scene(options={"max_in_flight": 2}, cost=0.1) as (portal, b24):
        portal.faults.add(REFUSED)
        report = await b24.im.chat.bulk(specs, on_error="stop").run()

        assert len(portal.chats) == len(report.done) < 50
        assert (len(report.failed), len(report)) == (1, 200)
        assert belong(portal, report.done)
        hits = portal.hits
        await asyncio.sleep(100)
        assert portal.hits == hits


@on_virtual_clock
async def test_a_wrong_spec_stops_a_run_that_stops_at_failures():
    async with scene() as (portal, b24):
        report = await b24.im.chat.bulk([{"tittle": "Room"}, *titles(5)], on_error="stop").run()

        assert counts(report) == {"FAILED": 1, "NOT_STARTED": 5}
        assert portal.hits == 0


@on_virtual_clock
async def test_many_that_were_not_begun_yet_end_with_the_failure_that_stops_the_run():
    report = await refusing("Room 0").client().im.chat.bulk(titles(5000), on_error="stop").run()

    assert len(report) == 5000
    assert [result.index for result in report.failed] == [0]
    assert set(states(report.results[1:])) <= {BulkState.DONE, BulkState.NOT_STARTED}


@on_virtual_clock
async def test_a_lost_answer_is_looked_up_and_not_sent_again_once_the_run_stops():
    specs = [*keyed(1), ChatSpec(title=LEAVES_ALONE)]
    async with scene() as (portal, b24):
        portal.faults.add(Fault(**{**_fields(REFUSED), "delay": 3.0}), Fault(method=ADD, cut=Cut.BEFORE))
        report = await b24.im.chat.bulk(specs, key_is_new=True, on_error="stop").run()

        assert states(report.results) == [BulkState.NOT_STARTED, BulkState.FAILED]
        assert not portal.chats
        assert [received.method for received in portal.requests].count(ADD) == 2


@on_virtual_clock
async def test_what_has_not_left_at_the_deadline_is_not_started():
    async with scene(options={"max_in_flight": 1, "limiter": fresh(Plan(4, 1))}) as (portal, b24):
        began = now()
        report = await b24.im.chat.bulk(titles(2000), deadline=10).run()

        assert now() - began == pytest.approx(10, abs=1.1)
        assert len(report) == 2000
        assert len(portal.chats) == len(report.done) > 100
        assert counts(report).keys() == {"DONE", "NOT_STARTED"}
        assert belong(portal, report.done)
        assert report.is_complete


@on_virtual_clock
async def test_what_flies_at_the_deadline_may_be_there():
    async with scene(cost=30.0) as (portal, b24):
        began = now()
        report = await b24.im.chat.bulk(titles(3), deadline=10).run()

        assert now() - began == pytest.approx(10, abs=0.1)
        assert counts(report) == {"UNKNOWN": 3}
        for result in report.unknown:
            assert isinstance(result.error, OutcomeUnknown)
            assert result.error.sent_at is not None
        await asyncio.sleep(30)
        assert len(portal.chats) == 3


@on_virtual_clock
async def test_a_timeout_of_the_client_is_meant_for_single_calls():
    async with scene(options={"timeout": 5.0, "max_in_flight": 1, "coalesce": False}, cost=1.0) as (portal, b24):
        report = await b24.im.chat.bulk(titles(20)).run()

        assert counts(report) == {"DONE": 20}
        assert len(portal.chats) == 20


@on_virtual_clock
async def test_a_deadline_stops_the_pulling_of_endless_specs():
    async with scene(options={"limiter": fresh(Plan(4, 1))}) as (portal, b24):
        job = b24.im.chat.bulk((f"Room {number}" for number in count()), deadline=5)
        report = await job.run()

        assert len(report.done) == len(portal.chats) > 0
        assert not report.is_complete


class Feed:
    """Specs that come when somebody has some; the next may never come."""

    def __init__(self, *first: str) -> None:
        self.first, self.was_closed = first, False

    async def specs(self) -> AsyncIterator[str]:
        try:
            for title in self.first:
                yield title
            await asyncio.Event().wait()
        finally:
            self.was_closed = True


@pytest.mark.parametrize("how", ["cancel", "deadline", "on_error", "close"])
@on_virtual_clock
async def test_a_run_whose_next_spec_never_comes_can_be_ended(how: str):
    feed, transport = Feed(*titles(5)), SlowTransport(failing="Room 3" if how == "on_error" else None)
    options: dict[str, Any] = {"deadline": {"deadline": 10}, "on_error": {"on_error": "stop"}}.get(how, {})
    job = transport.job(feed.specs(), **options)
    running = asyncio.create_task(job.run())
    await asyncio.sleep(5)
    if how == "cancel":
        await job.cancel()
    if how == "close":
        running.cancel()
    await asyncio.wait([running])

    assert now() <= 1010
    assert counts(job.report) == {"DONE": 4, "FAILED": 1} if how == "on_error" else {"DONE": 5}
    assert not job.report.is_complete
    assert feed.was_closed
    assert not others()


@pytest.mark.parametrize("drain", [True, False])
@on_virtual_clock
async def test_a_run_is_cancelled_from_another_task(drain):
    transport = SlowTransport()
    job = transport.job(titles(100))
    running = asyncio.create_task(job.run())
    await asyncio.sleep(0.5)
    began = now()
    await job.cancel(drain=drain)

    assert now() - began == pytest.approx(0.5 if drain else 0.0, abs=0.01)
    report = await running
    assert counts(report) == {"DONE" if drain else "UNKNOWN": 10, "NOT_STARTED": 90}
    assert len(transport.sent) == 10
    assert all(isinstance(result.error, OutcomeUnknown) for result in report.unknown)
    assert all("stopped before the answer" in str(result.error) for result in report.unknown)


@on_virtual_clock
async def test_a_second_cancel_may_give_up_what_the_first_waits_for():
    job = SlowTransport().job(titles(100))
    running = asyncio.create_task(job.run())
    await asyncio.sleep(0.5)
    first = asyncio.create_task(job.cancel())
    await asyncio.sleep(0.1)
    began = now()
    await asyncio.gather(job.cancel(drain=False), first, running)

    assert now() == began
    assert counts(job.report) == {"UNKNOWN": 10, "NOT_STARTED": 90}
    await job.cancel()  # and once it has ended, there is nothing to do


@pytest.mark.parametrize("specs", [titles(10), iter(titles(10))], ids=["list", "iterator"])
@on_virtual_clock
async def test_a_job_that_is_cancelled_before_it_begins_sends_nothing(specs: Any):
    transport = SlowTransport()
    job = transport.job(specs)
    await job.cancel()
    report = await job.run()

    assert not transport.sent
    assert counts(report).keys() == {"NOT_STARTED"}
    assert len(report) == 10 if report.is_complete else 1


@on_virtual_clock
async def test_a_job_is_cancelled_as_it_begins():
    transport = SlowTransport()
    job = transport.job(titles(10))
    running = asyncio.create_task(job.run())
    await asyncio.sleep(0)
    await job.cancel()

    assert running.done() or not others() - {running}
    assert counts(await running) == {"NOT_STARTED": 10}


@pytest.mark.parametrize("drain", [True, False])
@on_virtual_clock
async def test_whoever_iterates_may_cancel_and_still_gets_what_is_left(drain):
    transport = SlowTransport()
    job = transport.job(titles(100))
    results = []
    async for result in job:
        results.append(result)
        if len(results) == 15:
            await job.cancel(drain=drain)

    assert len(results) == 100
    sent, ended = len(transport.sent), {BulkState.DONE} if drain else {BulkState.DONE, BulkState.UNKNOWN}
    assert sum(result.state in ended for result in results) == sent <= 30
    assert states(results).count(BulkState.NOT_STARTED) == 100 - sent


def _home_of(task: "asyncio.Task[Any]") -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return Path(code.co_filename).parent.name if code is not None else repr(task.get_coro())


@on_virtual_clock
async def test_leaving_the_loop_leaves_no_task_and_no_slot_behind(tmp_path: Any):
    limiter = fresh(Plan(1000, 1e-6))
    async with scene(options={"limiter": limiter}, cost=1.0) as (portal, b24):
        job = b24.im.chat.bulk(titles(1000), journal=tmp_path / "run.sqlite")
        async for _ in job:
            break
        for _ in range(100):
            await asyncio.sleep(0.01)

        assert not [task for task in others() if _home_of(task) == "bulk"]
        assert not any("bulk" in thread.name or "journal" in thread.name for thread in threading.enumerate())
        assert len(job.report) > 0
        assert round(limiter.plan.burst) - limiter.free() == pytest.approx(portal.hits, abs=1)
        again = await b24.im.chat.resume(tmp_path / "run.sqlite", deadline=0.001).run()  # the lease is free
        assert counts(again).get("UNKNOWN", 0) <= 16 * 50
        await asyncio.sleep(60)
        assert len(portal.chats) < 1000


@on_virtual_clock
async def test_closing_the_iteration_ends_all_at_once_and_tells_what_may_be_there():
    transport = SlowTransport()
    job = transport.job(titles(100))
    results: Any = aiter(job)
    await anext(results)
    before = now()
    await results.aclose()

    assert now() == before
    assert not others()
    assert job.report.counts[BulkState.NOT_STARTED] == 100 - len(transport.sent)
    assert job.report.counts[BulkState.UNKNOWN] == len(transport.sent) - job.report.counts[BulkState.DONE] > 0
    assert [result.state for result in job.report.results].count(BulkState.DONE) == 0  # whoever took them has them


@on_virtual_clock
async def test_a_result_that_came_in_the_turn_of_the_cancellation_is_not_lost():
    transport = SlowTransport(at_a_time=100)
    job = transport.job(titles(20))
    running = asyncio.create_task(job.run())
    await asyncio.sleep(0.5)
    asyncio.get_running_loop().call_at(now() + 0.5, running.cancel)
    with pytest.raises(asyncio.CancelledError):
        await running

    assert len(job.report) == 20
    assert set(states(job.report.results)) <= {BulkState.DONE, BulkState.UNKNOWN}
    assert not others()


@on_virtual_clock
async def test_a_cancelled_run_keeps_its_report_and_frees_its_journal(tmp_path: Any):
    async with scene(cost=0.05) as (portal, b24):
        job = b24.im.chat.bulk(keyed(300), journal=tmp_path / "run.sqlite")
        running = asyncio.create_task(job.run())
        await until(lambda: len(job.report.done) >= 50)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert len(job.report.done) >= 50
        assert len(job.report) == 300
        report = await b24.im.chat.resume(tmp_path / "run.sqlite").run()
        assert counts(report).keys() == {"DONE", "SKIPPED"}
        assert len(report) == len(portal.chats) == 300
        assert belong(portal, report.results)


@on_virtual_clock
async def test_a_run_that_is_cancelled_twice_still_ends_cleanly():
    transport = SlowTransport()
    job = transport.job(titles(50))
    running = asyncio.create_task(job.run())
    await asyncio.sleep(0.5)
    running.cancel()
    asyncio.get_running_loop().call_soon(running.cancel)
    with pytest.raises(asyncio.CancelledError):
        await running

    assert not others()
    assert len(job.report) == 50
    await job.cancel()


@on_virtual_clock
async def test_a_timeout_around_a_run_is_the_callers():
    job = SlowTransport().job(titles(50))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await job.run()

    assert counts(job.report) == {"DONE": 10, "UNKNOWN": 10, "NOT_STARTED": 30}


@on_virtual_clock
async def test_a_job_runs_once():
    job = scripted().client().im.chat.bulk(titles(3))
    await job.run()
    with pytest.raises(RuntimeError, match="make another one"):
        await job.run()
    with pytest.raises(RuntimeError, match="make another one"):
        async for _ in job:
            pass

    assert counts(job.report) == {"DONE": 3}


@on_virtual_clock
async def test_a_second_run_at_the_same_time_does_not_disturb_the_first():
    job = SlowTransport().job(titles(20))
    running = asyncio.create_task(job.run())
    await asyncio.sleep(0.5)
    with pytest.raises(RuntimeError, match="make another one"):
        await job.run()

    assert counts(await running) == {"DONE": 20}


@on_virtual_clock
async def test_reconciling_a_job_that_runs_is_refused():
    job = SlowTransport().job(titles(20))
    running = asyncio.create_task(job.run())
    await asyncio.sleep(0.5)
    with pytest.raises(RuntimeError, match="reconcile afterwards"):
        await job.reconcile()
    await running


class Flood(Exception):
    """What a program of the user's may raise."""


@pytest.mark.parametrize("has_journal", [False, True], ids=["alone", "with a journal"])
@on_virtual_clock
async def test_specs_that_fail_stop_the_run_and_what_was_sent_is_told(has_journal, tmp_path: Any):
    def failing() -> Iterator[str]:
        yield from titles(450)
        raise Flood("the cellar is under water")

    async with scene(cost=0.01) as (portal, b24):
        job = b24.im.chat.bulk(failing(), journal=tmp_path / "run.sqlite" if has_journal else None)
        with pytest.raises(BulkStopped, match="the cellar is under water") as caught:
            await job.run()

        assert isinstance(caught.value.__cause__, Flood)
        assert caught.value.report is job.report
        assert counts(job.report).keys() <= {"DONE", "NOT_STARTED"}
        assert len(portal.chats) == len(job.report.done)
        assert 400 <= len(job.report) <= 450
        assert not job.report.is_complete
        assert "did not come to its end" in str(caught.value)
        assert portal.hits > 0 or not job.report.done


@on_virtual_clock
async def test_an_async_iterator_that_fails_stops_the_run_and_is_seen_by_whoever_iterates():
    async def failing() -> AsyncIterator[str]:
        yield "Room 0"
        await asyncio.sleep(5)
        raise Flood("the cellar is under water")

    job = scripted().client().im.chat.bulk(failing())
    results: Any = aiter(job)
    assert (await anext(results)).state is BulkState.DONE
    with pytest.raises(BulkStopped) as caught:
        await anext(results)

    assert isinstance(caught.value.__cause__, Flood)


@on_virtual_clock
async def test_a_key_function_that_fails_stops_the_run():
    def key_of(spec: ChatSpec) -> str:
        if spec.title == "Room 7":
            raise Flood("no key")
        return f"key of {spec.title}"

    async with scene() as (_, b24):
        with pytest.raises(BulkStopped, match="no key") as caught:
            await b24.im.chat.bulk(titles(20), key=key_of).run()

        assert isinstance(caught.value.__cause__, Flood)


@on_virtual_clock
async def test_a_transport_that_fails_in_its_own_way_stops_the_run_and_loses_no_result():
    def add(request: Request) -> Any:
        if request.params["TITLE"] == "Room 7":
            raise Flood("the line is down")
        return 1

    job = scripted(add).client().im.chat.bulk(titles(20), order="input")
    with pytest.raises(BulkStopped, match="the line is down") as caught:
        await job.run()

    assert isinstance(caught.value.__cause__, Flood)
    assert len(job.report) == 20
    assert job.report.results[7].state is BulkState.NOT_STARTED


@on_virtual_clock
async def test_a_limiter_of_the_users_that_fails_stops_the_run():
    class Failing:
        def __getattr__(self, name: str) -> Any:
            raise Flood("no permit")

        def try_acquire(self) -> bool:
            raise Flood("no permit")

        async def acquire(self) -> None: ...
        def release(self) -> None: ...
        def free(self) -> int:
            return 5

        def wait(self, position: int) -> float:
            return 0.0

        def refuse(self, sent_at: float) -> None: ...

    async with scene(options={"limiter": Failing()}) as (portal, b24):
        job = b24.im.chat.bulk(titles(20))
        with pytest.raises(BulkStopped, match="no permit"):
            await job.run()

        assert counts(job.report) == {"NOT_STARTED": 20}
        assert portal.hits == 0


@on_virtual_clock
async def test_closing_the_client_stops_the_run_and_what_flies_lands():
    async with emulated(cost=1.0) as portal:
        b24 = portal.client(limiter=fresh(), max_in_flight=4)
        job = b24.im.chat.bulk(titles(200))
        running = asyncio.create_task(job.run())
        await asyncio.sleep(0.5)
        await b24.close(grace=60)
        with pytest.raises(BulkStopped) as caught:
            await running

        assert isinstance(caught.value.__cause__, ClientClosed)
        assert counts(job.report).keys() == {"DONE", "NOT_STARTED"}
        assert len(portal.chats) == len(job.report.done) > 0
        assert len(job.report) == 200


@on_virtual_clock
async def test_what_does_not_land_before_the_client_is_closed_is_unknown():
    async with emulated(cost=5.0) as portal:
        b24 = portal.client(limiter=fresh(), max_in_flight=4)
        job = b24.im.chat.bulk(titles(60))
        running = asyncio.create_task(job.run())
        await asyncio.sleep(0.5)
        await b24.close(grace=0.1)
        with pytest.raises(BulkStopped):
            await running

        assert counts(job.report).keys() == {"UNKNOWN", "NOT_STARTED"}
        assert belong(portal, job.report.done)


def test_a_client_of_another_event_loop_sends_nothing():
    async def used(b24: BitrixChat) -> Any:
        job = b24.im.chat.bulk(titles(20))
        with pytest.raises(BulkStopped) as caught:
            await job.run()
        assert isinstance(caught.value.__cause__, WrongEventLoop)
        return job.report

    with asyncio.Runner(loop_factory=VirtualClockLoop) as home, asyncio.Runner(loop_factory=VirtualClockLoop) as away:
        portal = emulated()
        home.run(portal.start())
        b24 = portal.client()
        home.run(_awaited(b24.server.time()))
        assert counts(away.run(used(b24))) == {"NOT_STARTED": 20}
        home.run(b24.close())
        home.run(portal.stop())


async def _awaited(call: Any) -> Any:
    return await call


@on_virtual_clock
async def test_two_jobs_of_one_client_share_its_queue():
    async with scene(cost=0.01) as (portal, b24):
        one, other = b24.im.chat.bulk(titles(150)), b24.im.chat.bulk(keyed(150))
        reports = await asyncio.gather(one.run(), other.run())

        assert [counts(report) for report in reports] == [{"DONE": 150}] * 2
        assert len(portal.chats) == 300
        assert all(belong(portal, report.done) for report in reports)


@on_virtual_clock
async def test_two_jobs_with_the_same_keys_make_each_chat_once():
    async with scene(cost=0.01) as (portal, b24):
        reports = await asyncio.gather(*(b24.im.chat.bulk(keyed(100)).run() for _ in range(2)))

        assert [counts(report) for report in reports] == [{"DONE": 100}] * 2
        assert len(portal.chats) == 100


@on_virtual_clock
async def test_whoever_waits_for_a_key_of_a_job_that_stops_gets_the_chat_all_the_same():
    async with scene(options={"max_in_flight": 1}, cost=1.0) as (portal, b24):
        first = asyncio.create_task(b24.im.chat.bulk(["Room"]).run())
        await asyncio.sleep(0.5)
        job = b24.im.chat.bulk(keyed(1), key_is_new=True)
        running = asyncio.create_task(job.run())
        await asyncio.sleep(0.1)
        plain = asyncio.create_task(b24.im.chat.add(title="Room 0", key="room-0", key_is_new=True))
        await asyncio.sleep(0.1)
        await job.cancel()

        assert counts(await running) == {"NOT_STARTED": 1}
        assert portal.chats[await plain].title == "Room 0"
        await first


@on_virtual_clock
async def test_a_journal_that_another_job_has_is_refused_and_nothing_is_sent(tmp_path: Any):
    async with scene(cost=5.0) as (portal, b24):
        first = asyncio.create_task(b24.im.chat.bulk(titles(10), journal=tmp_path / "run.sqlite").run())
        await asyncio.sleep(0.2)
        with pytest.raises(JournalInUse):
            await b24.im.chat.bulk(titles(10), journal=tmp_path / "run.sqlite").run()

        assert counts(await first) == {"DONE": 10}
        assert len(portal.chats) == 10


@on_virtual_clock
async def test_a_progress_function_that_fails_is_only_logged(caplog: pytest.LogCaptureFixture):
    def fail(_: Progress) -> None:
        raise Flood("no terminal")

    with caplog.at_level(logging.ERROR, "bitrix_chat"):
        report = await scripted().client().im.chat.bulk(titles(3)).run(progress=fail)

    assert counts(report) == {"DONE": 3}
    assert "`progress` failed" in caplog.text


@on_virtual_clock
async def test_results_tell_how_long_each_has_taken_and_how_often_it_left():
    async with scene(options={"max_in_flight": 1}, cost=0.5) as (_, b24):
        report = await b24.im.chat.bulk(titles(3)).run()

        assert [result.attempts for result in report.done] == [1, 1, 1]
        assert all(result.elapsed >= 0.5 for result in report.done)
        assert max(result.elapsed for result in report.done) == pytest.approx(1.5, abs=0.1)


@on_virtual_clock
async def test_a_transport_of_ones_own_creates_what_it_is_asked_for_and_looks_nothing_up():
    transport = refusing("Room 1")
    job = transport.client().im.chat.bulk(keyed(3))
    report = await job.run()

    assert states(report.results) == [BulkState.DONE, BulkState.FAILED, BulkState.DONE]
    assert [request.method for request in transport.requests] == [ADD] * 3
    lost = scripted(lambda _: ConnectionLost("gone")).client().im.chat.bulk(keyed(1))
    assert counts(await lost.run()) == {"UNKNOWN": 1}
    [unknown] = (await lost.reconcile()).unknown
    assert isinstance(unknown.error, BitrixError)
    assert "looks nothing up" in str(unknown.error)
    assert (await job.plan(cost=0.1, duration=0.1)).chats == 3


@on_virtual_clock
async def test_reconciling_without_a_journal_finds_what_this_job_has_left_open_and_creates_nothing():
    async with scene() as (portal, b24):
        portal.faults.add(Fault(method="batch", cut=Cut.AFTER, times=99), Fault(method=ADD, cut=Cut.AFTER, times=99))
        job = b24.im.chat.bulk([*keyed(40), *titles(10)], key_is_new=True, deadline=1)
        await job.run()
        portal.faults.clear()
        created = portal.executions[ADD]
        assert len(job.report.unknown) == 50
        report = await job.reconcile()

        assert report is job.report
        assert portal.executions[ADD] == created == 50
        assert counts(report) == {"DONE": 40, "UNKNOWN": 10}
        assert belong(portal, report.done)
        assert portal.executions[GET] <= 80


@on_virtual_clock
async def test_reconciling_tells_what_surely_did_not_run():
    async with scene(options={"quiescence": 30.0}) as (portal, b24):
        portal.faults.add(Fault(method=ADD, cut=Cut.BEFORE))
        job = b24.im.chat.bulk(keyed(1), key_is_new=True, deadline=1)
        await job.run()
        began = now()
        report = await job.reconcile()

        assert counts(report) == {"NOT_STARTED": 1}
        assert now() - began == pytest.approx(29, abs=1)
        assert not portal.chats


@on_virtual_clock
async def test_the_jobs_name_tells_how_far_it_is():
    job = scripted().client().im.chat.bulk(titles(3))
    assert repr(job) == "<BulkJob im.chat.add: 0 chats; the run did not come to its end>"
    await job.run()
    assert repr(job) == "<BulkJob im.chat.add: 3 chats: 3 done>"


@on_virtual_clock
async def test_the_window_is_not_widened_by_the_order_of_the_input(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "WINDOW", 60)
    monkeypatch.setattr(lumps, "LUMP", 20)
    pulled = 0

    def counted() -> Iterator[str]:
        nonlocal pulled
        for pulled, title in enumerate(titles(500), 1):  # noqa: B007  # read outside
            yield title

    class FirstIsLast(SlowTransport):
        async def send(self, exchange: Exchange) -> Response:
            if exchange.request.params["TITLE"] == "Room 0":
                await asyncio.sleep(100)
            return await super().send(exchange)

    job = FirstIsLast(at_a_time=100).job(counted(), order="input")
    running = asyncio.create_task(job.run())
    await asyncio.sleep(90)
    assert pulled <= 61
    report = await running

    assert counts(report) == {"DONE": 500}


@on_virtual_clock
async def test_an_option_that_is_wrong_for_a_call_is_that_chats_failure():
    report = await scripted().client().im.chat.bulk([ChatSpec(title="Room", entity="HARBOUR")]).run()  # type: ignore[arg-type]
    assert isinstance(report.failed[0].error, InvalidParameter)
