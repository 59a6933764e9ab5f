"""Calls with a bound in a queue of many: refused only if they surely come too late, and packed so that they do not."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bitrix_chat import STANDARD, DeadlineExceeded, Plan
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.request import Exchange, Response, Safety
from bitrix_chat.testing import on_virtual_clock
from tests.transport.fakes import UNLIMITED, FakeSigning, PackedPortal, exchange, queue_to, results, start

MANY = 10_000


def now() -> float:
    return asyncio.get_running_loop().time()


def reading(number: int, seconds: float, **options: Any) -> Exchange:
    return exchange(number, "profile", safety=Safety.SAFE, deadline=now() + seconds, **options)


async def stop(*tasks: "asyncio.Task[Response]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@pytest.mark.parametrize("alone", [False, True], ids=["packed", "alone"])
@pytest.mark.parametrize("seconds", [0, 12], ids=["before the portal is known", "while they leave"])
@on_virtual_clock
async def test_a_call_of_another_method_does_not_wait_behind_ten_thousand_creations(seconds, alone):
    queue = queue_to(PackedPortal(), STANDARD, max_in_flight=1)
    many = start(queue, *map(exchange, range(MANY)), exchange(-2, "server.time", safety=Safety.SAFE, alone=True))
    await asyncio.sleep(seconds)
    began = now()

    answer = await queue.send(reading(-1, 10, alone=alone))

    assert answer.result == -1
    assert now() - began < 10
    await stop(*many)


@pytest.mark.parametrize("seconds", [0, 12], ids=["before the portal is known", "while they leave"])
@on_virtual_clock
async def test_a_call_behind_ten_thousand_of_its_own_kind_is_refused_at_once_and_told_when(seconds):
    portal = PackedPortal()
    queue = queue_to(portal, STANDARD)
    many = start(queue, *map(exchange, range(MANY)))
    await asyncio.sleep(seconds)
    began, asked_at = now(), datetime.now(UTC)

    with pytest.raises(DeadlineExceeded, match="the portal's limits allow it in") as caught:
        await queue.send(exchange(-1, deadline=now() + 10))

    assert now() == began
    assert caught.value.outcome is Outcome.NOT_SENT
    assert caught.value.retry_at >= asked_at + timedelta(seconds=10)
    assert -1 not in portal.order
    await stop(*many)


@on_virtual_clock
async def test_calls_that_leave_alone_are_reckoned_one_a_request_and_only_behind_their_own():
    queue = queue_to(PackedPortal(), Plan(5, 2))
    many = start(queue, *(exchange(number, alone=True) for number in range(100)))
    await asyncio.sleep(1)

    answers = start(queue, exchange(-1, alone=True, deadline=now() + 40), reading(-2, 40))
    late, other = await asyncio.gather(*answers, return_exceptions=True)

    assert isinstance(late, DeadlineExceeded)
    assert other.result == -2
    await stop(*many)


@on_virtual_clock
async def test_batches_are_smaller_where_calls_have_less_time_and_nobody_is_sent_alone_for_it():
    portal = PackedPortal(seconds=0.2)
    queue = queue_to(portal, STANDARD)

    tasks = start(queue, *(exchange(number, deadline=now() + 45) for number in range(3000)))

    assert await results(tasks) == list(range(3000))
    assert len(portal.groups) <= 100


@on_virtual_clock
async def test_a_call_with_too_little_time_for_a_batch_leaves_in_one_of_its_own():
    portal = PackedPortal(seconds=0.2)
    queue = queue_to(portal, UNLIMITED, max_in_flight=1)
    await queue.send(exchange(-1))

    tasks = start(queue, exchange(0, deadline=now() + 0.3), *map(exchange, range(1, 9)))

    assert await results(tasks) == list(range(9))
    assert portal.groups[1] == [0]


class Unreadable(dict[str, Any]):
    """A `time` in which nothing can be found."""

    def __contains__(self, name: object) -> bool:
        raise ValueError("no such number")


@on_virtual_clock
async def test_whoever_has_an_answer_gets_it_whatever_its_time_teaches():
    signing = FakeSigning(lambda request: Response(request.params["number"], raw_time=Unreadable()))
    queue = queue_to(signing, UNLIMITED)  # type: ignore[arg-type]

    assert await results(start(queue, *map(exchange, range(3)))) == [0, 1, 2]
