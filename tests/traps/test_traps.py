"""Traps in which other clients of rate-limited APIs were caught: each test fails on a client with that defect."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import define, field

from bitrix_chat import (
    BitrixChat,
    BitrixError,
    MemoryRateLimiter,
    OAuthAuth,
    Outcome,
    OutcomeUnknown,
    Plan,
    RestError,
    Token,
    TokenRefreshFailed,
)
from bitrix_chat.limits.bucket import PAUSE
from bitrix_chat.portal import Cut, Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.rest.request import Request
from bitrix_chat.testing import on_virtual_clock

UNLIMITED = Plan(1e9, 1e8)
TOO_MANY = {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}


@define
class Departures:
    """When each request left, by its title, in seconds since the first look at the clock."""

    began: float = field(factory=lambda: asyncio.get_running_loop().time())
    at: dict[str, list[float]] = field(factory=dict)

    async def note(self, requests: Sequence[Request]) -> None:
        for request in requests:
            self.at.setdefault(request.params["TITLE"], []).append(self.now())

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self.began


@asynccontextmanager
async def connected(
    auth: Any = None, *, plan: Plan = UNLIMITED, cost: float = 0.0, limit: float | None = None, **options: Any
) -> AsyncIterator[Any]:
    """A portal without a request limit, and a client of it that keeps a plan."""
    async with (
        Portal(plan=PortalPlan.UNLIMITED, cost=cost, operating_limit=limit) as portal,
        portal.client(auth and auth(portal), limiter=MemoryRateLimiter(plan), **options) as b24,
    ):
        yield portal, b24


def oauth(portal: Portal) -> OAuthAuth:
    pair = portal.oauth
    token = Token(pair.access_token, pair.refresh_token, pair.client_endpoint)
    return OAuthAuth(pair.client_id, pair.client_secret, token, authorization_server=portal.authorization_server)


def creating(b24: BitrixChat, numbers: range) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(settled(b24.im.chat.add(title=str(number)))) for number in numbers]


async def settled(call: Any) -> Any:
    try:
        return await call
    except BitrixError as error:
        return error


@on_virtual_clock
async def test_waiters_cancelled_together_leave_no_deadlock():
    """It fails where a cancelled waiter keeps its place in the queue, or ends the task that wakes the next."""
    async with connected(plan=Plan(5, 2), coalesce=False) as (portal, b24):
        tasks = creating(b24, range(6))
        await asyncio.sleep(0.1)
        for task in tasks[1:5]:
            task.cancel()

        done, waiting = await asyncio.wait(tasks, timeout=10)
        later = await asyncio.wait_for(b24.im.chat.add(title="later"), 10)

    assert not waiting
    assert [task in done and not task.cancelled() for task in tasks] == [True, False, False, False, False, True]
    assert later in portal.chats


FAILED_REFRESHES = {
    "502": Fault(method="oauth/token", status=502, body="<html>", delay=1.0),
    "reset": Fault(method="oauth/token", cut=Cut.BEFORE, delay=1.0),
}


@pytest.mark.parametrize("fault", FAILED_REFRESHES.values(), ids=FAILED_REFRESHES)
def test_a_refresh_that_fails_under_twenty_refused_calls_leaves_none_of_them_hanging(fault):
    """It fails where the one who refreshes raises without telling those who wait for the new token."""
    on_virtual_clock(_fail_to_refresh)(fault)


async def _fail_to_refresh(fault: Fault) -> None:
    async with connected(oauth, max_in_flight=20) as (portal, b24):
        portal.expire_tokens()
        portal.faults.add(fault)

        done, waiting = await asyncio.wait(creating(b24, range(20)), timeout=30)
        later = await b24.im.chat.add(title="later")

    assert not waiting
    assert {type(task.result()) for task in done} == {TokenRefreshFailed}
    assert list(portal.chats) == [later]


LOST_ANSWERS = {
    "reset": Fault(method="im.chat.add", cut=Cut.AFTER, times=9),
    "half an answer": Fault(method="im.chat.add", cut=Cut.TRUNCATE, times=9),
    "a gateway's 502": Fault(method="im.chat.add", status=502, body="<html>", execute=True, times=9),
    "a gateway's 504": Fault(method="im.chat.add", status=504, body="<html>", execute=True, times=9),
    "no answer in time": Fault(method="im.chat.add", delay_after=500.0, times=9),
}


@pytest.mark.parametrize("fault", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_a_call_whose_answer_is_lost_makes_one_chat_and_not_two_or_four(fault):
    """It fails where a create is repeated on 5xx or a lost connection, by the client or by aiohttp underneath."""
    on_virtual_clock(_lose_answers)(fault)


async def _lose_answers(fault: Fault) -> None:
    async with connected() as (portal, b24):
        portal.faults.add(fault)

        with pytest.raises(OutcomeUnknown):
            await b24.im.chat.add(title="Once")
        await asyncio.sleep(1000)

    assert portal.executions["im.chat.add"] == portal.hits == len(portal.chats) == 1


@on_virtual_clock
async def test_requests_count_as_they_leave_and_not_as_they_finish():
    """It fails where the limiter counts answers: with none here for half a minute, all 200 would leave at once."""
    async with (
        Portal(plan=PortalPlan.STANDARD, cost=30.0) as portal,
        portal.client(limiter=MemoryRateLimiter(), operating_limit=None, max_in_flight=200, coalesce=False) as b24,
    ):
        ids = await asyncio.gather(*(b24.im.chat.add(title=str(number)) for number in range(200)))

    assert len(set(ids)) == 200
    assert portal.refused == 0


@on_virtual_clock
async def test_operating_is_the_sum_of_ten_minutes_and_not_the_price_of_a_call():
    """It fails where `operating` is added up or taken for a price: 1 + 2 + 3 ... is 480 after thirty calls, not 400."""
    async with connected(cost=1.0, limit=480.0) as (portal, b24):
        began = asyncio.get_running_loop().time()
        ids = await asyncio.gather(*(b24.im.chat.add(title=str(number)) for number in range(400)))
        took = asyncio.get_running_loop().time() - began

    assert len(set(ids)) == 400
    assert portal.blocked == 0
    assert took == pytest.approx(400 / 16, abs=5)


@pytest.mark.parametrize("coalesce", [True, False])
@on_virtual_clock
async def test_one_refused_call_of_a_hundred_costs_no_other_its_result(coalesce):
    """It fails where the first error of many ends or hides the others, or their results move up to fill the gap."""
    async with connected(coalesce=coalesce) as (portal, b24):
        calls: list[Any] = [b24.im.chat.add(title=str(number)) for number in range(99)]
        calls.insert(37, b24.call("im.chat.add", {"USERS": [{"no": "id"}]}))

        results = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(results[37], RestError)
    assert results[37].outcome is calls[37].outcome is Outcome.REFUSED
    made = [portal.chats[chat_id].title for chat_id in results[:37] + results[38:]]
    assert made == [str(number) for number in range(99)]
    assert (portal.hits < 100) is coalesce


@on_virtual_clock
async def test_one_refused_command_of_a_batch_costs_no_other_its_result():
    """It fails where a batch is an error as soon as `result_error` is not empty, or results move up to fill the gap."""
    async with connected() as (portal, b24):
        calls: list[Any] = [b24.im.chat.add(title=str(number)) for number in range(50) if number != 37]
        calls.insert(37, b24.call("im.chat.add", {"USERS": [{"no": "id"}]}))

        result = await b24.batch(calls)

    assert [each.name for each in result.failed] == ["c37"]
    assert result[37].error.outcome is Outcome.REFUSED
    assert {n: portal.chats[each.value].title for n, each in enumerate(result) if each.error is None} == {
        number: str(number) for number in range(50) if number != 37
    }


@on_virtual_clock
async def test_results_come_in_the_order_of_the_calls_whichever_is_answered_first():
    """It fails where results are collected as they arrive."""
    async with connected(coalesce=False) as (portal, b24):
        for number in range(20):
            portal.faults.add(Fault(method="im.chat.add", delay_after=float(number * 7 % 20)))

        ids = await asyncio.gather(*(b24.im.chat.add(title=str(number)) for number in range(20)))

    assert [portal.chats[chat_id].title for chat_id in ids] == [str(number) for number in range(20)]


@on_virtual_clock
async def test_results_of_a_batch_come_in_the_order_of_its_calls_whatever_the_portals_order():
    """It fails where the answer's map is walked in its own order."""
    answer = {"result": {"result": {"c2": 12, "c0": 10, "c1": 11}, "result_error": [], "result_time": []}, "time": {}}
    async with connected() as (portal, b24):
        portal.faults.add(Fault(method="batch", status=200, body=answer))

        result = await b24.batch([b24.im.chat.add(title=str(number)) for number in range(3)])

    assert result.values() == [10, 11, 12]


@on_virtual_clock
async def test_cancelling_the_one_who_met_the_limit_blocks_nobody():
    """It fails where the refused call itself waits out the pause and opens the gate: cancelled, it never does."""
    async with connected() as (portal, b24):
        portal.faults.add(Fault(method="im.chat.add", status=503, body=TOO_MANY))
        tasks = creating(b24, range(1))
        await asyncio.sleep(0.5)
        assert portal.hits == 1
        tasks += creating(b24, range(1, 10))
        tasks[0].cancel()

        _, waiting = await asyncio.wait(tasks, timeout=PAUSE + 5)

    assert not waiting
    assert {chat.title for chat in portal.chats.values()} == {str(number) for number in range(1, 10)}


@on_virtual_clock
async def test_a_request_that_finishes_opens_no_gate_that_a_refusal_has_closed():
    """It fails where every answer sets the flag that a refusal has cleared."""
    departures = Departures()
    async with connected(departing=departures.note) as (portal, b24):
        portal.faults.add(
            Fault(method="im.chat.add", delay_after=1.0),
            Fault(method="im.chat.add", status=503, body=TOO_MANY),
        )
        early = [*creating(b24, range(1))]
        await asyncio.sleep(0.1)
        early += creating(b24, range(1, 2))
        await asyncio.sleep(0.1)
        refused_at = departures.at["1"][0]
        late = creating(b24, range(2, 12))
        await asyncio.gather(*early, *late)

    again = [departures.at["1"][1], *(departures.at[str(number)][0] for number in range(2, 12))]
    assert min(again) >= refused_at + PAUSE
    assert len(portal.chats) == 12
