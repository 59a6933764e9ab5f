"""What becomes of calls that travel together: each has its own ending, and only what must be repeated is repeated."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat import MemoryRateLimiter, Plan
from bitrix_chat.errors import (
    AccessDenied,
    BatchRefused,
    BitrixError,
    ClientClosed,
    ConnectionLost,
    ExpiredToken,
    MethodNotFound,
    OperationTimeLimit,
    Outcome,
    OutcomeUnknown,
    PortalOverloaded,
    PortalUnreachable,
    QueryLimitExceeded,
    UnexpectedAnswer,
    UntrustedRedirect,
)
from bitrix_chat.rest.request import Exchange, Request, Response, Safety
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.announcing import Announcing
from bitrix_chat.transport.moving import Moved
from bitrix_chat.transport.retrying import Retrying, RetryPolicy
from bitrix_chat.transport.signing import Signed
from tests.transport.fakes import (
    BLOCKED,
    MISSING,
    REFUSED,
    PackedPortal,
    exchange,
    queue_to,
    results,
    start,
)

ADD, GET = "im.chat.add", "im.chat.get"
ONE_FLIES = {"max_in_flight": 1}
SLOW = Plan(10.2, 0.1)
"""Ten at once, and within a few seconds no more."""


def now() -> float:
    return asyncio.get_running_loop().time()


async def ended(tasks: list[asyncio.Task[Response]]) -> list[Any]:
    return await asyncio.gather(*tasks, return_exceptions=True)


@on_virtual_clock
async def test_one_refused_command_of_fifty_fails_its_own_call():
    portal = PackedPortal(lambda number: REFUSED if number == 17 else number)
    queue = queue_to(portal, **ONE_FLIES)
    await queue.send(exchange(-1))
    items = [exchange(number) for number in range(50)]

    endings = await ended(start(queue, *items))

    assert portal.sizes == [1, 50]
    assert isinstance(endings[17], AccessDenied)
    assert (endings[17].method, endings[17].outcome) == (ADD, Outcome.REFUSED)
    assert [answer.result for answer in endings[:17] + endings[18:]] == [n for n in range(50) if n != 17]
    assert [item.outcome for item in items] == [Outcome.REFUSED if n == 17 else Outcome.DONE for n in range(50)]


@on_virtual_clock
async def test_the_answer_of_a_call_is_its_own_with_paging_and_time():
    def answer(request: Request, commands: dict[str, tuple[str, int]]) -> Response:
        first, second = commands
        time = {"duration": 0.1, "operating": 0.5}
        return Response({"result": {second: "b", first: "a"}, "result_total": {first: 9}, "result_time": {first: time}})

    portal = PackedPortal()
    portal._answer = answer

    first, second = await asyncio.gather(*start(queue_to(portal, **ONE_FLIES), exchange(1), exchange(2)))

    assert (first.result, first.total, first.time.operating) == ("a", 9, 0.5)
    assert (second.result, second.total, second.raw_time) == ("b", None, {})


@on_virtual_clock
async def test_a_command_that_the_answer_does_not_mention_is_of_unknown_outcome_alone():
    portal = PackedPortal(lambda number: MISSING if number == 3 else number)
    queue = Retrying(queue_to(portal, **ONE_FLIES), RetryPolicy(), None)

    endings = await asyncio.gather(*(queue.send(exchange(number)) for number in range(6)), return_exceptions=True)

    assert isinstance(endings[3], OutcomeUnknown)
    assert (endings[3].method, endings[3].host) == (ADD, "acme.bitrix24.example")
    assert [answer.result for answer in endings[:3] + endings[4:]] == [0, 1, 2, 4, 5]
    assert portal.groups == [list(range(6))]


@on_virtual_clock
async def test_a_read_that_the_answer_does_not_mention_is_asked_again_and_the_others_are_not():
    missing = [3]
    portal = PackedPortal(lambda number: MISSING if number in missing and not missing.clear() else number)
    queue = Retrying(queue_to(portal, **ONE_FLIES), RetryPolicy(), None)

    answers = await asyncio.gather(*(queue.send(exchange(n, GET, safety=Safety.SAFE)) for n in range(6)))

    assert [answer.result for answer in answers] == list(range(6))
    assert portal.groups == [list(range(6)), [3]]


@on_virtual_clock
async def test_of_a_batch_that_met_the_operating_limit_in_the_middle_only_the_rest_is_repeated():
    portal = PackedPortal(lambda number: BLOCKED if number >= 4 and now() < began + 50 else number)
    queue = Retrying(queue_to(portal, **ONE_FLIES), RetryPolicy(), None)
    began = now()

    answers = await asyncio.gather(*(queue.send(exchange(number)) for number in range(8)))

    assert [answer.result for answer in answers] == list(range(8))
    assert portal.groups[0] == list(range(8))
    assert portal.order[8:] == [4, 5, 6, 7]
    assert 60 <= now() - began < 70


@pytest.mark.parametrize(
    "trouble", [QueryLimitExceeded("Too many"), ExpiredToken("expired"), Moved("https://b.example")]
)
@on_virtual_clock
async def test_what_proves_that_nothing_ran_puts_the_whole_group_back_in_its_order(trouble):
    portal = PackedPortal(troubles=[trouble])
    queue = queue_to(portal, **ONE_FLIES)
    tasks = start(queue, *map(exchange, range(6)))
    await asyncio.sleep(0.1)
    tasks += start(queue, *map(exchange, range(6, 8)))

    assert await results(tasks) == list(range(8))

    assert portal.groups[0] == list(range(6))
    assert portal.order[6:] == portal.ran == list(range(8))
    assert portal.renewals == isinstance(trouble, ExpiredToken)


@on_virtual_clock
async def test_after_a_redirect_only_those_who_met_it_go_to_the_new_address():
    portal = PackedPortal(troubles=[Moved("https://b.example")])
    queue = queue_to(portal, **ONE_FLIES)
    tasks = start(queue, *map(exchange, range(6)))
    await asyncio.sleep(0.1)
    tasks += start(queue, *map(exchange, range(6, 8)))

    await asyncio.gather(*tasks)

    assert portal.groups == [list(range(6)), list(range(6)), [6, 7]]
    assert portal.origins == [None, "https://b.example", None]
    assert portal.arrivals == 1


@on_virtual_clock
async def test_a_second_redirect_is_told_to_each_of_the_group():
    portal = PackedPortal(troubles=[Moved("https://b.example"), Moved("https://c.example")])

    endings = await ended(start(queue_to(portal, **ONE_FLIES), *map(exchange, range(4))))

    assert {type(ending) for ending in endings} == {UntrustedRedirect}
    assert len({id(ending) for ending in endings}) == 4


@on_virtual_clock
async def test_a_group_whose_token_expires_again_right_after_its_renewal_is_refused():
    portal = PackedPortal(troubles=[ExpiredToken("expired"), ExpiredToken("expired")])

    endings = await ended(start(queue_to(portal, **ONE_FLIES), *map(exchange, range(4))))

    assert [(type(ending), ending.outcome) for ending in endings] == [(ExpiredToken, Outcome.REFUSED)] * 4
    assert portal.renewals == 1


@on_virtual_clock
async def test_of_a_lost_group_each_caller_has_an_error_of_its_own():
    portal = PackedPortal(troubles=[ConnectionLost("reset", method="batch")])
    methods = [ADD, "im.message.add", "im.chat.leave", ADD]
    items = [exchange(number, method) for number, method in enumerate(methods)]

    endings = await ended(start(queue_to(portal, **ONE_FLIES), *items))

    assert [(type(ending), ending.method) for ending in endings] == [(ConnectionLost, method) for method in methods]
    assert len({id(ending) for ending in endings}) == 4
    assert {item.outcome for item in items} == {ending.outcome for ending in endings} == {Outcome.UNKNOWN}
    assert portal.groups == [[0, 1, 2, 3]]


@on_virtual_clock
async def test_of_a_lost_group_what_only_reads_is_asked_again():
    portal = PackedPortal(troubles=[ConnectionLost("reset")])
    queue = Retrying(queue_to(portal, **ONE_FLIES), RetryPolicy(), None)

    answers = await asyncio.gather(*(queue.send(exchange(n, GET, safety=Safety.SAFE)) for n in range(6)))

    assert [answer.result for answer in answers] == list(range(6))
    assert portal.groups[0] == list(range(6))
    assert sorted(portal.order[6:]) == list(range(6))


@pytest.mark.parametrize("result", [None, "<html>", []])
@on_virtual_clock
async def test_an_answer_that_is_none_of_a_batch_leaves_every_call_of_unknown_outcome(result):
    portal = PackedPortal()
    portal._answer = lambda *_: Response(result)

    endings = await ended(start(queue_to(portal, **ONE_FLIES), *map(exchange, range(4))))

    assert [(type(ending), ending.outcome) for ending in endings] == [(UnexpectedAnswer, Outcome.UNKNOWN)] * 4
    assert {ending.method for ending in endings} == {ADD}


@on_virtual_clock
async def test_groups_are_half_as_large_after_a_loss_and_grow_again():
    portal = PackedPortal(seconds=0.001)
    queue = queue_to(portal, **ONE_FLIES)
    await queue.send(exchange(-1))
    portal.troubles = [None, ConnectionLost("reset"), ConnectionLost("reset"), None]

    await ended(start(queue, *map(exchange, range(500))))

    assert portal.sizes[1:12] == [50, 50, 25, 12, 15, 18, 22, 27, 33, 41, 50]


@on_virtual_clock
async def test_a_portal_that_blocks_all_requests_is_asked_by_nobody_who_waits():
    portal = PackedPortal(troubles=[PortalOverloaded("blocked by hand", method="batch", status=503)])

    endings = await ended(start(queue_to(portal, **ONE_FLIES), *(exchange(n, f"a.{n}") for n in range(100))))

    assert len(portal.groups) == 1
    assert [ending.method for ending in endings] == [f"a.{n}" for n in range(100)]
    assert {type(ending) for ending in endings} == {PortalOverloaded}


@pytest.mark.parametrize("refusal", [MethodNotFound("Method not found!"), BatchRefused("not for you")])
@on_virtual_clock
async def test_where_the_portal_takes_no_batch_everything_leaves_alone_from_then_on(refusal):
    portal = PackedPortal(troubles=[refusal])
    queue = queue_to(portal, max_in_flight=2)
    tasks = start(queue, *map(exchange, range(12)))
    await asyncio.sleep(0.05)
    tasks += start(queue, *map(exchange, range(12, 20)))

    assert await results(tasks) == list(range(20))
    assert await results(start(queue, *map(exchange, range(20, 40)))) == list(range(20, 40))

    assert portal.sizes[:2] == [6, 6]
    assert set(portal.sizes[2:]) == {1}
    assert Counter(portal.ran) == Counter(range(40))


@on_virtual_clock
async def test_a_command_that_the_portal_takes_in_no_batch_leaves_alone_unnoticed():
    unwelcome = {"error": "ERROR_BATCH_METHOD_NOT_ALLOWED", "error_description": "Method is not allowed"}
    portal = PackedPortal()
    portal.run = lambda number: unwelcome if number == 2 and len(portal.groups) == 1 else number

    assert await results(start(queue_to(portal, **ONE_FLIES), *map(exchange, range(5)))) == list(range(5))

    assert portal.groups == [[0, 1, 2, 3, 4], [2]]


class Connecting(PackedPortal):
    """Takes a second until the first byte, and tells whoever objects as the wire does."""

    async def send(self, signed: Signed, on_write: Callable[[], None]) -> Response:
        await asyncio.sleep(1)
        try:
            on_write()
        except asyncio.InvalidStateError:
            raise PortalUnreachable("the exchange failed (InvalidStateError)") from None
        return await super().send(signed, lambda: None)


async def slowly(_: Sequence[Request]) -> None:
    await asyncio.sleep(1)


@on_virtual_clock
async def test_callers_cancelled_before_the_first_byte_are_left_out_and_never_run():
    portal, limiter = PackedPortal(), MemoryRateLimiter(Plan(14, 2))
    queue, items = (
        queue_to(portal, limiter, announcing=Announcing(slowly), **ONE_FLIES),
        [exchange(n) for n in range(6)],
    )
    tasks = start(queue, *items)
    await asyncio.sleep(0.5)

    for number in (0, 3, 4):
        tasks[number].cancel()
    endings = await ended(tasks)

    assert portal.groups == [[1, 2, 5]]
    assert [ending.result for ending in endings if isinstance(ending, Response)] == [1, 2, 5]
    assert [item.outcome for item in items] == [Outcome.DONE if n in {1, 2, 5} else Outcome.NOT_SENT for n in range(6)]


@on_virtual_clock
async def test_the_last_of_a_group_whose_others_were_cancelled_leaves_as_a_call_of_its_own():
    portal, signed = PackedPortal(), []
    queue = queue_to(portal, announcing=Announcing(slowly), **ONE_FLIES)
    sign = portal.sign

    async def noting(request: Request, moved_to: str | None = None) -> Signed:
        signed.append(request.method)
        return await sign(request, moved_to)

    portal.sign = noting
    tasks = start(queue, *map(exchange, range(3)))
    await asyncio.sleep(0.5)
    tasks[0].cancel()
    tasks[2].cancel()

    assert (await tasks[1]).result == 1
    assert signed == ["batch", ADD]
    await ended(tasks)


@on_virtual_clock
async def test_a_group_that_was_cancelled_as_a_whole_sends_nothing_and_gives_its_slot_back():
    portal, limiter = PackedPortal(), MemoryRateLimiter(SLOW)
    queue = queue_to(portal, limiter, announcing=Announcing(slowly), **ONE_FLIES)
    tasks = start(queue, *map(exchange, range(6)))
    await asyncio.sleep(0.5)
    assert limiter.free() == 9

    for task in tasks:
        task.cancel()
    await ended(tasks)
    await asyncio.sleep(0.6)

    assert portal.groups == []
    assert limiter.free() == 10
    assert len(asyncio.all_tasks()) == 1


@on_virtual_clock
async def test_who_is_cancelled_at_the_very_last_moment_holds_the_others_back_for_a_new_group():
    portal, limiter = Connecting(), MemoryRateLimiter(Plan(14, 2))
    queue, items = queue_to(portal, limiter, **ONE_FLIES), [exchange(n) for n in range(6)]
    tasks = start(queue, *items)
    await asyncio.sleep(0.5)

    tasks[2].cancel()
    endings = await ended(tasks)

    assert portal.groups == [[0, 1, 3, 4, 5]]
    assert items[2].outcome is Outcome.NOT_SENT
    assert [ending.result for ending in endings if isinstance(ending, Response)] == [0, 1, 3, 4, 5]
    await asyncio.sleep(60)
    assert limiter.free() == 10


@on_virtual_clock
async def test_callers_cancelled_after_their_group_left_hear_of_it_as_orphans():
    orphans: list[tuple[int, Any]] = []
    portal = PackedPortal(lambda number: REFUSED if number == 4 else number)
    queue = queue_to(
        portal, on_orphan=lambda request, result: orphans.append((request.params["number"], result)), **ONE_FLIES
    )
    items = [exchange(number) for number in range(6)]
    tasks = start(queue, *items)
    await asyncio.sleep(0.1)

    for number in (1, 4):
        tasks[number].cancel()
    await asyncio.sleep(0)
    assert [items[number].outcome for number in (1, 4)] == [Outcome.UNKNOWN] * 2
    await ended(tasks)

    assert [(number, type(result)) for number, result in orphans] == [(1, Response), (4, AccessDenied)]
    assert [items[number].outcome for number in (1, 4)] == [Outcome.DONE, Outcome.REFUSED]


@on_virtual_clock
async def test_orphans_of_a_group_that_is_put_back_are_not_sent_again():
    orphans: list[Any] = []
    portal = PackedPortal(troubles=[QueryLimitExceeded("later")])
    queue = queue_to(portal, on_orphan=lambda _, result: orphans.append(type(result)), **ONE_FLIES)
    items = [exchange(number) for number in range(4)]
    tasks = start(queue, *items)
    await asyncio.sleep(0.1)

    tasks[1].cancel()
    await ended(tasks)

    assert portal.groups == [[0, 1, 2, 3], [0, 2, 3]]
    assert orphans == [QueryLimitExceeded]
    assert items[1].outcome is Outcome.REFUSED_TEMPORARY


class Journal:
    """Wants to hear of departures, and fails as often as told."""

    def __init__(self, failing: int = 0) -> None:
        self.failing = failing
        self.told: list[list[int]] = []

    async def announce(self, exchanges: Sequence[Exchange]) -> None:
        self.told.append([item.request.params["number"] for item in exchanges])
        await asyncio.sleep(0.01)
        if self.failing:
            self.failing -= 1
            raise OSError("the disk is full")


@on_virtual_clock
async def test_whoever_wants_to_hear_of_departures_hears_of_its_own_calls_before_they_leave():
    portal, one, two = PackedPortal(), Journal(), Journal()
    announces = {0: one.announce, 1: two.announce}
    items = [exchange(n, announce=announces.get(n % 3)) for n in range(8)]

    await results(start(queue_to(portal, **ONE_FLIES), *items))

    assert (one.told, two.told) == ([[0, 3, 6]], [[1, 4, 7]])
    assert portal.groups == [list(range(8))]


@on_virtual_clock
async def test_a_hook_that_fails_fails_its_own_calls_and_the_others_leave_in_a_new_group():
    portal, one, two = PackedPortal(), Journal(), Journal(failing=1)
    limiter = MemoryRateLimiter(SLOW)
    announces = {0: one.announce, 1: two.announce}
    items = [exchange(n, announce=announces.get(n % 3)) for n in range(8)]

    endings = await ended(start(queue_to(portal, limiter, **ONE_FLIES), *items))

    assert [type(endings[n]) for n in range(8)] == [OSError if n % 3 == 1 else Response for n in range(8)]
    assert {items[n].outcome for n in (1, 4, 7)} == {Outcome.NOT_SENT}
    assert portal.groups == [[0, 2, 3, 5, 6]]
    assert limiter.free() == 9
    assert one.told == [[0, 3, 6], [0, 3, 6]]


@on_virtual_clock
async def test_if_the_clients_own_hook_fails_nothing_of_the_group_is_sent():
    portal, limiter = PackedPortal(), MemoryRateLimiter(Plan(14, 2))

    async def departing(_: Sequence[Request]) -> None:
        raise OSError("the disk is full")

    items = [exchange(number) for number in range(6)]
    endings = await ended(start(queue_to(portal, limiter, announcing=Announcing(departing), **ONE_FLIES), *items))

    assert {type(ending) for ending in endings} == {OSError}
    assert {item.outcome for item in items} == {Outcome.NOT_SENT}
    assert portal.groups == []
    assert limiter.free() == 10


@on_virtual_clock
async def test_closing_ends_those_in_flight_as_unknown_each_by_itself_and_those_who_wait_as_not_sent():
    portal = PackedPortal()
    queue, items = queue_to(portal, **ONE_FLIES), [exchange(number) for number in range(60)]
    await queue.send(exchange(-1))
    tasks = start(queue, *items)
    await asyncio.sleep(1)

    await queue.close(grace=1)
    endings = await ended(tasks)

    assert [type(ending) for ending in endings] == [ConnectionLost] * 50 + [ClientClosed] * 10
    assert [item.outcome for item in items] == [Outcome.UNKNOWN] * 50 + [Outcome.NOT_SENT] * 10
    assert len({id(ending) for ending in endings}) == 60
    assert len(asyncio.all_tasks()) == 1


class Gated(PackedPortal):
    """Refuses for now whatever it has, once a gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def send(self, signed: Signed, on_write: Callable[[], None]) -> Response:
        on_write()
        await self.gate.wait()
        raise QueryLimitExceeded("later")


@on_virtual_clock
async def test_a_group_that_is_refused_for_now_while_the_client_closes_ends_as_not_run():
    """In the turn in which closing waits for those at the limiter, nobody else would look at what comes back."""
    portal = Gated()
    queue = queue_to(portal, Plan(5, 2), max_in_flight=2)
    tasks = start(queue, *map(exchange, range(3)), exchange(3, alone=True))
    await asyncio.sleep(0.1)

    portal.gate.set()
    await queue.close(grace=0)

    endings = await asyncio.wait_for(ended(tasks), 1)
    assert {type(ending) for ending in endings} == {ClientClosed}


@on_virtual_clock
async def test_where_batches_have_met_a_limit_of_their_own_calls_leave_alone():
    portal = PackedPortal(troubles=[OperationTimeLimit("later")])
    queue = Retrying(queue_to(portal, **ONE_FLIES), RetryPolicy(), None)
    began = now()

    answers = await asyncio.gather(*(queue.send(exchange(number)) for number in range(6)))

    assert [answer.result for answer in answers] == list(range(6))
    assert portal.sizes == [6, 1, 1, 1, 1, 1, 1]
    assert now() - began < 5


@on_virtual_clock
async def test_a_long_queue_that_waits_for_the_reserve_as_its_method_is_blocked_goes_on_when_that_opens():
    portal = PackedPortal(seconds=0.01)
    line = queue_to(portal, max_in_flight=64)
    await line.send(exchange(-1))
    queue, began = Retrying(line, RetryPolicy(), None), now()
    portal.run = lambda number: BLOCKED if 0.1 < now() - began < 50 else number
    portal.told = {"operating": 0.0, "operating_reset_at": 10.0, "finish": 1.0}

    sending = asyncio.gather(*(queue.send(exchange(number)) for number in range(4000)))
    answers = await asyncio.wait_for(sending, 300)

    assert [answer.result for answer in answers] == list(range(4000))
    assert now() - began >= 60


TROUBLES: list[Any] = [
    None,
    None,
    QueryLimitExceeded,
    ExpiredToken,
    OperationTimeLimit,
    AccessDenied,
    PortalUnreachable,
    ConnectionLost,
    lambda: Moved("https://b.example"),
]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_subset_may_be_cancelled_at_any_point_and_every_answer_is_that_of_its_call(data):
    count = data.draw(st.integers(1, 60))
    moments = st.one_of(st.floats(0, 12), st.integers(-6, -1))
    cancelled = data.draw(st.dictionaries(st.integers(0, count - 1), moments, max_size=count))
    troubles = data.draw(st.lists(st.sampled_from(TROUBLES), max_size=8))
    refused = data.draw(st.dictionaries(st.integers(0, count - 1), st.sampled_from([REFUSED, BLOCKED, MISSING])))
    on_virtual_clock(_cancel_some)(count, cancelled, troubles, refused)


async def _after(moment: float, task: asyncio.Task[Any]) -> None:
    """Cancel at a time, or after as many turns of the loop as a negative number says."""
    for _ in range(-int(moment)):
        await asyncio.sleep(0)
    await asyncio.sleep(max(0.0, moment))
    task.cancel()


async def _cancel_some(count: int, cancelled: dict[int, float], troubles: list[Any], refused: dict[int, Any]) -> None:
    limiter = MemoryRateLimiter(Plan(10, 2))
    portals = [
        PackedPortal(lambda number: refused.get(number, number), 0.2, [make and make() for make in troubles])
        for _ in range(2)
    ]
    queues = [queue_to(portal, limiter, max_in_flight=3) for portal in portals]
    kinds = [(ADD, Safety.CREATE), (GET, Safety.SAFE), ("im.message.add", Safety.CREATE)]
    items = [exchange(n, kinds[n % 3][0], safety=kinds[n % 3][1], alone=n % 7 == 0) for n in range(count)]
    tasks = [task for number, item in enumerate(items) for task in start(queues[number % 2], item)]
    cancelling = [asyncio.create_task(_after(moment, tasks[number])) for number, moment in cancelled.items()]

    endings = await asyncio.wait_for(ended(tasks), 1e5)
    await asyncio.gather(*cancelling)
    await asyncio.sleep(1000)

    ran = Counter(portals[0].ran + portals[1].ran)
    for number, (item, ending) in enumerate(zip(items, endings, strict=True)):
        assert isinstance(ending, Response | BitrixError | asyncio.CancelledError)
        assert ran[number] <= 1
        if isinstance(ending, Response):
            assert (ending.result, item.outcome) == (number, Outcome.DONE)
        if isinstance(ending, BitrixError):
            assert ending.outcome is item.outcome
        if item.outcome is Outcome.NOT_SENT:
            assert ran[number] == 0
    assert len(asyncio.all_tasks()) == 1
    assert limiter.free() == 6
    for portal in portals:
        portal.troubles.clear()
    refused.clear()
    for number in range(12):
        later = exchange(number, "im.chat.leave")
        assert (await asyncio.wait_for(queues[number % 2].send(later), 1000)).result == number
