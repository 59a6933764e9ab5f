"""Any calls cancelled at any point, through the whole stack on virtual time: what is left behind is nothing."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from attrs import define, evolve, field, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bitrix_chat import BitrixChat, BitrixError, Outcome, Plan
from bitrix_chat.auth import OAuthAuth, Token
from bitrix_chat.portal import Cut, Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.rest.request import Request
from bitrix_chat.testing import on_virtual_clock
from tests.cancellation.counting import CountingLimiter, complaints

TEN = Plan(14, 2)
"""Ten at once, then two a second."""
LONG = "x" * 300_000
"""Longer than what a socket takes at once, and than what travels in a batch."""

MOMENTS = st.floats(0, 12) | st.integers(-40, -1)
"""When to cancel: at a time, or after as many turns of the loop as a negative number says."""
FAULTS = st.sampled_from(
    [
        Fault(delay=3.0),
        Fault(delay_after=3.0),
        Fault(cut=Cut.BEFORE),
        Fault(cut=Cut.AFTER),
        Fault(status=503, body={"error": "QUERY_LIMIT_EXCEEDED"}),
        Fault(method="oauth/token", delay=4.0),
        Fault(method="oauth/token", status=502, body="<html>"),
    ]
)


@frozen
class Weather:
    """What happens to the calls.

    Attributes:
        cancelled: when each of those calls is cancelled.
        long: which calls have a body that is not written at once.
        expiring: when the access token expires.
        connections: how many a client may open; few make calls wait in the pool.
        in_flight: how many requests may fly.
        coalesce: whether calls may travel together.
    """

    count: int
    cancelled: dict[int, float]
    long: frozenset[int]
    expiring: list[float]
    faults: list[Fault]
    connections: int
    in_flight: int
    coalesce: bool = False


@st.composite
def weathers(draw: Any) -> Weather:
    count = draw(st.integers(1, 24))
    numbers = st.integers(0, count - 1)
    return Weather(
        count,
        draw(st.dictionaries(numbers, MOMENTS, max_size=count)),
        draw(st.frozensets(numbers, max_size=2)),
        draw(st.lists(st.floats(0, 8), max_size=2)),
        draw(st.lists(FAULTS, max_size=4)),
        draw(st.sampled_from([0, 1, 3])),
        draw(st.sampled_from([1, 4, 16])),
    )


@define
class Scene:
    """Calls under way, and who departed in what order."""

    portal: Portal
    limiter: CountingLimiter
    departed: list[int] = field(factory=list)
    b24: BitrixChat = field(init=False)
    calls: list[Any] = field(factory=list)
    tasks: list[asyncio.Task[Any]] = field(factory=list)

    async def departing(self, requests: Sequence[Request]) -> None:
        self.departed += (int(request.params["TITLE"]) for request in requests)

    def start(self, weather: Weather) -> None:
        for number in range(weather.count):
            about = LONG if number in weather.long else ""
            self.calls.append(self.b24.call("im.chat.add", {"TITLE": f"{number}", "DESCRIPTION": about}))
            self.tasks.append(asyncio.create_task(_settled(self.calls[-1])))

    def lanes(self, numbers: list[int], weather: Weather) -> list[list[int]]:
        """Tell those that may travel in a batch from those that may not, which let each other pass."""
        return [[number for number in numbers if (number in weather.long) is is_long] for is_long in (True, False)]

    def executions(self) -> Counter[int]:
        return Counter(int(chat.title) for chat in self.portal.chats.values())


async def _settled(call: Any) -> Any:
    try:
        return await call
    except BitrixError as error:
        return error


async def _after(moment: float, act: Any) -> None:
    for _ in range(-int(moment)):
        await asyncio.sleep(0)
    await asyncio.sleep(max(0.0, moment))
    act()


async def _under(weather: Weather, body: Any) -> None:
    """Begin the calls of a scene, with all that happens to them, and see that nothing of them stays."""
    with complaints() as heard:
        async with (
            Portal(plan=PortalPlan.UNLIMITED, cost=0.3) as portal,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=weather.connections)) as session,
        ):
            pair = portal.oauth
            token = Token(pair.access_token, pair.refresh_token, pair.client_endpoint)
            auth = OAuthAuth(
                pair.client_id, pair.client_secret, token, authorization_server=portal.authorization_server
            )
            scene = Scene(portal, CountingLimiter(TEN))
            options: dict[str, Any] = {"session": session, "limiter": scene.limiter, "departing": scene.departing}
            options |= {"max_in_flight": weather.in_flight, "coalesce": weather.coalesce}
            async with portal.client(auth, **options) as scene.b24:
                for fault in weather.faults:
                    portal.faults.add(fault)
                scene.start(weather)
                happenings = [asyncio.create_task(_after(when, portal.expire_tokens)) for when in weather.expiring]
                happenings += [
                    asyncio.create_task(_after(when, scene.tasks[number].cancel))
                    for number, when in weather.cancelled.items()
                ]
                await body(scene)
                await asyncio.gather(*happenings)
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
    assert heard == []


def _agree(scene: Scene) -> None:
    """What was told of each call is what the server did."""
    ran = scene.executions()
    for number, (call, task) in enumerate(zip(scene.calls, scene.tasks, strict=True)):
        known = {Outcome.UNKNOWN: (0, 1), Outcome.DONE: (1,)}.get(call.outcome, (0,))
        assert ran[number] in known, (number, call.outcome, task)
        if not task.cancelled() and not isinstance(task.result(), BitrixError):
            assert (call.outcome, ran[number]) == (Outcome.DONE, 1)


@pytest.mark.parametrize("coalesce", [True, False])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(weather=weathers())
def test_any_calls_cancelled_at_any_point_leave_no_slot_task_or_waiter_behind(weather, coalesce):
    on_virtual_clock(_cancel_some)(evolve(weather, coalesce=coalesce))


async def _cancel_some(weather: Weather) -> None:
    async def body(scene: Scene) -> None:
        _, waiting = await asyncio.wait(scene.tasks, timeout=300)
        assert not waiting
        await asyncio.sleep(100)
        _agree(scene)
        first = list(dict.fromkeys(scene.departed))
        for lane in [first] if not weather.coalesce else scene.lanes(first, weather):
            assert lane == sorted(lane)
        assert scene.limiter.out == scene.portal.hits
        assert scene.limiter.free() == TEN.burst
        scene.portal.faults.clear()
        began = asyncio.get_running_loop().time()
        assert await scene.b24.im.chat.add(title="999") in scene.portal.chats
        assert asyncio.get_running_loop().time() - began < 1

    await _under(weather, body)


@pytest.mark.parametrize("coalesce", [True, False])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(weather=weathers(), moment=MOMENTS, grace=st.sampled_from([0.0, 0.2, 2.0, 60.0]))
def test_closing_while_calls_run_ends_each_as_the_server_saw_it(weather, moment, grace, coalesce):
    on_virtual_clock(_close_meanwhile)(evolve(weather, coalesce=coalesce), moment, grace)


async def _close_meanwhile(weather: Weather, moment: float, grace: float) -> None:
    async def body(scene: Scene) -> None:
        for _ in range(-int(moment)):
            await asyncio.sleep(0)
        await asyncio.sleep(max(0.0, moment))
        await scene.b24.close(grace)
        _, waiting = await asyncio.wait(scene.tasks, timeout=1)
        assert not waiting
        await asyncio.sleep(100)
        _agree(scene)

    await _under(weather, body)


@on_virtual_clock
async def test_a_call_cancelled_in_the_queue_in_a_refresh_or_while_reading_has_the_outcome_of_that_place():
    """The scene of the properties above does reach these places; else they would show little."""
    calm = Weather(1, {}, frozenset(), [], [], 1, 1)
    seen = {}

    for place, weather, moment in (
        ("limiter", calm, -1),
        ("refresh", Weather(1, {}, frozenset(), [0.0], [Fault(method="oauth/token", delay=4.0)], 1, 1), 2.0),
        ("reading", Weather(1, {}, frozenset(), [], [Fault(method="im.chat.add", delay=3.0)], 1, 1), 2.0),
    ):

        async def body(scene: Scene, place: str = place, moment: float = moment) -> None:
            await _after(moment, scene.tasks[0].cancel)
            await asyncio.wait(scene.tasks)
            seen[place] = scene.calls[0].outcome

        await _under(weather, body)

    assert seen == {"limiter": Outcome.NOT_SENT, "refresh": Outcome.REFUSED_TEMPORARY, "reading": Outcome.UNKNOWN}
