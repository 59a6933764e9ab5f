"""A plan foretells what the portal's limits make of a run: by closed forms here, by playing it through there."""

import asyncio
import heapq
import math

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import ENTERPRISE, STANDARD, InvalidParameter, MemoryRateLimiter, Plan
from bitrix_chat.bulk.departures import Departures
from bitrix_chat.bulk.plan import Range, plan_of
from bitrix_chat.bulk.time_spans import spoken
from bitrix_chat.limits.conditions import Conditions
from bitrix_chat.portal import Portal
from bitrix_chat.portal.limits import OperatingKey, SlidingOperatingLimit
from bitrix_chat.testing import on_virtual_clock

ADD = "im.chat.add"


def conditions(plan=STANDARD, **changed):
    reserve = int(plan.burst * 0.1)
    usual = {
        "plan": plan,
        "free": int(plan.burst) - reserve,
        "reserve": reserve,
        "max_in_flight": 16,
        "max_commands": 50,
        "longest_batch": 30.0,
        "operating_limit": 480.0,
    }
    return Conditions(**usual | changed)


def planned(chats, limits=None, **told):
    return plan_of(chats, limits or conditions(), **{"method": ADD} | told)


def seconds(chats, limits=None, **told):
    plan = planned(chats, limits, **told)
    assert plan.is_cost_known
    assert plan.seconds.low == plan.seconds.high
    return plan.seconds.high


class Played:
    """A queue, a bucket, a portal that counts as the emulator does, and a sender that knows the rest of the budget."""

    def __init__(self, chats, limits, *, cost, duration):
        self.limits, self.cost, self.duration = limits, cost, duration
        self.now, self.waiting, self.tokens = 0.0, chats, float(limits.free)
        self.operating = SlidingOperatingLimit(limits.operating_limit, lambda: self.now)
        self.key = OperatingKey("credential", ADD)
        self.commands, self.landings = [], []
        self.requests = 0

    def run(self):
        while self.waiting or self.commands:
            self.send()
            self.pass_until(self.next_event())
            while self.commands and self.commands[0] <= self.now:
                heapq.heappop(self.commands)
                self.operating.record(self.key, self.cost)
            while self.landings and self.landings[0] <= self.now:
                heapq.heappop(self.landings)
        return self.now

    def affordable(self):
        if self.cost <= 0.1:
            return self.waiting
        left = self.limits.operating_limit - self.operating.spent(self.key)
        return max(0, min(self.waiting, math.floor(left / self.cost + 1e-9) - len(self.commands)))

    def send(self):
        while (calls := self.affordable()) and (slots := min(self.free(), int(self.tokens + 1e-9))):
            longest = min(self.limits.max_commands, int(self.limits.longest_batch / self.duration))
            size = min(longest, -(-calls // slots))
            ends = [self.now + self.duration * (number + 1) for number in range(size)]
            for end in ends:
                heapq.heappush(self.commands, end)
            heapq.heappush(self.landings, ends[-1])
            self.waiting -= size
            self.tokens -= 1
            self.requests += 1

    def free(self):
        return self.limits.max_in_flight - len(self.landings)

    def next_event(self):
        events = [self.commands[0]] if self.commands else []
        if self.waiting and self.free() and self.tokens < 1:
            events.append(self.now + (1 - self.tokens) / self.limits.plan.leak)
        if self.waiting and not self.commands:
            events.append(float(self.operating.reset_at(self.key)))
        return min(event for event in events if event > self.now)

    def pass_until(self, moment):
        most = self.limits.plan.burst - self.limits.reserve
        self.tokens = min(most, self.tokens + (moment - self.now) * self.limits.plan.leak)
        self.now = moment


@pytest.mark.parametrize("plan", [STANDARD, ENTERPRISE], ids=["50/2", "250/5"])
@pytest.mark.parametrize(("cost", "duration"), [(0.1, 0.1), (0.2, 0.2), (0.5, 0.5), (0.21, 0.87), (0.0, 0.02)])
@pytest.mark.parametrize("chats", [100, 1000, 10_000])
def test_a_run_played_through_takes_as_long_as_planned(plan, cost, duration, chats):
    limits = conditions(plan)
    played = Played(chats, limits, cost=cost, duration=duration)

    took = played.run()

    forecast = planned(chats, limits, cost=cost, duration=duration)
    assert forecast.seconds.high == pytest.approx(took, rel=0.1)
    assert forecast.requests == pytest.approx(played.requests, rel=0.1)


def test_a_hundred_thousand_played_through_take_as_long_as_planned():
    limits = conditions()

    took = Played(100_000, limits, cost=0.2, duration=0.2).run()

    assert seconds(100_000, limits, cost=0.2, duration=0.2) == pytest.approx(took, rel=0.02)


@pytest.mark.parametrize(("chats", "cost", "limit"), [(100, 0.1, 480.0), (1000, 0.2, 480.0), (400, 0.2, 60.0)])
@on_virtual_clock
async def test_what_the_emulator_needs_for_calls_that_travel_together_is_as_planned(chats, cost, limit):
    async with (
        Portal(cost=cost, operating_limit=limit) as portal,
        portal.client(limiter=MemoryRateLimiter(STANDARD), operating_limit=limit) as b24,
    ):
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(b24.im.chat.add(title=f"Deal {number}") for number in range(chats)))
        took = asyncio.get_running_loop().time() - began

    assert seconds(chats, conditions(operating_limit=limit), cost=cost, duration=cost) == pytest.approx(took, rel=0.1)


def test_a_few_chats_go_out_in_parallel_and_take_as_long_as_one_slot_works():
    assert seconds(16, cost=0.2, duration=0.2) == pytest.approx(0.2)
    assert seconds(17, cost=0.2, duration=0.2) == pytest.approx(0.4)
    assert planned(10, cost=0.2, duration=0.2).requests == 10


def test_full_requests_at_the_leak_of_the_bucket_bound_ten_thousand_cheap_chats():
    plan = planned(10_000, conditions(free=0), cost=0.0, duration=0.02)

    assert plan.seconds.high == pytest.approx(10_000 / 50 / STANDARD.leak, rel=0.02)
    assert plan.requests == pytest.approx(200, abs=2)
    assert plan.limited_by == "requests"


def test_the_requests_in_flight_bound_slow_chats():
    plan = planned(1000, conditions(operating_limit=None), cost=2.0, duration=2.0)

    assert plan.seconds.high == pytest.approx(1000 * 2.0 / 16, rel=0.01)
    assert plan.limited_by == "latency"


def test_the_operating_limit_bounds_many_chats_a_window_at_a_time():
    per_window = 480 / 0.2

    plan = planned(100_000, cost=0.2, duration=0.2)

    windows = math.floor((100_000 - 1) / per_window)
    assert windows * 600 <= plan.seconds.high <= windows * 600 + 60
    assert plan.limited_by == "operating"


def test_a_portal_without_the_operating_limit_is_not_bound_by_it():
    plan = planned(10_000, conditions(operating_limit=None), cost=0.2, duration=0.2)

    assert plan.seconds.high < 200
    assert plan.limited_by == "latency"


def test_calls_that_are_too_short_to_be_counted_cost_nothing():
    assert seconds(10_000, cost=0.1, duration=0.1) < 120


def test_what_was_learned_counts_however_little_since_some_portals_count_a_batch_as_a_whole():
    learned = conditions(cost=0.1, duration=0.2)

    assert seconds(10_000, learned) == pytest.approx(2 * 600 + 400 / 16 * 0.2)


def test_what_is_used_already_is_missing_until_it_is_forgotten():
    used = conditions(operating_used=480.0, operating_resets_in=100.0)

    assert seconds(100, used, cost=0.2, duration=0.2) == pytest.approx(100 + 1.4)
    assert seconds(100, evolve(used, operating_used=460.0), cost=0.2, duration=0.2) == pytest.approx(1.4)
    assert seconds(100, evolve(used, operating_used=461.0), cost=0.2, duration=0.2) == pytest.approx(100.2)


def test_a_chat_dearer_than_the_whole_limit_waits_a_window_each():
    assert seconds(3, conditions(operating_limit=60.0), cost=90.0, duration=90.0) == pytest.approx(2 * 600 + 90)


def test_a_request_holds_no_more_than_half_of_the_time_the_portal_gives_it():
    plan = planned(10_000, conditions(operating_limit=None, free=0), cost=1.5, duration=1.5)

    assert plan.requests == pytest.approx(10_000 / 20, rel=0.03)


def test_what_was_given_counts_more_than_what_was_learned():
    learned = conditions(cost=0.4, duration=0.4)

    assert seconds(100, learned) == pytest.approx(2.8)
    assert seconds(100, learned, cost=0.2, duration=0.2) == pytest.approx(1.4)


@pytest.mark.parametrize(
    ("told", "missing"),
    [({}, "cost"), ({"cost": 0.2}, "duration"), ({"duration": 0.2}, "cost"), ({"cost": 0.05}, "duration")],
)
def test_as_long_as_the_cost_is_unknown_a_plan_is_a_range_that_holds_the_truth(told, missing):
    plan = planned(10_000, **told)

    assert not plan.is_cost_known
    assert plan.seconds.low <= seconds(10_000, **{"cost": 0.2, "duration": 0.2} | told) <= plan.seconds.high
    assert f"({missing} unknown)" in str(plan)


def test_without_the_operating_limit_the_duration_alone_makes_a_plan():
    assert planned(10_000, conditions(operating_limit=None), duration=0.2).is_cost_known
    assert planned(10_000, conditions(operating_limit=None)).missing == "duration"


def test_lookups_take_turns_with_creations_at_the_bucket():
    without, with_lookups = (planned(10_000, lookups=lookups, cost=0.0, duration=0.02) for lookups in (0, 10_000))

    assert with_lookups.requests == pytest.approx(2 * without.requests, rel=0.02)
    assert 1.8 < with_lookups.seconds.high / without.seconds.high < 3


def test_where_all_is_looked_up_and_nothing_created_there_is_a_plan_as_well():
    plan = planned(0, lookups=500, cost=0.2, duration=0.2, already_done=7, unknown=500)

    assert plan.requests == 10
    assert 0 < plan.seconds.high < 5
    assert planned(0, cost=0.2, duration=0.2).seconds.high == 0


@pytest.mark.parametrize("wrong", [{"cost": -1}, {"duration": math.nan}, {"cost": math.inf}, {"duration": "0.2"}])
def test_a_cost_that_is_no_number_of_seconds_is_refused(wrong):
    with pytest.raises(InvalidParameter, match=next(iter(wrong))):
        planned(10, **wrong)


def test_a_plan_says_how_long_and_why():
    assert str(planned(10_000, cost=0.2, duration=0.2)) == (
        "10,000 chats in about 40 min: 208 requests, limited by the operating time of im.chat.add (480 s in 10 min)"
    )
    assert str(planned(10_000, cost=0.1, duration=0.1, already_done=1200, unknown=3)) == (
        "10,000 chats in about 82 s: 205 requests, limited by the request limit (2 a second)\n"
        "besides: 1,200 done already, 3 unknown, looked up first"
    )
    assert str(planned(1, cost=0.2, duration=0.2)) == (
        "1 chat in about 0.2 s: 1 request, limited by the portal's own work (16 requests at a time)"
    )
    assert str(planned(10_000)) == (
        "10,000 chats in 80 s to 60 min (cost unknown): up to 400 requests,"
        " at worst limited by the operating time of im.chat.add (480 s in 10 min)"
    )


def test_a_plan_of_nothing_says_so_and_what_is_there_besides():
    assert str(planned(0, already_done=2)) == "nothing is left to create\nbesides: 2 done already"


def test_two_ends_that_read_alike_are_said_once():
    plan = evolve(planned(10_000), seconds=Range(low=2400.0, high=2410.0))

    assert str(plan).startswith("10,000 chats in about 40 min (cost unknown): up to")


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (0, "0.0 s"),
        (0.7, "0.7 s"),
        (9.97, "10 s"),
        (119.4, "119 s"),
        (119.6, "2 min"),
        (5400, "90 min"),
        (24_620, "6.8 h"),
        (864_000, "10.0 days"),
    ],
)
def test_a_length_of_time_is_said_no_more_exactly_than_it_is_known(length, words):
    assert spoken(length) == words


plans = st.builds(Plan, st.integers(1, 300), st.floats(0.5, 20))
limits = st.builds(
    conditions,
    plans,
    free=st.integers(0, 300),
    max_in_flight=st.integers(1, 32),
    max_commands=st.integers(1, 50),
    operating_limit=st.none() | st.floats(10, 1000),
)
calls = st.integers(1, 20_000)
costs = st.floats(0, 2)
durations = st.floats(0.001, 3)


@given(limits, calls, st.integers(0, 20_000), costs, durations)
def test_more_chats_never_take_less_time(limits, chats, more, cost, duration):
    told = {"cost": cost, "duration": duration}

    assert seconds(chats, limits, **told) <= seconds(chats + more, limits, **told) + 1e-6


@given(limits, calls, costs, costs, durations)
def test_dearer_chats_never_take_less_time(limits, chats, cost, more, duration):
    cheap, dear = (seconds(chats, limits, cost=each, duration=duration) for each in (cost, cost + more))

    assert cheap <= dear + 1e-6


@given(limits, calls, costs, durations)
def test_no_plan_is_shorter_than_what_each_of_the_three_limits_allows_alone(limits, chats, cost, duration):
    plan = planned(chats, limits, cost=cost, duration=duration)
    took = plan.seconds.high + 1e-6

    assert took >= max(duration, chats * duration / limits.max_in_flight)
    assert plan.requests >= chats / limits.max_commands
    assert took >= (chats / limits.max_commands - limits.free) / limits.plan.leak
    if limits.operating_limit is not None and cost > 0.1:
        per_window = max(1, math.floor(limits.operating_limit / cost + 1e-9))
        assert took >= (chats - 1) // per_window * 600


departures = st.builds(
    Departures,
    slots=st.integers(1, 8),
    free=st.integers(0, 12).map(float),
    leak=st.floats(0.5, 10),
    size=st.integers(1, 12),
    duration=st.floats(0.01, 2),
)


@given(departures, st.integers(1, 400))
def test_the_closed_form_is_what_request_by_request_comes_out(departures, calls):
    """The end is the first moment by which all calls fit into the requests that could leave before it."""
    leaves = []
    for number in range(calls):
        granted = max(0.0, (number + 1 - departures.free) / departures.leak)
        landed = (
            leaves[number - departures.slots] + departures.size * departures.duration
            if number >= departures.slots
            else 0.0
        )
        leaves.append(max(granted, landed))

    def done(moment):
        return sum(
            min(departures.size, math.floor((moment - left) / departures.duration + 1e-6))
            for left in leaves
            if left <= moment
        )

    end = departures.seconds(calls)

    assert done(end + 1e-4 * departures.duration) >= calls
    assert done(end * (1 - 1e-9) - 1e-4 * departures.duration) < calls
