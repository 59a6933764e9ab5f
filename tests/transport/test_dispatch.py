"""The queue before the portal, with everything below it faked, on virtual time."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat import Plan
from bitrix_chat.errors import (
    AccessDenied,
    BitrixError,
    ClientClosed,
    ConnectionLost,
    DeadlineExceeded,
    ExpiredToken,
    OperationTimeLimit,
    Outcome,
    PortalOverloaded,
    PortalUnreachable,
    QueryLimitExceeded,
    ReauthorizationRequired,
    TokenRefreshFailed,
)
from bitrix_chat.limits import MemoryRateLimiter
from bitrix_chat.rest.request import Exchange, Request, Response
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.announcing import Announcing
from bitrix_chat.transport.dispatch import Dispatch
from bitrix_chat.transport.retrying import Retrying, RetryPolicy
from tests.transport.fakes import UNLIMITED, FakeSigning, exchange, in_turn


def dispatch(signing: FakeSigning, plan: Plan = UNLIMITED, **options: Any) -> Dispatch:
    return Dispatch(signing, limiter=MemoryRateLimiter(plan), **options)  # type: ignore[arg-type]


def start(queue: Dispatch, *exchanges: Any) -> list[asyncio.Task[Response]]:
    return [asyncio.create_task(queue.send(item)) for item in exchanges]


@on_virtual_clock
async def test_each_caller_gets_its_own_answer_and_the_calls_leave_in_order():
    signing = FakeSigning()
    queue = dispatch(signing)

    answers = await asyncio.gather(*start(queue, *map(exchange, range(100))))

    assert [answer.result for answer in answers] == list(range(100))
    assert signing.sent == list(range(100))
    assert signing.most_flying == 16


@on_virtual_clock
async def test_calls_wait_for_the_limiter_in_order():
    signing, loop = FakeSigning(seconds=0), asyncio.get_running_loop()
    queue, began = dispatch(signing, Plan(14, 2)), asyncio.get_running_loop().time()

    await asyncio.gather(*start(queue, *map(exchange, range(20))))

    assert signing.sent == list(range(20))
    assert loop.time() - began == pytest.approx(5.0)


@on_virtual_clock
async def test_a_query_limit_puts_the_call_back_at_the_head_and_pauses_everyone():
    signing = FakeSigning(in_turn(QueryLimitExceeded("Too many requests")))
    queue = dispatch(signing, max_in_flight=1)

    answers = await asyncio.gather(*start(queue, *map(exchange, range(3))))

    assert [answer.result for answer in answers] == [0, 1, 2]
    assert signing.sent == [0, 0, 1, 2]


@on_virtual_clock
async def test_refused_calls_return_before_later_ones_in_their_own_order():
    refusals = iter([QueryLimitExceeded()] * 4)
    signing = FakeSigning(lambda request: next(refusals, None) or request.params["number"])
    queue = dispatch(signing, max_in_flight=4)

    await asyncio.gather(*start(queue, *map(exchange, range(8))))

    assert signing.sent == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7]


@on_virtual_clock
async def test_an_expired_token_is_renewed_once_a_call_and_nothing_leaves_meanwhile():
    signing = FakeSigning(in_turn(ExpiredToken(), ExpiredToken()))
    queue = dispatch(signing, max_in_flight=2)
    tasks = start(queue, *map(exchange, range(4)))
    await asyncio.sleep(3)

    assert signing.sent == [0, 1]
    answers = await asyncio.gather(*tasks)
    assert [answer.result for answer in answers] == [0, 1, 2, 3]
    assert signing.sent == [0, 1, 0, 1, 2, 3]


@on_virtual_clock
async def test_a_token_that_expires_again_right_after_its_renewal_is_refused():
    signing = FakeSigning(in_turn(ExpiredToken("expired"), ExpiredToken("expired")))
    item = exchange()

    with pytest.raises(ExpiredToken) as caught:
        await dispatch(signing).send(item)

    assert caught.value.outcome is item.outcome is Outcome.REFUSED
    assert signing.renewals == 1


@on_virtual_clock
async def test_a_failed_renewal_reaches_the_calls_that_need_it_and_the_next_goes_on():
    signing = FakeSigning(in_turn(ExpiredToken()))
    signing.renewing = lambda: TokenRefreshFailed("the server is away")
    queue = dispatch(signing)

    with pytest.raises(TokenRefreshFailed):
        await queue.send(exchange())

    assert (await queue.send(exchange(7))).result == 7


@on_virtual_clock
async def test_one_refused_call_does_not_fail_its_neighbours():
    signing = FakeSigning(lambda request: AccessDenied("no") if request.params["number"] == 1 else 1)

    results = await asyncio.gather(*start(dispatch(signing), *map(exchange, range(3))), return_exceptions=True)

    assert [type(result) for result in results] == [Response, AccessDenied, Response]


@on_virtual_clock
async def test_a_call_that_never_left_gives_its_slot_back():
    signing = FakeSigning(in_turn(PortalUnreachable("no route")), seconds=0)
    queue, began = dispatch(signing, Plan(5, 2)), asyncio.get_running_loop().time()

    with pytest.raises(PortalUnreachable):
        await queue.send(exchange())
    await queue.send(exchange())

    assert asyncio.get_running_loop().time() == began


@on_virtual_clock
async def test_a_method_that_met_its_operating_limit_lets_the_others_pass():
    signing = FakeSigning(in_turn(OperationTimeLimit()), seconds=0)
    queue, loop = dispatch(signing), asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(OperationTimeLimit):
        await queue.send(exchange())

    blocked = asyncio.create_task(queue.send(exchange(1)))
    await queue.send(exchange(2, "im.chat.get"))

    assert loop.time() == began
    await blocked
    assert loop.time() - began == pytest.approx(60)


@on_virtual_clock
async def test_operating_times_inside_a_batch_count_for_the_nested_methods():
    time = {"operating": 479, "operating_reset_at": 900, "finish": 300, "duration": 5}
    batch = Request("batch", {"cmd": {"a": "im.chat.add?TITLE=x"}})
    signing = FakeSigning(
        lambda request: {"result": {"a": 1}, "result_time": {"a": time}} if request == batch else 1, 0
    )
    queue, loop = dispatch(signing), asyncio.get_running_loop()
    item = exchange()
    item.request = batch
    await queue.send(item)
    began = loop.time()

    await queue.send(exchange(1, "im.chat.get"))
    await queue.send(exchange(2, "im.chat.add"))

    assert loop.time() - began == pytest.approx(600)


@on_virtual_clock
async def test_a_command_refused_for_its_operating_time_holds_its_method_back():
    error = {"error": "OPERATION_TIME_LIMIT", "error_description": ""}
    answer = {"result": [], "result_error": {"a": error}}
    signing = FakeSigning(lambda request: answer if request.method == "batch" else 1, 0)
    queue, loop = dispatch(signing), asyncio.get_running_loop()
    item = exchange()
    item.request = Request("batch", {"cmd": {"a": "im.chat.add"}})
    await queue.send(item)
    began = loop.time()

    await queue.send(exchange())

    assert loop.time() - began == pytest.approx(60)


@on_virtual_clock
async def test_a_wait_known_to_be_longer_than_the_deadline_is_refused_at_once():
    queue, loop = dispatch(FakeSigning(), Plan(5, 2)), asyncio.get_running_loop()
    tasks = start(queue, *map(exchange, range(10)))
    await asyncio.sleep(0.01)
    item, began = exchange(deadline=loop.time() + 2), loop.time()

    with pytest.raises(DeadlineExceeded, match=r"in \d+\.\d s at the earliest") as caught:
        await queue.send(item)

    assert loop.time() == began
    assert caught.value.outcome is Outcome.NOT_SENT
    await asyncio.gather(*tasks)


@on_virtual_clock
async def test_a_wait_for_the_operating_limit_that_outlasts_the_deadline_is_refused_at_once():
    queue, loop = dispatch(FakeSigning(in_turn(OperationTimeLimit()), 0)), asyncio.get_running_loop()
    with pytest.raises(OperationTimeLimit):
        await queue.send(exchange())

    with pytest.raises(DeadlineExceeded):
        await queue.send(exchange(deadline=loop.time() + 59))


@on_virtual_clock
async def test_a_caller_cancelled_in_the_queue_costs_nothing():
    signing = FakeSigning()
    queue = dispatch(signing, max_in_flight=1)
    tasks = start(queue, *map(exchange, range(3)))
    await asyncio.sleep(0.5)
    tasks[1].cancel()

    await asyncio.gather(*tasks, return_exceptions=True)

    assert signing.sent == [0, 2]


@on_virtual_clock
async def test_a_caller_cancelled_in_flight_leaves_its_outcome_behind():
    orphans: list[Any] = []
    queue = dispatch(FakeSigning(), on_orphan=lambda request, result: orphans.append((request, result)))
    item = exchange(5)
    task = asyncio.create_task(queue.send(item))
    await asyncio.sleep(0.5)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    before = item.outcome
    await asyncio.sleep(1)

    assert before is Outcome.UNKNOWN
    assert item.outcome is Outcome.DONE
    assert item.response is not None
    assert item.response.result == 5
    assert [(request.params["number"], result.result) for request, result in orphans] == [(5, 5)]


@on_virtual_clock
async def test_an_orphan_that_is_refused_for_now_is_not_sent_again():
    signing = FakeSigning(in_turn(QueryLimitExceeded()))
    item, queue = exchange(), dispatch(signing)
    task = asyncio.create_task(queue.send(item))
    await asyncio.sleep(0.5)

    task.cancel()
    await asyncio.sleep(60)

    assert signing.sent == [0]
    assert item.outcome is Outcome.REFUSED_TEMPORARY


@on_virtual_clock
async def test_a_failing_on_orphan_does_no_harm(caplog):
    def fail(*_: object) -> None:
        raise RuntimeError("a bug of the user's")

    queue = dispatch(FakeSigning(), on_orphan=fail)
    task = asyncio.create_task(queue.send(exchange()))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.sleep(1)

    assert "`on_orphan` failed" in caplog.text
    assert (await queue.send(exchange(3))).result == 3


@on_virtual_clock
async def test_departure_is_announced_after_the_slot_and_before_the_first_byte():
    signing, announced = FakeSigning(), []

    async def departing(requests: Any) -> None:
        announced.append(([request.params["number"] for request in requests], list(signing.sent)))

    queue = dispatch(signing, announcing=Announcing(departing), max_in_flight=1)
    await asyncio.gather(*start(queue, *map(exchange, range(2))))

    assert announced == [([0], []), ([1], [0])]


@on_virtual_clock
async def test_if_the_announcement_fails_nothing_is_sent_and_the_slot_returns():
    signing = FakeSigning(seconds=0)
    failures = [OSError("disk full")]

    async def departing(_: Any) -> None:
        if failures:
            raise failures.pop()

    queue, began = dispatch(signing, Plan(5, 2), announcing=Announcing(departing)), asyncio.get_running_loop().time()
    item = exchange()

    with pytest.raises(OSError, match="disk full"):
        await queue.send(item)
    await queue.send(exchange(1))

    assert signing.sent == [1]
    assert item.outcome is Outcome.NOT_SENT
    assert asyncio.get_running_loop().time() == began


@on_virtual_clock
async def test_closing_refuses_what_waits_and_lets_what_flies_land():
    signing = FakeSigning()
    queue = dispatch(signing, max_in_flight=1)
    flying, waiting = start(queue, exchange(0), exchange(1))
    await asyncio.sleep(0.5)

    await queue.close(grace=10)

    assert (await flying).result == 0
    with pytest.raises(ClientClosed) as caught:
        await waiting
    assert caught.value.outcome is Outcome.NOT_SENT
    with pytest.raises(ClientClosed):
        await queue.send(exchange(2))
    assert signing.sent == [0]


@on_virtual_clock
async def test_closing_ends_what_does_not_land_in_time_as_unknown():
    queue = dispatch(FakeSigning(seconds=100))
    item = exchange()
    flying = asyncio.create_task(queue.send(item))
    await asyncio.sleep(1)

    await queue.close(grace=2)

    with pytest.raises(ConnectionLost):
        await flying
    assert item.outcome is Outcome.UNKNOWN
    assert len(asyncio.all_tasks()) == 1


@on_virtual_clock
async def test_closing_while_everyone_waits_for_the_limiter_leaves_no_task():
    queue = dispatch(FakeSigning(seconds=0), Plan(5, 2))
    tasks = start(queue, *map(exchange, range(5)))
    await asyncio.sleep(0.1)

    await queue.close(grace=1)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)

    assert [type(result) for result in results] == [Response] + [ClientClosed] * 4
    assert len(asyncio.all_tasks()) == 1


@on_virtual_clock
async def test_a_call_refused_for_now_while_closing_ends_as_not_run():
    queue = dispatch(FakeSigning(in_turn(QueryLimitExceeded())))
    flying = asyncio.create_task(queue.send(exchange()))
    await asyncio.sleep(0.5)

    await queue.close(grace=5)

    with pytest.raises(ClientClosed):
        await flying


class BrokenLimiter(MemoryRateLimiter):
    def try_acquire(self) -> bool:
        return False

    async def acquire(self) -> None:
        raise ConnectionError("the limiter's store is away")


@on_virtual_clock
async def test_a_limiter_that_fails_fails_its_callers_and_leaves_nobody_waiting():
    queue = Dispatch(FakeSigning(), limiter=BrokenLimiter())  # type: ignore[arg-type]

    results = await asyncio.gather(*start(queue, *map(exchange, range(3))), return_exceptions=True)

    assert [str(result) for result in results] == ["the limiter's store is away"] * 3


@on_virtual_clock
async def test_clients_without_a_limiter_share_the_portals_bucket():
    one, two = Dispatch(FakeSigning(seconds=0)), Dispatch(FakeSigning(seconds=0))  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    began = loop.time()

    await asyncio.gather(*(queue.send(exchange(number)) for number in range(25) for queue in (one, two)))

    assert loop.time() - began == pytest.approx((50 - 46) / 2)


FAULTS = [None, None, QueryLimitExceeded, ExpiredToken, OperationTimeLimit, AccessDenied, PortalUnreachable]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_subset_may_be_cancelled_at_any_point_without_a_leak(data):
    count = data.draw(st.integers(1, 30))
    moments = st.one_of(st.floats(0, 12), st.integers(-3, -1))
    cancelled = data.draw(st.dictionaries(st.integers(0, count - 1), moments, max_size=count))
    faults = data.draw(st.lists(st.sampled_from(FAULTS), max_size=20))
    on_virtual_clock(_cancel_some)(count, cancelled, faults)


async def _after(moment: float, task: asyncio.Task[Any]) -> None:
    """Cancel at a time, or after as many turns of the loop as a negative number says."""
    for _ in range(-int(moment)):
        await asyncio.sleep(0)
    await asyncio.sleep(max(0.0, moment))
    task.cancel()


async def _cancel_some(count: int, cancelled: dict[int, float], faults: list[Any]) -> None:
    pending = [fault and fault() for fault in faults]
    time = {"operating": 470.0, "operating_reset_at": 60.0, "finish": 0.0, "duration": 5.0}

    def answer(request: Request) -> Any:
        fault = pending.pop() if pending else None
        return fault or Response(request.params["number"], raw_time=time if request.params["number"] % 3 else {})

    limiter = MemoryRateLimiter(Plan(10, 2))
    queues = [Dispatch(FakeSigning(answer), limiter=limiter, max_in_flight=4) for _ in range(2)]  # type: ignore[arg-type]
    items = [exchange(number) for number in range(count)]
    tasks = [task for number, item in enumerate(items) for task in start(queues[number % 2], item)]
    cancelling = [asyncio.create_task(_after(moment, tasks[number])) for number, moment in cancelled.items()]

    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 1e5)
    await asyncio.gather(*cancelling)
    await asyncio.sleep(1000)

    for item, result in zip(items, results, strict=True):
        assert isinstance(result, Response | BitrixError | asyncio.CancelledError)
        if isinstance(result, Response):
            assert item.outcome is Outcome.DONE
    assert len(asyncio.all_tasks()) == 1
    assert limiter.free() == 6
    pending.clear()
    for number in range(12):
        sent = await asyncio.wait_for(queues[number % 2].send(exchange(number, "im.chat.get")), 1000)
        assert sent.result == number


@on_virtual_clock
async def test_what_is_in_flight_is_reserved_in_the_operating_budget():
    time = {"operating": 450.0, "operating_reset_at": 600.0, "finish": 0.0, "duration": 10.0}
    signing = FakeSigning(lambda request: Response(request.params["number"], raw_time=time))
    queue = dispatch(signing, operating_limit=480)
    await queue.send(exchange(0))

    tasks = start(queue, *map(exchange, range(1, 8)))
    await asyncio.sleep(0.5)

    assert signing.most_flying == 3
    await asyncio.gather(*tasks)


@on_virtual_clock
async def test_calls_that_wait_for_another_limit_do_not_count_as_ahead():
    queue, loop = dispatch(FakeSigning(in_turn(OperationTimeLimit()), 0), Plan(5, 2)), asyncio.get_running_loop()
    with pytest.raises(OperationTimeLimit):
        await queue.send(exchange())
    blocked = start(queue, *map(exchange, range(50)))
    await asyncio.sleep(5)

    answer = await queue.send(exchange(99, "im.chat.get", deadline=loop.time() + 1))

    assert answer.result == 99
    await asyncio.gather(*blocked)


@on_virtual_clock
async def test_a_batch_waits_with_the_calls_whose_method_it_runs():
    signing = FakeSigning(lambda _: OperationTimeLimit() if len(signing.sent) == 1 else {"result": {}}, 0)
    queue, loop = dispatch(signing), asyncio.get_running_loop()
    with pytest.raises(OperationTimeLimit):
        await queue.send(exchange())
    began = loop.time()

    def batch(method: str) -> Exchange:
        return Exchange(Request("batch", {"cmd": {"a": method}}))

    adding = asyncio.create_task(queue.send(batch("im.chat.add?TITLE=x")))
    await queue.send(batch("im.chat.get?ENTITY_ID=1"))

    assert loop.time() == began
    await adding
    assert loop.time() - began == pytest.approx(60)


@on_virtual_clock
async def test_the_very_first_calls_are_refused_at_once_too():
    queue, loop = dispatch(FakeSigning(), Plan(5, 2)), asyncio.get_running_loop()
    began = loop.time()

    results = await asyncio.gather(
        *start(queue, *(exchange(number, deadline=began + 2) for number in range(10))), return_exceptions=True
    )

    assert [type(result) for result in results] == [Response] * 5 + [DeadlineExceeded] * 5


@on_virtual_clock
async def test_a_caller_that_gave_up_before_a_byte_left_was_told_the_truth():
    signing, item = FakeSigning(), exchange()

    async def departing(_: Any) -> None:
        await asyncio.sleep(2)

    orphans: list[Any] = []
    queue = dispatch(signing, announcing=Announcing(departing), on_orphan=lambda *args: orphans.append(args))
    task = asyncio.create_task(queue.send(item))
    await asyncio.sleep(1)

    task.cancel()
    await asyncio.sleep(10)

    assert item.outcome is Outcome.NOT_SENT
    assert signing.sent == []
    assert orphans == []


@on_virtual_clock
async def test_clients_that_share_a_budget_wake_each_other():
    time = {"operating": 100.0, "operating_reset_at": 600.0, "finish": 0.0, "duration": 20.0}
    signings = [FakeSigning(lambda request: Response(request.params["number"], raw_time=time), 20) for _ in range(2)]
    queues = [dispatch(signing, operating_limit=480) for signing in signings]
    await queues[0].send(exchange())

    tasks = [task for queue in queues for task in start(queue, *map(exchange, range(25)))]
    answers = await asyncio.wait_for(asyncio.gather(*tasks), 3600)

    assert len(answers) == 50


@on_virtual_clock
async def test_a_refusal_for_an_expired_token_is_proof_while_the_renewal_runs():
    signing = FakeSigning(in_turn(ExpiredToken()))
    queue, item = dispatch(signing), exchange()
    task = asyncio.create_task(queue.send(item))
    await asyncio.sleep(3)

    assert item.outcome is Outcome.REFUSED_TEMPORARY
    await queue.close(grace=0.5)
    with pytest.raises(ClientClosed):
        await task


@on_virtual_clock
async def test_an_orphan_that_comes_back_is_told_of_with_its_refusal():
    orphans: list[Any] = []
    queue = dispatch(
        FakeSigning(in_turn(QueryLimitExceeded("later"))), on_orphan=lambda _, result: orphans.append(result)
    )
    task = asyncio.create_task(queue.send(exchange()))
    await asyncio.sleep(0.5)

    task.cancel()
    await asyncio.sleep(5)

    assert [type(orphan) for orphan in orphans] == [QueryLimitExceeded]


@on_virtual_clock
async def test_an_error_that_meets_everyone_names_each_ones_own_method():
    queue = dispatch(FakeSigning(in_turn(PortalOverloaded("blocked", method="profile", status=503))), max_in_flight=1)

    first, second = await asyncio.gather(
        *start(queue, exchange(0, "profile"), exchange(1, "im.chat.add")), return_exceptions=True
    )

    assert (first.method, first.status) == ("profile", 503)
    assert (second.method, second.status) == ("im.chat.add", None)


@on_virtual_clock
async def test_a_call_held_back_by_the_operating_limit_keeps_its_place():
    signing = FakeSigning(in_turn(OperationTimeLimit()), 0)
    layer = Retrying(dispatch(signing, max_in_flight=1), RetryPolicy(), None)

    await asyncio.gather(*(layer.send(exchange(number)) for number in range(4)))

    assert signing.sent == [0, 0, 1, 2, 3]


@on_virtual_clock
async def test_closing_can_itself_be_cut_short_without_leaving_anything_open():
    queue = dispatch(FakeSigning(seconds=100))
    task = asyncio.create_task(queue.send(exchange()))
    await asyncio.sleep(1)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.close(grace=50), 2)
    with pytest.raises(ConnectionLost):
        await task

    assert len(asyncio.all_tasks()) == 1


@on_virtual_clock
async def test_closing_ends_those_who_wait_for_a_strategy_that_never_answers():
    signing = FakeSigning()

    async def never() -> str:
        await asyncio.sleep(1e6)
        return ""

    signing.endpoint = never
    queue = dispatch(signing)
    task = asyncio.create_task(queue.send(exchange()))
    await asyncio.sleep(1)

    await queue.close(grace=1)

    with pytest.raises(ClientClosed):
        await task
    assert len(asyncio.all_tasks()) == 1


@on_virtual_clock
async def test_a_caller_cancelled_before_the_limiter_was_asked_leaves_the_queue_alive():
    queue = dispatch(FakeSigning(seconds=0), Plan(5, 2))
    await queue.send(exchange(0))
    cancelled = asyncio.create_task(queue.send(exchange(1)))
    await asyncio.sleep(0)
    cancelled.cancel()

    answer = await asyncio.wait_for(queue.send(exchange(2)), 60)

    assert answer.result == 2


@on_virtual_clock
async def test_a_caller_cancelled_before_its_call_left_sends_nothing():
    signing = FakeSigning()
    task = asyncio.create_task(dispatch(signing).send(exchange()))
    await asyncio.sleep(0)

    task.cancel()
    await asyncio.sleep(10)

    assert signing.sent == []


@on_virtual_clock
async def test_credentials_that_nobody_can_have_fail_all_who_wait_at_once():
    signing, loop = FakeSigning(seconds=0), asyncio.get_running_loop()

    async def refuse(_: Request, moved_to: str | None = None) -> Any:
        raise ReauthorizationRequired("log in again")

    signing.sign = refuse
    queue, began = dispatch(signing, Plan(14, 2)), loop.time()

    results = await asyncio.gather(*start(queue, *map(exchange, range(200))), return_exceptions=True)

    assert {type(result) for result in results} == {ReauthorizationRequired}
    assert len({id(result) for result in results}) == 200
    assert loop.time() == began


@pytest.mark.parametrize("error", [PortalOverloaded("blocked by hand"), ExpiredToken()])
@on_virtual_clock
async def test_what_would_meet_everyone_is_met_once(error):
    signing = FakeSigning(in_turn(error), seconds=0)
    signing.renewing = lambda: TokenRefreshFailed("the server is away")
    queue = dispatch(signing, max_in_flight=1)

    results = await asyncio.gather(*start(queue, *map(exchange, range(50))), return_exceptions=True)

    assert len(signing.sent) == 1
    assert all(isinstance(result, BitrixError) for result in results)
    assert (await queue.send(exchange(7))).result == 7


@on_virtual_clock
async def test_a_batch_that_met_its_own_operating_limit_is_held_back():
    signing, loop = FakeSigning(in_turn(OperationTimeLimit()), 0), asyncio.get_running_loop()
    queue, batch = dispatch(signing), Request("batch", {"cmd": {"a": "im.chat.get"}})
    with pytest.raises(OperationTimeLimit):
        await queue.send(Exchange(batch))
    began = loop.time()

    await queue.send(exchange(1, "im.chat.get"))
    assert loop.time() == began
    await queue.send(Exchange(batch))

    assert loop.time() - began == pytest.approx(60)


class TrippingLimiter(MemoryRateLimiter):
    """Fails in one of its methods."""

    def __init__(self, method: str) -> None:
        super().__init__(UNLIMITED)
        self.method = method

    def _trip(self, method: str) -> None:
        if method == self.method:
            raise ConnectionError("the limiter's store is away")

    def try_acquire(self) -> bool:
        self._trip("try_acquire")
        return super().try_acquire()

    def refuse(self, sent_at: float) -> None:
        self._trip("refuse")
        super().refuse(sent_at)


@on_virtual_clock
async def test_a_limiter_that_fails_as_it_is_asked_leaves_nobody_waiting():
    queue = Dispatch(FakeSigning(), limiter=TrippingLimiter("try_acquire"))  # type: ignore[arg-type]

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(queue.send(exchange()), 60)


@on_virtual_clock
async def test_a_limiter_that_fails_as_it_is_told_leaves_nobody_waiting():
    signing = FakeSigning(in_turn(QueryLimitExceeded()))
    queue = Dispatch(signing, limiter=TrippingLimiter("refuse"))  # type: ignore[arg-type]

    assert (await asyncio.wait_for(queue.send(exchange(3)), 60)).result == 3


@on_virtual_clock
async def test_a_hook_that_cancels_itself_fails_its_call_and_no_other():
    async def departing(requests: Any) -> None:
        if requests[0].params["number"] == 0:
            raise asyncio.CancelledError

    queue = dispatch(FakeSigning(), announcing=Announcing(departing))
    first, second = start(queue, exchange(0), exchange(1))

    assert (await second).result == 1
    with pytest.raises(RuntimeError, match="cancelled itself"):
        await first


@on_virtual_clock
async def test_an_error_nobody_foresaw_after_bytes_left_is_of_unknown_outcome():
    item = exchange()

    with pytest.raises(ConnectionLost, match="broken by KeyError") as caught:
        await dispatch(FakeSigning(lambda _: KeyError("https://acme.example/rest/1/canary/"))).send(item)

    assert "canary" not in repr(caught.value)
    assert caught.value.outcome is item.outcome is Outcome.UNKNOWN


@on_virtual_clock
async def test_a_call_given_up_as_a_coroutine_leaves_the_queue():
    signing = FakeSigning()
    queue = dispatch(signing, max_in_flight=1)
    flying = asyncio.create_task(queue.send(exchange(0)))
    await asyncio.sleep(0)
    given_up = queue.send(exchange(1))
    given_up.send(None)

    given_up.close()
    await flying
    await asyncio.sleep(5)

    assert signing.sent == [0]
