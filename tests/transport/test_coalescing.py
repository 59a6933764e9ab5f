"""Calls that wait travel together: who leaves with whom, how many, and when."""

import asyncio
from typing import Any

import pytest

from bitrix_chat import ENTERPRISE, MemoryRateLimiter, Plan
from bitrix_chat.errors import DeadlineExceeded, InvalidParameter
from bitrix_chat.rest.packing import LONGEST_BATCH
from bitrix_chat.rest.request import Exchange, Request, Response, Safety
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.announcing import Announcing
from bitrix_chat.transport.dispatch import Dispatch
from bitrix_chat.transport.grouping import UNTRIED
from tests.transport.fakes import UNLIMITED, PackedPortal, exchange, queue_to, results, start

ADD, GET = "im.chat.add", "im.chat.get"
MANY = 16 * UNTRIED
"""As many as leave at once, of a method that nobody has seen."""


def now() -> float:
    return asyncio.get_running_loop().time()


def reading(number: int) -> Exchange:
    return exchange(number, GET, safety=Safety.SAFE)


async def known(queue: Dispatch, *methods: str) -> None:
    """Let the queue see what calls take."""
    for method in methods or (ADD,):
        await queue.send(exchange(-1, method))


@on_virtual_clock
async def test_a_few_calls_leave_at_once_and_alone():
    portal = PackedPortal()
    began = now()

    assert await results(start(queue_to(portal), *map(exchange, range(16)))) == list(range(16))

    assert portal.groups == [[number] for number in range(16)]
    assert set(portal.times) == {began}


@pytest.mark.parametrize(("count", "sizes"), [(17, [2, 1]), (40, [3, 2]), (96, [6]), (MANY, [UNTRIED])])
@on_virtual_clock
async def test_many_leave_at_once_in_as_many_groups_as_may_fly(count, sizes):
    portal = PackedPortal()
    began = now()

    assert await results(start(queue_to(portal), *map(exchange, range(count)))) == list(range(count))

    assert portal.order == list(range(count))
    assert len(portal.groups) == 16
    assert set(portal.sizes) == set(sizes)
    assert set(portal.times) == {began}


@on_virtual_clock
async def test_thousands_leave_fifty_at_a_time():
    portal = PackedPortal(seconds=0.01)
    queue = queue_to(portal)
    await known(queue)

    assert await results(start(queue, *map(exchange, range(1600)))) == list(range(1600))

    assert portal.sizes[1:17] == [50] * 16
    assert max(portal.sizes) == 50
    assert len(portal.sizes) <= 46


@pytest.mark.parametrize(("seconds", "sizes"), [(0.001, [40]), (0.1, [18, 13, 7, 2]), (0.2, [13, 11, 8, 6, 2])])
@on_virtual_clock
async def test_where_requests_are_scarce_a_group_takes_what_would_not_be_done_sooner_by_a_later_one(seconds, sizes):
    portal = PackedPortal(seconds=seconds)
    queue = queue_to(portal, Plan(5, 2), max_in_flight=16)
    await known(queue)
    began = now()

    await results(start(queue, *map(exchange, range(40))))

    assert portal.sizes[1:] == sizes
    assert portal.times[1] - began <= 0.5


@on_virtual_clock
async def test_before_a_long_queue_of_a_method_nobody_has_seen_one_call_goes_ahead():
    portal = PackedPortal()
    queue = queue_to(portal)
    began = now()

    tasks = start(queue, *map(exchange, range(MANY + 1)))
    await asyncio.sleep(0.05)
    assert portal.groups == [[0]]
    assert await results(start(queue, reading(900))) == [900]
    await asyncio.gather(*tasks)

    assert portal.order == [0, 900, *range(1, MANY + 1)]
    assert portal.times[2] - began == pytest.approx(0.1)


@on_virtual_clock
async def test_one_goes_ahead_where_requests_are_not_scarce_too():
    portal = PackedPortal()

    tasks = start(queue_to(portal, UNLIMITED), *map(exchange, range(MANY + 1)))
    await asyncio.sleep(0.05)

    assert portal.groups == [[0]]
    assert await results(tasks) == list(range(MANY + 1))


@on_virtual_clock
async def test_what_calls_take_decides_how_many_a_request_holds():
    portal = PackedPortal(seconds=5.0)
    queue = queue_to(portal)
    await known(queue)

    await results(start(queue, *map(exchange, range(200))))

    assert max(portal.sizes) == 6  # of 5 s each


@on_virtual_clock
async def test_the_last_groups_are_of_a_size_that_lets_all_end_together():
    portal = PackedPortal(seconds=1.0)
    queue = queue_to(portal, UNLIMITED, max_in_flight=2)
    await known(queue)

    tasks = start(queue, *map(exchange, range(20)))
    await asyncio.sleep(5)
    tasks += start(queue, *map(exchange, range(20, 26)))
    await asyncio.gather(*tasks)

    assert portal.sizes == [1, 10, 10, 3, 3]


@on_virtual_clock
async def test_reads_and_writes_leave_apart():
    portal = PackedPortal()
    queue = queue_to(portal)
    items = [exchange(n) if n % 2 else reading(n) for n in range(100)]

    assert await results(start(queue, *items)) == list(range(100))

    assert all(len(methods) == 1 for methods in portal.methods)
    assert {1, 2} & {len(methods) for methods in portal.methods} == {1}
    assert max(portal.sizes) > 1


@on_virtual_clock
async def test_different_writes_leave_together_in_their_order():
    portal = PackedPortal()
    items = [exchange(n, ADD if n % 3 else "im.message.add") for n in range(48)]

    assert await results(start(queue_to(portal), *items)) == list(range(48))

    assert portal.groups[:12] == [[n, n + 1, n + 2] for n in range(0, 36, 3)]
    assert [n for n in portal.order if n % 3] == [n for n in range(48) if n % 3]
    assert [n for n in portal.order if not n % 3] == list(range(0, 48, 3))


@on_virtual_clock
async def test_nobody_waits_behind_more_than_a_group_of_a_longer_queue():
    """Whatever came first: six and sixty, of another method and on the other side, beside thousands."""
    portal = PackedPortal(seconds=0.01)
    queue = queue_to(portal, Plan(5, 2))
    await known(queue, ADD, "im.message.add")
    await queue.send(reading(-1))
    tasks = start(queue, *map(exchange, range(5000)))
    await asyncio.sleep(2)
    before = len(portal.groups)

    start_of = {9000: 6, 9100: 60, 9200: 6, 9300: 60}
    later = [reading(9000 + n) for n in range(6)] + [exchange(9100 + n, "im.message.add") for n in range(60)]
    later += [exchange(9200 + n, "im.message.update") for n in range(6)]
    later += [exchange(9300 + n, "im.user.list.get", safety=Safety.SAFE) for n in range(60)]
    await asyncio.gather(*start(queue, *later))

    assert all(any(first in group for group in portal.groups[before : before + 6]) for first in start_of)
    assert len(portal.groups) - before <= 20
    assert sum(task.done() for task in tasks) < 4000
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@on_virtual_clock
async def test_what_would_lose_anything_in_a_batch_leaves_alone():
    portal = PackedPortal()
    lossy = [Exchange(Request(ADD, {"number": n, "avatar": None})) for n in range(0, 60, 5)]
    items = [lossy[n // 5] if n % 5 == 0 else exchange(n) for n in range(60)]

    assert await results(start(queue_to(portal), *items)) == list(range(60))

    together = [number for group in portal.groups if len(group) > 1 for number in group]
    assert together
    assert [n for n in together if n % 5 == 0] == []
    assert sorted(portal.order) == list(range(60))


@on_virtual_clock
async def test_a_value_that_nobody_can_send_fails_its_own_call():
    portal = PackedPortal()

    async def refuse(request: Request, moved_to: str | None = None) -> Any:
        if request.params.get("USERS"):
            raise InvalidParameter("no JSON")
        return await PackedPortal.sign(portal, request, moved_to)

    portal.sign = refuse
    bad = Exchange(Request(ADD, {"USERS": {1: 10**5000}}))

    ended = await asyncio.gather(*start(queue_to(portal), bad, *map(exchange, range(40))), return_exceptions=True)

    assert isinstance(ended[0], InvalidParameter)
    assert [answer.result for answer in ended[1:]] == list(range(40))


@on_virtual_clock
async def test_a_call_that_was_told_to_leaves_alone():
    portal = PackedPortal()
    items = [exchange(n, alone=n % 10 == 0) for n in range(40)]

    assert await results(start(queue_to(portal), *items)) == list(range(40))

    assert [[n] for n in range(0, 40, 10)] == [group for group in portal.groups if group[0] % 10 == 0]
    assert max(portal.sizes) > 1


@on_virtual_clock
async def test_a_batch_of_the_callers_own_leaves_as_it_is():
    portal = PackedPortal()
    own = Exchange(Request("batch", {"cmd": {"mine": f"{ADD}?number=99"}}))

    answers = await asyncio.gather(*start(queue_to(portal), *map(exchange, range(40)), own))

    assert answers[-1].result["result"] == {"mine": 99}
    assert [99] in portal.groups


@on_virtual_clock
async def test_it_can_be_switched_off():
    portal = PackedPortal()

    await results(start(queue_to(portal, UNLIMITED, coalesce=False), *map(exchange, range(100))))

    assert portal.sizes == [1] * 100


@on_virtual_clock
async def test_commands_of_a_batch_are_at_most_a_mebibyte():
    portal = PackedPortal(seconds=0.001)
    queue = queue_to(portal, Plan(5, 2))
    await known(queue)
    items = [Exchange(Request(ADD, {"number": n, "text": "x" * 60_000})) for n in range(40)]

    assert await results(start(queue, *items)) == list(range(40))

    most = LONGEST_BATCH // 60_100
    assert portal.sizes[1:] == [most, most, 40 - 2 * most]


@on_virtual_clock
async def test_a_later_call_of_another_method_leaves_at_once_while_a_thousand_wait():
    portal = PackedPortal(seconds=0.4)
    queue = queue_to(portal, max_in_flight=64)
    await known(queue)
    tasks = start(queue, *map(exchange, range(5000)))
    await asyncio.sleep(1)
    assert not any(task.done() for task in tasks[4000:])

    for number in range(9000, 9004):
        asked = now()
        await queue.send(reading(number))
        assert now() - asked == pytest.approx(0.4)
    await asyncio.gather(*tasks)


@on_virtual_clock
async def test_a_handful_of_single_calls_take_the_reserve_at_once():
    """It fails where a long queue that waits for the reserve to fill has its turn all the same."""
    portal = PackedPortal(seconds=0.4)
    queue = queue_to(portal, max_in_flight=64)
    await known(queue)
    tasks = start(queue, *map(exchange, range(5000)))
    await asyncio.sleep(0.1)
    asked = now()

    await results(start(queue, *(exchange(9000 + n, method) for n, method in enumerate(("a", "b", "c", "d")))))

    assert now() - asked == pytest.approx(0.4)
    await asyncio.gather(*tasks)


@on_virtual_clock
async def test_a_reserve_that_was_taken_fills_again_while_a_long_queue_waits():
    portal = PackedPortal(seconds=0.05)
    limiter = MemoryRateLimiter()
    queue = queue_to(portal, limiter)
    await known(queue)
    tasks = start(queue, *map(exchange, range(6000)))
    await asyncio.sleep(10)
    await results(start(queue, *(exchange(9000 + n, f"some.{n}", alone=True) for n in range(12))))
    assert limiter.free() == 0

    await asyncio.sleep(5)
    assert limiter.free() >= 3
    asked = now()
    await queue.send(reading(9999))

    assert now() - asked == pytest.approx(0.05)
    assert not all(task.done() for task in tasks)
    await asyncio.gather(*tasks)


@on_virtual_clock
async def test_where_the_bucket_is_empty_a_single_call_is_behind_one_group_at_most():
    portal = PackedPortal(seconds=0.05)
    queue = queue_to(portal, Plan(5, 2))
    await known(queue)
    tasks = start(queue, *map(exchange, range(1000)))
    await asyncio.sleep(1.1)

    for number in range(9000, 9005):
        before = len(portal.groups)
        await queue.send(reading(number))
        assert portal.groups.index([number]) - before <= 1
    await asyncio.gather(*tasks)


@on_virtual_clock
async def test_a_long_queue_ends_however_many_single_calls_keep_coming():
    portal = PackedPortal(seconds=0.05)
    queue = queue_to(portal)
    await known(queue)
    began = now()
    tasks = start(queue, *map(exchange, range(4000)))

    async def keep_asking() -> None:
        for number in range(9000, 9400):
            stream.extend(start(queue, reading(number)))
            await asyncio.sleep(0.25)  # twice what the portal gives

    stream: list[asyncio.Task[Response]] = []
    asking = asyncio.create_task(keep_asking())
    await asyncio.gather(*tasks)

    assert now() - began < 100
    assert not asking.done()
    await asking
    await asyncio.gather(*stream)


@on_virtual_clock
async def test_a_long_queue_alone_uses_all_there_is():
    portal = PackedPortal(seconds=0.01)
    queue = queue_to(portal)
    await known(queue)
    began = now()

    await results(start(queue, *map(exchange, range(100 * 50))))

    assert max(portal.sizes) == 50
    assert now() - began == pytest.approx((101 - 46 + 4) / 2, abs=2)  # four stay in reserve until nobody else waits


@on_virtual_clock
async def test_two_clients_that_share_a_limiter_share_what_there_is():
    limiter = MemoryRateLimiter()
    portals = [PackedPortal(seconds=0.05) for _ in range(2)]
    queues = [queue_to(portal, limiter) for portal in portals]
    for queue in queues:
        await known(queue)
    began = now()

    tasks = [start(queue, *map(exchange, range(3000))) for queue in queues]
    ended = []
    for numbers in tasks:
        assert await results(numbers) == list(range(3000))
        ended.append(now() - began)

    assert sum(len(portal.groups) for portal in portals) <= 130
    assert ended == pytest.approx([40, 40], abs=15)


@on_virtual_clock
async def test_a_client_of_single_calls_beside_a_long_queue_does_not_starve_it():
    limiter = MemoryRateLimiter(Plan(14, 2))
    portal, single = PackedPortal(seconds=0.05), PackedPortal(seconds=0.05)
    queue, other = queue_to(portal, limiter), queue_to(single, limiter, coalesce=False)
    await known(queue)

    waiting = start(other, *map(exchange, range(600)))
    await asyncio.sleep(1)
    began = now()
    await results(start(queue, *map(exchange, range(500))))

    assert now() - began < 60
    assert not all(task.done() for task in waiting)
    await asyncio.gather(*waiting)


@on_virtual_clock
async def test_a_group_is_announced_as_a_whole_and_in_order_before_it_leaves():
    portal, announced = PackedPortal(), []

    async def departing(requests: Any) -> None:
        announced.append(([request.params["number"] for request in requests], len(portal.groups)))
        await asyncio.sleep(0.01)

    await results(start(queue_to(portal, announcing=Announcing(departing), max_in_flight=1), *map(exchange, range(8))))

    assert announced == [(list(range(8)), 0)]


@on_virtual_clock
async def test_a_deadline_is_reckoned_in_groups():
    portal = PackedPortal(seconds=0.01)
    queue = queue_to(portal, Plan(5, 2))
    await known(queue)
    waiting = start(queue, *(exchange(n) for n in range(200)))
    await asyncio.sleep(0)

    within, beyond = exchange(900, deadline=now() + 3.0), exchange(901, deadline=now() + 1.0)
    ended = await asyncio.gather(*start(queue, within, beyond), return_exceptions=True)

    assert ended[0].result == 900
    assert isinstance(ended[1], DeadlineExceeded)
    await asyncio.gather(*waiting)


@on_virtual_clock
async def test_no_more_leave_in_batches_than_the_operating_limit_has_room_for():
    portal = PackedPortal(seconds=1.0)
    portal.told = {"operating": 477.0, "operating_reset_at": 600.0, "finish": 1.0}
    queue = queue_to(portal, ENTERPRISE, operating_limit=480, max_in_flight=2)
    await known(queue)

    tasks = start(queue, *map(exchange, range(12)))
    await asyncio.sleep(0.5)

    assert portal.groups == [[-1], [0, 1, 2]]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
