"""Rows 13 to 15: answers that come too late, or not at all, while the portal may still be working.

That a lookup finds nothing proves nothing as long as it may: the chat appears when everybody has stopped waiting.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import aiohttp
import pytest

from bitrix_chat import BitrixChat, ConnectionLost, Outcome, OutcomeUnknown, UnexpectedAnswer
from bitrix_chat.portal import Fault, Plan, Portal, PortalPolicy
from bitrix_chat.testing import on_virtual_clock
from bitrix_chat.transport.reconciling import QUIESCENCE
from bitrix_chat.transport.wire import ANSWER_TIMEOUT, Wire
from tests.faults.matrix import Seen, row
from tests.faults.scenes import at, behind
from tests.faults.trouble import End, Moment, Trouble

T = TypeVar("T")

SILENT = Trouble(moment=Moment.REQUEST, end=End.SILENCE)
SWALLOWED = Trouble(moment=Moment.BODY, after=5, end=End.SILENCE)
STALLED = Trouble(moment=Moment.ANSWER, after=-1, end=End.SILENCE)
DRIPPING = Trouble(drip=2.0)
SLOW = Fault(method="im.chat.add", delay=45.0)
"""The portal creates the chat 45 seconds after it was asked to."""

UNHEARD = PortalPolicy(overtime_completes=True)


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients wait for an answer for 10 seconds, for which they have no option."""
    monkeypatch.setattr("bitrix_chat.transport.stack.Wire", partial(Wire, answer_timeout=10.0))


impatient = pytest.mark.usefixtures("_impatient")


@asynccontextmanager
async def working(*faults: Fault, **options: Any) -> AsyncIterator[tuple[Portal, BitrixChat]]:
    """A portal with faults in line, and a client with the quiescence of the cloud."""
    async with Portal(plan=Plan.UNLIMITED, **options) as portal, portal.client() as b24:
        portal.faults.add(*faults)
        yield portal, b24


async def unknown(b24: BitrixChat, after: float) -> OutcomeUnknown:
    """Create a chat without a key, whose outcome is unknown after some seconds and stays so."""
    began, call = now(), b24.im.chat.add(title="Shelf")
    with pytest.raises(OutcomeUnknown) as raised:
        await call
    assert now() - began == pytest.approx(after, abs=0.1)
    assert call.outcome is raised.value.outcome
    assert isinstance(raised.value.__cause__, ConnectionLost | UnexpectedAnswer)
    await asyncio.sleep(150)
    return raised.value


async def found(portal: Portal, b24: BitrixChat, after: float, **fields: Any) -> tuple[Outcome, Outcome]:
    """Create a chat by its key, which is done after some seconds; return what was known before and what is now."""
    began, call = now(), b24.im.chat.add(title="Shelf", key="deal", **fields)
    chat_id, halfway = await asyncio.gather(call, at(min(after / 2, 30), lambda: call.outcome))
    assert now() - began == pytest.approx(after, abs=0.1)
    assert list(portal.chats) == [chat_id]
    await asyncio.sleep(150)
    assert list(portal.chats) == [await b24.im.chat.add(key="deal")]
    return halfway, call.outcome


@row(13, fault="no answer in time, executed", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_a_create_without_an_answer_in_time_is_not_repeated(seen: Seen):
    async with behind(SILENT) as (portal, _, b24):
        seen(await unknown(b24, ANSWER_TIMEOUT), executions=portal.executions["im.chat.add"])


@row(13, fault="no answer in time, not executed", expected="UNKNOWN", executions=0)
@on_virtual_clock
async def test_a_create_that_a_black_hole_swallowed_is_not_repeated_either(seen: Seen):
    async with behind(SWALLOWED) as (portal, _, b24):
        seen(await unknown(b24, ANSWER_TIMEOUT), executions=portal.executions["im.chat.add"])


@row(13, fault="no answer in time, with a key", expected="UNKNOWN -> DONE", executions=1)
@pytest.mark.parametrize("trouble", [SILENT, SWALLOWED], ids=["executed", "not executed"])
@on_virtual_clock
async def test_a_create_without_an_answer_in_time_is_found_or_repeated_by_its_key(seen: Seen, trouble: Trouble):
    """The quiescence is over by then, so that one look decides."""
    async with behind(trouble) as (portal, _, b24):
        steps = await found(portal, b24, ANSWER_TIMEOUT, key_is_new=True)
        seen(*steps, executions=portal.executions["im.chat.add"])


@row(13, fault="deadline of the call after it has left", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_a_deadline_after_it_has_left_leaves_the_outcome_unknown(seen: Seen):
    async with working(SLOW) as (portal, b24):
        call = b24.im.chat.add(title="Shelf").within(10)
        with pytest.raises(OutcomeUnknown, match="not done within 10 s") as raised:
            await call
        assert call.outcome is raised.value.outcome
        assert not portal.chats
        await asyncio.sleep(150)
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(14, fault="answer stalls", expected="UNKNOWN", executions=1)
@pytest.mark.parametrize("trouble", [STALLED, DRIPPING], ids=["in its last byte", "between any two bytes"])
@on_virtual_clock
async def test_an_answer_that_stalls_is_given_up_with_the_attempt(seen: Seen, trouble: Trouble):
    async with behind(trouble) as (portal, _, b24):
        seen(await unknown(b24, ANSWER_TIMEOUT), executions=portal.executions["im.chat.add"])


@row(14, fault="answer stalls, with a key", expected="UNKNOWN -> DONE", executions=1)
@pytest.mark.parametrize("trouble", [STALLED, DRIPPING], ids=["in its last byte", "between any two bytes"])
@on_virtual_clock
async def test_a_chat_whose_answer_stalled_is_found_by_its_key(seen: Seen, trouble: Trouble):
    async with behind(trouble) as (portal, _, b24):
        steps = await found(portal, b24, ANSWER_TIMEOUT, key_is_new=True)
        seen(*steps, executions=portal.executions["im.chat.add"])


@row(14, fault="sock_read of the caller's session is shorter", expected="DONE", executions=1)
@on_virtual_clock
async def test_a_callers_session_does_not_make_the_client_less_patient(seen: Seen):
    timeout = aiohttp.ClientTimeout(total=20, sock_read=5)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        behind(Trouble(delay=45), session=session) as (portal, _, b24),
    ):
        call = b24.im.chat.add(title="Shelf")
        assert await call in portal.chats
        seen(call.outcome, executions=portal.executions["im.chat.add"])


@row(15, fault="answer after our timeout", expected="UNKNOWN", executions=1)
@impatient
@on_virtual_clock
async def test_a_create_that_runs_after_our_timeout_is_reported_and_never_repeated(seen: Seen):
    async with working(SLOW) as (portal, b24):
        error = await unknown(b24, 10.0)
        assert len(portal.chats) == 1
        seen(error, executions=portal.executions["im.chat.add"])


@row(15, fault="answer after our timeout, with a key", expected="UNKNOWN -> DONE", executions=1)
@impatient
@on_virtual_clock
async def test_an_early_look_that_finds_nothing_does_not_conclude(seen: Seen):
    """Looks: before it is sent, at 15 s, which finds nothing, and at 60 s, which finds the chat."""
    async with working(SLOW) as (portal, b24):
        steps, early, late = await asyncio.gather(
            found(portal, b24, 60.0),
            at(40, lambda: dict(portal.executions)),
            at(65, lambda: dict(portal.executions)),
        )
        assert early == {"im.chat.get": 2}
        assert late == {"im.chat.get": 3, "im.chat.add": 1}
        seen(*steps, executions=portal.executions["im.chat.add"])


@row(15, fault="answer after the last early look", expected="UNKNOWN -> DONE", executions=1)
@impatient
@pytest.mark.parametrize("seconds", [61.0, 100.0, QUIESCENCE - 1])
@on_virtual_clock
async def test_only_the_look_at_the_end_of_the_quiescence_concludes(seen: Seen, seconds: float):
    """A portal that takes longer than the cloud's 60 s, as far as the quiescence reaches."""
    async with working(Fault(method="im.chat.add", delay=seconds)) as (portal, b24):
        steps, late = await asyncio.gather(
            found(portal, b24, QUIESCENCE), at(QUIESCENCE - 0.5, lambda: dict(portal.executions))
        )
        assert late == {"im.chat.get": 3, "im.chat.add": 1}
        seen(*steps, executions=portal.executions["im.chat.add"])


@row(15, fault="deadline of the call before the answer", expected="UNKNOWN -> DONE", executions=1)
@on_virtual_clock
async def test_a_later_call_with_the_key_takes_up_what_a_deadline_left_open(seen: Seen):
    """It finds nothing at 15 s, and waits, since what the first has sent may still come true."""
    async with working(SLOW) as (portal, b24):
        first = b24.im.chat.add(title="Shelf", key="deal").within(10)
        with pytest.raises(OutcomeUnknown, match="deal") as raised:
            await first
        assert (raised.value.marker, raised.value.method) == ("deal", "im.chat.add")
        assert first.outcome is raised.value.outcome
        assert not portal.chats
        second = b24.im.chat.add(title="Shelf", key="deal", key_is_new=True)
        assert await second in portal.chats
        assert portal.executions["im.chat.get"] == 3
        assert len(portal.chats) == 1
        seen(raised.value, second.outcome, executions=portal.executions["im.chat.add"])


@row(15, fault="gateway gives up, portal goes on", expected="UNKNOWN", executions=1)
@on_virtual_clock
async def test_a_gateway_that_gives_up_says_nothing_of_the_portal_behind_it(seen: Seen):
    late = Fault(method="im.chat.add", delay=0.9)
    async with working(late, execution_limit=0.5, policy=UNHEARD) as (portal, b24):
        seen(await unknown(b24, 0.5), executions=portal.executions["im.chat.add"])
        assert len(portal.chats) == 1


@row(15, fault="gateway gives up, with a key", expected="UNKNOWN -> DONE", executions=1)
@pytest.mark.parametrize(
    "policy",
    [PortalPolicy(overtime=how, overtime_completes=goes_on) for how in ("html", "drop") for goes_on in (True, False)],
    ids=["504, goes on", "504, dies", "closed, goes on", "closed, dies"],
)
@on_virtual_clock
async def test_what_a_gateway_gave_up_is_found_when_the_portal_is_through_with_it(seen: Seen, policy: PortalPolicy):
    """Or sent again then, if the portal was stopped too: the client cannot know, and need not."""
    late = Fault(method="im.chat.add", delay=0.9)
    async with Portal(plan=Plan.UNLIMITED, execution_limit=0.5, policy=policy) as portal:
        portal.faults.add(late)
        async with portal.client(quiescence=1.0) as b24:
            steps = await found(portal, b24, 1.0)
        seen(*steps, executions=portal.executions["im.chat.add"])
