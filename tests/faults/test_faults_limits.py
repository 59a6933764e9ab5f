"""Rows of the matrix in which the portal says "not now": whoever waits, waits once for all, and only as told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from bitrix_chat import (
    STANDARD,
    BitrixChat,
    DeadlineExceeded,
    MemoryRateLimiter,
    Outcome,
    PortalOverloaded,
    WebhookAuth,
)
from bitrix_chat.portal import Fault, Plan, Portal
from bitrix_chat.rest.request import Request
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row

ADD = "im.chat.add"
RESETS = {"past": (-5.0, 60.0), "absent": (None, 60.0), "in 10 min": (600.0, 600.0), "in 24 h": (86400.0, 86400.0)}


class Departures:
    """Notes when which chat's request leaves."""

    def __init__(self):
        self.noted: list[tuple[float, str]] = []

    async def note(self, group: Sequence[Request]) -> None:
        self.noted += [(now(), request.params["TITLE"]) for request in group]

    @property
    def titles(self) -> list[str]:
        return [title for _, title in self.noted]


def now() -> float:
    return asyncio.get_running_loop().time()


def time_limit() -> Fault:
    body = {"error": "OPERATION_TIME_LIMIT", "error_description": "Method is blocked due to operation time limit."}
    return Fault(method=ADD, status=429, body=body)


def answer_telling(reset: float | None) -> Fault:
    """Answer as after a call that leaves most of the limit, by a clock that is far from ours."""
    time = {"start": 5000.0, "finish": 5001.0, "duration": 1.0, "processing": 1.0, "operating": 1.0}
    told: dict[str, Any] = time if reset is None else time | {"operating_reset_at": 5001.0 + reset}
    return Fault(method=ADD, body={"result": 4, "time": told})


@asynccontextmanager
async def stranger(portal: Portal) -> AsyncIterator[None]:
    """Somebody else on our address: fills the portal's counter, then sends one request a second."""
    url = portal.add_webhook() + "profile"

    async def once(session: aiohttp.ClientSession) -> None:
        async with session.post(url, json={"a": 1}) as response:
            await response.read()

    async def keep_sending(session: aiohttp.ClientSession) -> None:
        while True:
            await once(session)
            await asyncio.sleep(1)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(once(session) for _ in range(50)))
        sending = asyncio.create_task(keep_sending(session))
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


@row(25, fault="refused for a stranger's requests", expected="DONE", executions=25)
@on_virtual_clock
async def test_one_refusal_is_one_pause_for_all_clients_and_changes_no_order(seen: Seen):
    limiter, departures, begun = MemoryRateLimiter(), Departures(), now()
    options: dict[str, Any] = {"limiter": limiter, "departing": departures.note, "coalesce": False}
    async with (
        Portal(plan=Plan.UNLIMITED) as portal,
        portal.client(**options) as b24,
        portal.client(**options) as other,
    ):
        portal.faults.add(Fault.query_limit(method=ADD))
        calls = [b24.im.chat.add(title=f"{number:02}") for number in range(24)]
        creating = [asyncio.create_task(call) for call in calls]
        await asyncio.sleep(1)
        assert [call.outcome for call in calls[:2]] == [Outcome.REFUSED_TEMPORARY, Outcome.DONE]
        assert limiter.pace < STANDARD.leak
        await other.im.chat.add(title="other")
        await asyncio.gather(*creating)

        first, then = departures.titles[:16], departures.titles[16:]
        assert first == [f"{number:02}" for number in range(16)]
        assert [title for title in then if title != "other"] == ["00", *(f"{number:02}" for number in range(16, 24))]
        after = [at - begun for at, _ in departures.noted[16:]]
        assert after[0] == pytest.approx(2.0, abs=0.2)
        assert after[-1] - after[0] > 3  # ten requests, of which the pause had made room for three
        assert {call.outcome for call in calls} == {Outcome.DONE}
        await asyncio.sleep(60)
        limiter.wait(1)
        assert limiter.pace == STANDARD.leak
        seen(calls[0].outcome, executions=portal.executions[ADD])


@row(25, fault="a stranger fills the counter and goes on", expected="DONE", executions=150)
@pytest.mark.parametrize("together", [False, True])
@on_virtual_clock
async def test_beside_a_stranger_every_chat_is_created_once(seen: Seen, *, together: bool):
    limiter = MemoryRateLimiter()
    async with Portal(plan=Plan.STANDARD, clock=now) as portal, stranger(portal):
        async with portal.client(limiter=limiter, coalesce=together) as b24:
            calls = [b24.im.chat.add(title=f"{number:03}") for number in range(150)]
            ids = await asyncio.gather(*calls)
        ours = [request.status for request in portal.requests if request.user_agent.startswith("bitrix_chat/")]
        assert [portal.chats[chat_id].title for chat_id in ids] == [f"{number:03}" for number in range(150)]
        assert len(portal.chats) == 150
        assert ours.count(200) < 50 if together else ours.count(200) == 150
        assert 0 < ours.count(503) <= 25  # sixteen flew when the first was refused
        assert {call.outcome for call in calls} == {Outcome.DONE}
        seen(calls[-1].outcome, executions=portal.executions[ADD])


@row(26, fault="429, and the reset is", expected="REFUSED_TEMPORARY -> DONE", executions=1)
@pytest.mark.parametrize("reset", RESETS)
@on_virtual_clock
async def test_a_method_is_held_back_until_its_reset_and_never_less_than_a_minute(reset: str, seen: Seen):
    told, wait = RESETS[reset]
    async with Portal(plan=Plan.UNLIMITED) as portal, portal.client() as b24:
        portal.faults.add(answer_telling(told), time_limit())
        await b24.im.chat.add(title="before")
        began, call = now(), b24.im.chat.add(title="Shelf")
        creating = asyncio.create_task(call)
        await asyncio.sleep(wait - 1)
        meanwhile, hits = call.outcome, portal.hits
        await creating
        assert now() - began == pytest.approx(wait, abs=0.5)
        assert (hits, portal.hits) == (2, 3)
        seen(meanwhile, call.outcome, executions=portal.executions[ADD])


@row(26, fault="429, others meanwhile", expected="DONE", executions=1)
@on_virtual_clock
async def test_a_429_holds_back_no_other_method_and_no_other_caller(seen: Seen):
    async with Portal(plan=Plan.UNLIMITED) as portal, portal.client() as b24:
        portal.faults.add(time_limit())
        held = asyncio.create_task(b24.im.chat.add(title="held"))
        await asyncio.sleep(1)
        began = now()
        await b24.profile()
        async with portal.client(WebhookAuth(portal.add_webhook(2))) as other:
            call = other.im.chat.add(title="of another caller")
            await call
        assert now() - began < 1
        assert not held.done()
        executions = portal.executions[ADD]
        await held
        seen(call.outcome, executions=executions)


@row(26, fault="429, and the deadline comes first", expected="REFUSED_TEMPORARY", executions=0)
@on_virtual_clock
async def test_a_wait_beyond_the_deadline_is_refused_at_once_and_says_how_long_it_is(seen: Seen):
    async with Portal(plan=Plan.UNLIMITED) as portal, portal.client() as b24:
        portal.faults.add(answer_telling(600), time_limit())
        await b24.im.chat.add(title="before")
        began, call = now(), b24.im.chat.add(title="Shelf").within(30)
        with pytest.raises(DeadlineExceeded, match=r"600\.0 s at the earliest") as raised:
            await call
        assert now() - began < 1
        assert raised.value.retry_at is not None
        await asyncio.sleep(700)
        assert portal.hits == 2
        assert raised.value.outcome is call.outcome
        seen(raised.value, executions=portal.executions[ADD])


@row(26, fault="429 of a limit lower than the client was told", expected="DONE", executions=4)
@on_virtual_clock
async def test_a_limit_lower_than_believed_is_met_once_and_remembered(seen: Seen):
    portal = Portal(plan=Plan.UNLIMITED, costs={ADD: 20.0}, operating_limit=30.0)
    async with portal, portal.client(operating_limit=480.0) as b24:
        calls = [b24.im.chat.add(title=f"{number}") for number in range(4)]
        began = now()
        for call in calls:
            await call
        assert portal.blocked == 1
        assert now() - began > 600
        seen(calls[-1].outcome, executions=portal.executions[ADD])


async def overloaded(b24: BitrixChat, portal: Portal) -> list[PortalOverloaded]:
    """Create ten chats one at a time, of which the first is told of the overload; return what all were told."""
    calls = [b24.im.chat.add(title=f"{number}") for number in range(10)]
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(error) for error in errors} == {PortalOverloaded}
    assert [error.outcome for error in errors] == [call.outcome for call in calls]
    await asyncio.sleep(600)
    assert portal.hits == 1
    return errors


@row(27, fault="OVERLOAD_LIMIT", expected="REFUSED", executions=0)
@pytest.mark.parametrize("status", [503, 401])
@on_virtual_clock
async def test_a_portal_that_was_blocked_by_hand_is_asked_by_nobody_who_waits(status: int, seen: Seen):
    async with Portal(plan=Plan.UNLIMITED) as portal, portal.client(max_in_flight=1) as b24:
        portal.faults.add(Fault.overload(status=status))
        errors = await overloaded(b24, portal)
        assert "REST API is blocked" in str(errors[-1])
        seen(errors[0], executions=portal.executions[ADD])


@row(27, fault="OVERLOAD_LIMIT, with a key", expected="REFUSED", executions=0)
@on_virtual_clock
async def test_a_key_asks_a_blocked_portal_no_more_questions(seen: Seen):
    async with Portal(plan=Plan.UNLIMITED) as portal, portal.client(quiescence=1.0) as b24:
        portal.faults.add(Fault.overload(method=ADD))
        call = b24.im.chat.add(title="Shelf", key="deal-1")
        with pytest.raises(PortalOverloaded) as raised:
            await call
        assert raised.value.outcome is call.outcome
        await asyncio.sleep(60)
        assert portal.hits == 2  # the first lookup, and the request itself
        seen(raised.value, executions=portal.executions[ADD])
