"""Row of the matrix in which clocks disagree: no wait and no renewal goes by the wall clock of this machine."""

import asyncio
import time

import attrs
import pytest

from bitrix_chat import Call, DeadlineExceeded, Outcome
from bitrix_chat.auth import OAuthAuth, Token
from bitrix_chat.portal import Cut, Fault, Plan, Portal
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row

ADD = "im.chat.add"
HOUR = 3600.0
EPOCH = 1_800_000_000.0
SKEWS = [pytest.param(-HOUR, id="an hour behind"), pytest.param(HOUR, id="an hour ahead")]


class WallClock:
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.read = time.time

    def __call__(self) -> float:
        return self.read() + self.offset


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    clock = WallClock()
    monkeypatch.setattr(time, "time", clock)
    return clock


def now() -> float:
    return asyncio.get_running_loop().time()


def skewed(skew: float, **options) -> Portal:
    """A portal whose clock is off by `skew` seconds from ours."""
    return Portal(plan=Plan.UNLIMITED, clock=lambda: EPOCH + skew + now(), **options)


async def lasts(call: Call[int], clock: WallClock | None = None, jump: float = 0.0) -> float:
    """Await a call, setting the clock after a second; return how long it took."""
    began, creating = now(), asyncio.create_task(call)
    if clock is not None:
        await asyncio.sleep(1)
        clock.offset += jump
    await creating
    return now() - began


@row(34, fault="the portal's clock is", expected="DONE", executions=2)
@pytest.mark.parametrize("skew", [*SKEWS, pytest.param(0.0, id="right")])
@on_virtual_clock
async def test_the_wait_for_a_methods_reset_goes_by_the_portals_clock_alone(skew: float, seen: Seen):
    portal = skewed(skew, costs={ADD: 20.0}, operating_limit=30.0)
    async with portal, portal.client(operating_limit=30.0) as b24:
        began = now()
        await b24.im.chat.add(title="before")
        call = b24.im.chat.add(title="Shelf")
        await call
        assert portal.blocked == 0
        assert 600 <= now() - began <= 660
        seen(call.outcome, executions=portal.executions[ADD])


@row(34, fault="the portal's clock, met by a 429, is", expected="DONE", executions=3)
@pytest.mark.parametrize("skew", SKEWS)
@on_virtual_clock
async def test_the_wait_after_a_429_goes_by_the_portals_clock_alone(skew: float, seen: Seen):
    portal = skewed(skew, costs={ADD: 20.0}, operating_limit=30.0)
    async with portal, portal.client() as b24:
        began = now()
        for title in ("one", "two", "three"):
            call = b24.im.chat.add(title=title)
            await call
        assert portal.blocked == 1
        assert 600 <= now() - began <= 700
        seen(call.outcome, executions=portal.executions[ADD])


@row(34, fault="by our clock the token's end is", expected="DONE", executions=2)
@pytest.mark.parametrize("skew", SKEWS)
@on_virtual_clock
async def test_a_token_is_renewed_when_the_portal_says_so_and_not_when_our_clock_does(skew: float, seen: Seen):
    async with Portal(plan=Plan.UNLIMITED) as portal:
        pair = portal.oauth
        token = Token(pair.access_token, pair.refresh_token, pair.client_endpoint, expires=time.time() + skew)
        auth = OAuthAuth(pair.client_id, pair.client_secret, token, authorization_server=portal.authorization_server)
        async with portal.client(auth) as b24:
            await b24.im.chat.add(title="before")
            assert portal.token_requests == []
            portal.expire_tokens()
            call = b24.im.chat.add(title="Shelf")
            await call
            assert [asked.outcome for asked in portal.token_requests] == ["ok"]
            seen(call.outcome, executions=portal.executions[ADD])


@row(34, fault="a renewed token's end, by our clock, is", expected="DONE", executions=3)
@pytest.mark.parametrize("skew", SKEWS)
@on_virtual_clock
async def test_a_renewed_token_whose_end_seems_past_is_used_on(skew: float, seen: Seen, wall_clock: WallClock):
    async with Portal(plan=Plan.UNLIMITED) as portal:
        pair = portal.oauth
        token = Token.from_answer(attrs.asdict(pair))
        auth = OAuthAuth(pair.client_id, pair.client_secret, token, authorization_server=portal.authorization_server)
        async with portal.client(auth) as b24:
            portal.expire_tokens()
            wall_clock.offset = skew
            calls = [b24.im.chat.add(title="Shelf") for _ in range(3)]
            for call in calls:
                await call
            assert [asked.outcome for asked in portal.token_requests] == ["ok"]
            seen(calls[-1].outcome, executions=portal.executions[ADD])


@row(34, fault="our clock is set during the quiescence, by", expected="DONE", executions=1)
@pytest.mark.parametrize("jump", SKEWS)
@on_virtual_clock
async def test_the_quiescence_takes_no_notice_of_a_clock_that_is_set(jump: float, seen: Seen, wall_clock: WallClock):
    async with Portal(plan=Plan.UNLIMITED) as portal, portal.client(quiescence=120) as b24:
        portal.faults.add(Fault(method=ADD, cut=Cut.BEFORE))
        call = b24.im.chat.add(title="Shelf", key="deal-1")
        assert await lasts(call, wall_clock, jump) == pytest.approx(120, abs=1)
        assert len(portal.chats) == 1
        seen(call.outcome, executions=portal.executions[ADD])


@row(34, fault="our clock is set during a limit's wait, by", expected="DONE", executions=2)
@pytest.mark.parametrize("jump", SKEWS)
@pytest.mark.parametrize(("code", "wait"), [("QUERY_LIMIT_EXCEEDED", 2.0), ("OPERATION_TIME_LIMIT", 60.0)])
@on_virtual_clock
async def test_the_wait_for_a_limit_takes_no_notice_of_a_clock_that_is_set(
    code: str, wait: float, jump: float, seen: Seen, wall_clock: WallClock
):
    async with Portal(plan=Plan.UNLIMITED) as portal, portal.client() as b24:
        await b24.im.chat.add(title="before")
        portal.faults.add(Fault(method=ADD, status=429, body={"error": code}))
        call = b24.im.chat.add(title="Shelf")
        assert await lasts(call, wall_clock, jump) == pytest.approx(wait, abs=0.5)
        seen(call.outcome, executions=portal.executions[ADD])


@row(34, fault="our clock is set before the deadline, by", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("jump", SKEWS)
@on_virtual_clock
async def test_a_deadline_takes_no_notice_of_a_clock_that_is_set(jump: float, seen: Seen, wall_clock: WallClock):
    portal = Portal(plan=Plan.UNLIMITED, costs={"profile": 50.0})
    async with portal, portal.client(max_in_flight=1) as b24:
        flying = asyncio.create_task(b24.profile())
        await asyncio.sleep(0.1)
        began, call = now(), b24.im.chat.add(title="Shelf").within(30)
        with pytest.raises(DeadlineExceeded) as raised:
            await lasts(call, wall_clock, jump)
        assert now() - began == pytest.approx(30, abs=0.5)
        assert raised.value.outcome is call.outcome is Outcome.NOT_SENT
        await flying
        seen(raised.value, executions=portal.executions[ADD])
