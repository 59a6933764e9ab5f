"""How many calls the next request takes: the arithmetic, and what it learns from."""

import asyncio
import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.errors import AccessDenied, BitrixError
from bitrix_chat.rest.batch import MAX_COMMANDS
from bitrix_chat.rest.request import Exchange, Request, Response, Safety
from bitrix_chat.transport.grouping import LONGEST, UNTRIED, Grouping, Later, Pool, pools_of, share
from bitrix_chat.transport.waiting import Lane, Ticket, WaitingLine

ADD, GET = "im.chat.add", "im.chat.get"
COUNTS = st.integers(1, 500)
SLOTS = st.integers(1, 20)
BUSY = st.lists(st.floats(0, 200), max_size=16)


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def ticket(loop):
    """Make a ticket of a method."""

    def make(method: str = ADD, *, safety: Safety = Safety.CREATE, packs: bool = True) -> Ticket:
        return Ticket(Exchange(Request(method, {}, safety)), loop.create_future(), packs)

    return make


def shares(waiting: int, free: int, requests: int, busy: list[float]) -> list[int]:
    """What the next requests take, one after the other, until nobody waits or no slot is left."""
    taken = []
    while waiting and free and requests:
        taken.append(min(waiting, share(waiting, free, requests, busy)))
        waiting, free, requests, busy = waiting - taken[-1], free - 1, requests - 1, [*busy, float(taken[-1])]
    return taken


def ends(taken: list[int], busy: list[float]) -> float:
    """When the last slot is done, counted in calls."""
    return max([*taken, *busy], default=0.0)


class TestShare:
    @given(COUNTS, SLOTS)
    def test_with_nothing_busy_the_calls_are_divided_by_the_slots(self, waiting, free):
        assert share(waiting, free, free) == math.ceil(waiting / free)

    @given(COUNTS, SLOTS, SLOTS)
    def test_there_are_no_more_slots_than_requests(self, waiting, free, requests):
        assert share(waiting, free, requests) == math.ceil(waiting / min(free, requests))

    @given(COUNTS, SLOTS, SLOTS)
    def test_the_shares_of_all_slots_are_all_the_calls_and_even(self, waiting, free, requests):
        taken = shares(waiting, free, requests, [])

        assert sum(taken) == waiting
        assert max(taken) - min(taken) <= 1
        assert taken == sorted(taken, reverse=True)

    @given(COUNTS, SLOTS, SLOTS, BUSY)
    def test_somebody_always_leaves_and_never_more_than_wait(self, waiting, free, requests, busy):
        assert 1 <= share(waiting, free, requests, busy) <= waiting

    @given(COUNTS, SLOTS, SLOTS, BUSY)
    def test_nobody_takes_more_than_lets_all_slots_end_together(self, waiting, free, requests, busy):
        """By brute force: the lowest level up to which the slots that may be used take in all the calls."""
        slots = sorted([0.0] * free + busy)[:requests]
        level = share(waiting, free, requests, busy)

        assert sum(max(0.0, level - before) for before in slots) >= waiting - 1e-6
        lower = level - 1
        assert level == 1 or sum(max(0.0, lower - before) for before in slots) < waiting

    @given(COUNTS, SLOTS, BUSY)
    def test_what_the_free_slots_leave_the_busy_ones_take_by_the_same_end(self, waiting, free, busy):
        taken = shares(waiting, free, free + len(busy), busy)
        level = share(waiting, free, free + len(busy), busy)
        room = sum(max(0, math.ceil(level - before)) for before in busy)

        assert max(taken) <= level
        assert sum(taken) + room >= waiting

    @given(COUNTS, SLOTS, BUSY, st.integers(0, 5))
    def test_a_busier_slot_never_makes_a_share_smaller(self, waiting, free, busy, index):
        requests = free + len(busy)
        later = [before + 10 if place == index else before for place, before in enumerate(busy)]

        assert share(waiting, free, requests, later) >= share(waiting, free, requests, busy)

    @given(SLOTS, BUSY)
    def test_more_calls_never_make_a_share_smaller(self, free, busy):
        sizes = [share(waiting, free, free + len(busy), busy) for waiting in range(1, 200)]

        assert all(later >= earlier for earlier, later in itertools.pairwise(sizes))

    @given(COUNTS, SLOTS, SLOTS, BUSY, st.lists(st.floats(0, 200), max_size=16).map(sorted))
    def test_later_requests_take_what_they_would_do_sooner(self, waiting, free, requests, busy, grants):
        """By brute force again: slots beyond the present requests count from when they are free and granted."""
        slots = [0.0] * free + sorted(busy)
        later = [max(pair) for pair in zip(slots[requests:], grants, strict=False)]
        usable = slots[:requests] + later
        level = share(waiting, free, requests, busy, grants)

        assert sum(max(0.0, level - before) for before in usable) >= waiting - 1e-6
        assert level == 1 or sum(max(0.0, level - 1 - before) for before in usable) < waiting
        assert level <= share(waiting, free, requests, busy)

    @pytest.mark.parametrize(
        ("waiting", "free", "requests", "busy", "size"),
        [
            (1, 16, 46, [], 1),
            (16, 16, 46, [], 1),
            (17, 16, 46, [], 2),
            (1000, 16, 46, [], 63),
            (1000, 16, 1, [], 1000),
            (10, 1, 46, [100.0], 10),
            (10, 1, 46, [0.0], 5),
            (10, 1, 46, [4.0, 4.0], 6),
            (10, 1, 2, [4.0, 4.0], 7),
            (10, 2, 46, [10.0], 5),
        ],
    )
    def test_some_by_hand(self, waiting, free, requests, busy, size):
        assert share(waiting, free, requests, busy) == size


def answered(tickets: list[Ticket], *times: Any) -> list[tuple[Ticket, Response | BitrixError]]:
    """Answers that tell how long each call took; None tells nothing, an error is one."""
    results = [
        time if isinstance(time, BitrixError) else Response(1, raw_time={} if time is None else {"duration": time})
        for time in times
    ]
    return list(zip(tickets, results, strict=True))


class TestLearning:
    def test_nothing_is_known_of_a_method_before_its_first_answer(self, ticket):
        grouping = Grouping()

        assert grouping.seconds([ticket()]) is None
        assert grouping.most(ADD) == UNTRIED
        assert grouping.seen(ADD).samples == 0

    def test_a_request_holds_half_a_minute_of_work_and_at_most_fifty_calls(self, ticket):
        grouping = Grouping()
        for method, seconds in {ADD: 3.0, GET: 0.01, "slow": 100.0}.items():
            grouping.learn(answered([ticket(method)], seconds), 0.0)

        assert grouping.most(ADD) == int(LONGEST / 3)
        assert grouping.most(GET) == MAX_COMMANDS
        assert grouping.most("slow") == 1

    def test_calls_that_take_no_time_fill_a_request(self, ticket):
        grouping = Grouping()

        grouping.learn(answered([ticket()], None), 0.0)

        assert grouping.most(ADD) == MAX_COMMANDS
        assert grouping.seconds([ticket()]) == 0.0

    def test_a_group_takes_the_seconds_of_its_calls_unless_one_is_not_known(self, ticket):
        grouping = Grouping()
        grouping.learn(answered([ticket(), ticket(GET)], 2.0, 0.5), 9.0)

        assert grouping.seconds([ticket(), ticket(GET), ticket()]) == pytest.approx(4.5)
        assert grouping.seconds([ticket(), ticket("im.user.get")]) is None

    def test_where_answers_tell_no_times_the_whole_of_them_is_divided(self, ticket):
        grouping = Grouping()

        grouping.learn(answered([ticket(), ticket()], None, AccessDenied("no")), 6.0)

        assert grouping.seen(ADD).duration == pytest.approx(3.0)
        assert grouping.seen(ADD).samples == 2

    def test_a_time_that_was_told_is_not_replaced_by_one_that_was_measured(self, ticket):
        grouping = Grouping()
        grouping.learn(answered([ticket()], 2.0), 2.0)

        grouping.learn(answered([ticket()], None), 50.0)

        assert grouping.seen(ADD).duration == pytest.approx(2.0)
        assert grouping.seen(ADD).samples == 1

    def test_later_answers_move_the_mean_towards_theirs(self, ticket):
        grouping = Grouping()
        grouping.learn(answered([ticket()], 1.0), 1.0)
        seen = []
        for _ in range(20):
            grouping.learn(answered([ticket()], 2.0), 2.0)
            seen.append(grouping.seen(ADD).duration)

        assert all(1 < earlier < later < 2 for earlier, later in itertools.pairwise(seen))
        assert seen[-1] == pytest.approx(2.0, abs=0.01)

    def test_a_size_is_the_share_within_what_a_request_may_hold(self, ticket):
        grouping = Grouping()
        assert grouping.size(ADD, 1000, 16, 46, Later()) == UNTRIED
        assert grouping.size(ADD, 20, 16, 46, Later([5.0])) == 2  # of seconds nobody knows how many calls they are
        grouping.learn(answered([ticket()], 0.5), 0.5)

        assert grouping.size(ADD, 1000, 16, 46, Later()) == MAX_COMMANDS
        assert grouping.size(ADD, 10, 1, 46, Later([2.0, 2.0])) == 6
        assert grouping.size(ADD, 10, 2, 1, Later()) == 10
        assert grouping.size(ADD, 10, 2, 1, Later((), [2.0])) == 7


class TestTrouble:
    def test_after_a_loss_the_next_are_half_as_large_and_grow_again(self, ticket):
        grouping = Grouping()
        grouping.learn(answered([ticket()], 0.1), 0.1)
        sizes = []
        for _ in range(3):
            grouping.got_lost([ticket() for _ in range(grouping.most(ADD))])
            sizes.append(grouping.most(ADD))
        while grouping.most(ADD) < MAX_COMMANDS:
            grouping.came_back([ticket() for _ in range(grouping.most(ADD))])
            sizes.append(grouping.most(ADD))

        assert sizes == [25, 12, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 41, 50]

    def test_a_request_that_was_smaller_proves_nothing_of_larger_ones(self, ticket):
        grouping = Grouping()
        grouping.learn(answered([ticket()], 0.1), 0.1)
        grouping.got_lost([ticket() for _ in range(50)])

        for _ in range(100):
            grouping.came_back([ticket() for _ in range(24)])

        assert grouping.most(ADD) == 25

    def test_a_single_call_that_got_lost_makes_nothing_smaller(self, ticket):
        grouping = Grouping()

        grouping.got_lost([ticket()])

        assert grouping.most(ADD) == UNTRIED

    def test_a_pair_that_got_lost_leaves_calls_alone_and_they_come_together_again(self, ticket):
        grouping = Grouping()

        grouping.got_lost([ticket(), ticket()])
        assert grouping.most(ADD) == 1
        grouping.came_back([ticket()])

        assert grouping.most(ADD) == 2

    def test_what_was_not_aboard_is_not_made_smaller(self, ticket):
        grouping = Grouping()
        grouping.learn(answered([ticket(), ticket(GET)], 0.1, 0.1), 0.2)

        grouping.got_lost([ticket() for _ in range(20)])

        assert (grouping.most(ADD), grouping.most(GET)) == (10, MAX_COMMANDS)

    def test_untried_methods_stay_smaller_after_a_loss(self, ticket):
        grouping = Grouping()

        grouping.got_lost([ticket() for _ in range(6)])

        assert grouping.most(ADD) == 3


class TestAhead:
    def test_before_a_long_queue_of_an_unknown_method_one_call_goes_ahead(self, ticket):
        grouping, ahead = Grouping(), ticket()

        assert grouping.sends_ahead(ADD, 16 * UNTRIED + 1, 16)
        assert grouping.awaits(ADD)
        assert not grouping.awaits(GET)
        grouping.came_down([ahead])

        assert not grouping.awaits(ADD)

    def test_a_queue_that_fits_into_the_next_requests_does_not_wait(self):
        grouping = Grouping()

        assert not grouping.sends_ahead(ADD, 16 * UNTRIED, 16)
        assert not grouping.awaits(ADD)

    def test_nobody_goes_ahead_once_the_method_is_known(self, ticket):
        grouping = Grouping()
        grouping.learn(answered([ticket()], 0.1), 0.1)

        assert not grouping.sends_ahead(ADD, 1000, 16)


class TestPools:
    def lanes(self, ticket, *kinds) -> list[Lane]:
        line = WaitingLine()
        for method, safety, packs, count in kinds:
            for _ in range(count):
                line.push(ticket(method, safety=safety, packs=packs))
        return line.lanes(lambda _: True)

    def test_reads_and_writes_and_those_who_travel_alone_are_apart_and_few_apart_from_many(self, ticket):
        lanes = self.lanes(
            ticket,
            (ADD, Safety.CREATE, True, 5),
            ("im.chat.mute", Safety.IDEMPOTENT, True, 9),
            ("im.message.add", Safety.KEYED, True, 2),
            (GET, Safety.SAFE, True, 4),
            ("im.user.get", Safety.SAFE, True, 1),
            (ADD, Safety.CREATE, False, 3),
        )

        pools = pools_of(lanes, 4)

        assert {(pool.side, pool.is_short): pool.waiting for pool in pools} == {
            ("write", False): 14,
            ("write", True): 2,
            ("read", True): 5,
            ("alone", True): 3,
        }

    def test_queues_that_fill_a_request_are_each_a_pool_of_their_own(self, ticket):
        lanes = self.lanes(
            ticket,
            (ADD, Safety.CREATE, True, 51),
            ("im.chat.mute", Safety.IDEMPOTENT, True, 60),
            ("im.message.add", Safety.KEYED, True, 50),
            ("im.message.update", Safety.IDEMPOTENT, True, 9),
        )

        pools = pools_of(lanes, 4)

        assert sorted(pool.waiting for pool in pools) == [51, 59, 60]
        assert len({pool.key for pool in pools}) == 3
        assert [pool.key for pool in pools] == [pool.key for pool in pools_of(lanes, 4)]
        assert not any(pool.is_short for pool in pools)

    def test_a_pool_lets_the_one_that_waited_longest_go_first_whatever_its_method(self, ticket):
        line = WaitingLine()
        tickets = [ticket(method) for method in ("b", "a", "b", "c")]
        for each in tickets:
            line.push(each)
        pool = Pool(("write", True), "write", is_short=True, lanes=line.lanes(lambda _: True))
        seen = []
        while (first := pool.first()) is not None:
            assert pool.number == first.number
            line.take(first)
            seen.append(first)

        assert seen == tickets
        assert pool.number == 0

    def test_a_lane_that_is_dropped_is_not_looked_at_any_more(self, ticket):
        line, first, second = WaitingLine(), ticket("a"), ticket("b")
        line.push(first)
        line.push(second)
        pool = Pool(("write", True), "write", is_short=True, lanes=line.lanes(lambda _: True))

        pool.drop(first)

        assert pool.first() is second
        pool.drop(second)
        assert pool.first() is None
