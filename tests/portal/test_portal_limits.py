"""The portal's two limits, on a clock driven by hand."""

import pytest

from bitrix_chat.portal import Plan, PortalPolicy


async def hits(ask, count):
    """Return how many of `count` requests were let through."""
    replies = [await ask("server.time") for _ in range(count)]
    assert {reply.error for reply in replies if reply.status != 200} <= {(503, "QUERY_LIMIT_EXCEEDED")}
    return sum(reply.status == 200 for reply in replies)


@pytest.mark.parametrize(("plan", "capacity", "drain"), [(Plan.STANDARD, 50, 2), (Plan.ENTERPRISE, 250, 5)])
async def test_the_counter_blocks_above_its_capacity_and_drains_each_second(serve, clock, plan, capacity, drain):
    ask = await serve(plan=plan, clock=clock)
    assert await hits(ask, capacity + 10) == capacity
    clock.advance(0.9)
    assert await hits(ask, 3) == 0
    clock.advance(0.1)
    assert await hits(ask, 10) == drain
    clock.advance(3)
    assert await hits(ask, 20) == 3 * drain
    clock.advance(3600)
    assert await hits(ask, capacity + 1) == capacity
    assert ask.portal.peak_level == capacity


async def test_refused_hits_are_counted_apart_and_execute_nothing(serve, clock):
    ask = await serve(plan=Plan.STANDARD, clock=clock)
    replies = [await ask("im.chat.add") for _ in range(53)]
    assert replies[-1].body == {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}
    assert (ask.portal.hits, ask.portal.refused, len(ask.portal.chats)) == (53, 3, 50)
    assert [received.status for received in ask.portal.requests][-4:] == [200, 503, 503, 503]


async def test_a_portal_may_count_refused_hits_too(serve, clock):
    ask = await serve(plan=Plan.STANDARD, clock=clock, policy=PortalPolicy(refused_hits_count=True))
    assert await hits(ask, 54) == 50
    clock.advance(2)
    assert await hits(ask, 1) == 0


async def test_retry_after_is_absent_unless_wanted(serve, clock, session):
    for policy, header in [(PortalPolicy(), None), (PortalPolicy(retry_after=1.5), "1.5")]:
        ask = await serve(plan=Plan.STANDARD, clock=clock, policy=policy)
        await hits(ask, 50)
        async with session.get(ask.portal.webhook_url + "server.time") as response:
            assert response.status == 503
            assert response.headers.get("Retry-After") == header


async def test_a_batch_is_one_hit(serve, clock):
    ask = await serve(plan=Plan.STANDARD, clock=clock)
    for _ in range(50):
        await ask.batch([f"im.chat.add?TITLE={number}" for number in range(50)])
    assert await hits(ask, 1) == 0
    assert len(ask.portal.chats) == 2500


async def test_without_an_operating_limit_time_says_nothing_of_it(ask):
    assert set((await ask("im.chat.add")).body["time"]) == {
        "start",
        "finish",
        "duration",
        "processing",
        "date_start",
        "date_finish",
    }


class TestOperating:
    """Two seconds a call and a limit of ten."""

    @pytest.fixture
    def policy(self):
        return PortalPolicy()

    @pytest.fixture
    async def ask(self, serve, clock, policy):
        return await serve(clock=clock, sleep=clock.sleep, cost=2.0, operating_limit=10.0, policy=policy)

    async def test_the_call_that_crosses_runs_and_the_next_is_refused(self, ask, clock):
        start = clock.time
        replies = [await ask("im.chat.add") for _ in range(7)]
        assert [reply.status for reply in replies] == [200] * 6 + [429]
        assert replies[-1].body == {
            "error": "OPERATION_TIME_LIMIT",
            "error_description": "Method is blocked due to operation time limit.",
        }
        assert [reply.body["time"]["operating"] for reply in replies[:6]] == [2, 4, 6, 8, 10, 12]
        assert replies[5].body["time"]["operating_reset_at"] == start + 2 + 600
        assert (len(ask.portal.chats), ask.portal.blocked) == (6, 1)

    async def test_only_that_method_of_that_credential_is_blocked(self, ask):
        for _ in range(6):
            await ask("im.chat.add")
        assert (await ask("im.chat.get")).status == 200
        assert (await ask("im.chat.add", base=ask.portal.add_webhook())).status == 200
        assert (await ask.with_token("im.chat.add")).status == 200
        assert (await ask("im.chat.add")).status == 429

    async def test_a_minute_of_work_stops_counting_after_ten(self, ask, clock):
        start = clock.time
        for _ in range(3):
            await ask("im.chat.add")
        clock.time = start + 300
        for _ in range(3):
            await ask("im.chat.add")
        assert (await ask("im.chat.add")).status == 429
        clock.time = start + 601
        assert (await ask("im.chat.add")).status == 429
        clock.time = start + 602
        assert (await ask("im.chat.add")).body["time"]["operating"] == 8

    async def test_each_command_of_a_batch_is_billed_to_its_own_method(self, ask):
        reply = await ask("batch", {"cmd": ["im.chat.add"] * 8 + ["im.chat.get"]})
        parts = reply.result
        assert list(parts["result_error"]) == ["6", "7"]
        assert {error["error"] for error in parts["result_error"].values()} == {"OPERATION_TIME_LIMIT"}
        assert parts["result_time"]["5"]["operating"] == 12
        assert reply.body["time"]["operating"] == 0, "the batch itself is not billed"
        assert (ask.portal.blocked, len(ask.portal.chats)) == (2, 6)

    @pytest.mark.parametrize("cost", [0.1, 0.05])
    async def test_short_work_is_not_recorded(self, serve, clock, cost):
        ask = await serve(clock=clock, sleep=clock.sleep, cost=cost, operating_limit=0.2)
        replies = [await ask("im.chat.add") for _ in range(10)]
        assert [reply.body["time"]["operating"] for reply in replies] == [0] * 10

    async def test_costs_can_differ_by_method(self, serve, clock):
        ask = await serve(clock=clock, sleep=clock.sleep, costs={"im.chat.add": 3}, operating_limit=10.0)
        assert (await ask("im.chat.add")).body["time"]["duration"] == 3
        assert (await ask("im.chat.get")).body["time"]["duration"] == 0


class TestNewerPortals:
    """The batch itself is billed, at half weight; beyond the limit stands a ban of five minutes."""

    @pytest.fixture
    async def ask(self, serve, clock):
        policy = PortalPolicy(operating="batch")
        return await serve(clock=clock, sleep=clock.sleep, cost=2.0, operating_limit=10.0, policy=policy)

    async def test_a_batch_is_billed_half_of_its_commands_and_then_refused_whole(self, ask, clock):
        commands = {"cmd": ["im.chat.add"] * 6}
        replies = [await ask("batch", commands) for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        assert [reply.body["time"]["operating"] for reply in replies[:2]] == [6, 12]
        assert "operating" not in replies[0].result["result_time"][0]
        assert (await ask("im.chat.add")).status == 200
        clock.advance(250)
        assert (await ask("batch", commands)).status == 429
        clock.advance(50)
        assert (await ask("batch", commands)).body["time"]["operating"] == 6, "the ban has cleared the minutes"
        assert (ask.portal.blocked, ask.portal.executions) == (2, {"im.chat.add": 19})

    async def test_a_single_method_is_banned_too(self, ask, clock):
        for _ in range(6):
            assert (await ask("im.chat.add")).status == 200
        assert (await ask("im.chat.add")).status == 429
        clock.advance(300)
        assert (await ask("im.chat.add")).status == 200
