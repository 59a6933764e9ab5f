"""An operating budget shared by processes: here two budgets of one loop, which only know each other by a board."""

import asyncio
import copy
from collections.abc import Sequence

import pytest
from attrs import define, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import Time
from bitrix_chat.errors import BitrixError
from bitrix_chat.limits.method_use import MethodUse
from bitrix_chat.limits.operating_facts import FLIES_FOR, Facts, MethodFacts, read, written
from bitrix_chat.limits.shared_operating import AT_MOST_EVERY, LOOK_EVERY, Posted, SharedOperatingBudget
from bitrix_chat.testing import on_virtual_clock

ADD = "im.chat.add"
FOR_EVER = float("inf")
SWAPPED = 2.2 * AT_MOST_EVERY
"""Seconds after which two processes in use have heard of each other."""


@define(eq=False)
class Wall:
    """What is up, with the time; `strange` is put up by who knows whom."""

    texts: dict[object, tuple[float, str]] = field(factory=dict)
    strange: list[str] = field(factory=list)


@define(eq=False)
class WallBoard:
    """One process' way to a wall."""

    wall: Wall
    failure: Exception | None = None
    takes: float = 0.0
    swaps: list[tuple[float, str]] = field(factory=list)

    async def swap(self, facts: str) -> Sequence[Posted]:
        now = asyncio.get_running_loop().time()
        self.swaps.append((now, facts))
        await asyncio.sleep(self.takes)
        if self.failure is not None:
            raise self.failure
        self.wall.texts.pop(self, None)
        if facts:
            self.wall.texts[self] = (now, facts)
        others = [Posted(now - at, text) for board, (at, text) in self.wall.texts.items() if board is not self]
        return others + [Posted(0.0, text) for text in self.wall.strange]


@frozen(eq=False)
class Looking:
    """Counts how often it was told to look again."""

    looks: list[float] = field(factory=list)

    def schedule(self) -> None:
        self.looks.append(asyncio.get_running_loop().time())


def two(limit: float | None = 480) -> tuple[SharedOperatingBudget, SharedOperatingBudget]:
    wall = Wall()
    return SharedOperatingBudget(limit, board=WallBoard(wall)), SharedOperatingBudget(limit, board=WallBoard(wall))


def time() -> float:
    return asyncio.get_running_loop().time()


def told(operating: float, *, finish: float = 5000.0, resets_in: float = 600.0, duration: float = 10.0) -> Time:
    return Time(finish=finish, duration=duration, operating=operating, operating_reset_at=finish + resets_in)


def ran(budget: SharedOperatingBudget, answer: Time, **options) -> None:
    budget.depart(ADD)
    budget.land(ADD)
    budget.learn(ADD, answer, time(), **options)


async def meet(*budgets: SharedOperatingBudget) -> None:
    """Keep the budgets in use until they have heard of each other."""
    for _ in range(4):
        for budget in budgets:
            budget.opens_at("profile", time())
        await asyncio.sleep(LOOK_EVERY)


@on_virtual_clock
async def test_what_one_process_was_told_another_goes_by():
    one, other = two()
    ran(one, told(475, resets_in=300))
    at = time()

    await meet(one, other)

    assert other.opens_at(ADD, time()) == pytest.approx(at + 300, abs=0.01)
    assert other.used(ADD, time())[0] == 475
    assert other.cost(ADD, inside=False) == 10


@on_virtual_clock
async def test_the_later_sum_by_the_portals_clock_holds_whoever_was_told():
    one, other = two()
    ran(one, told(475, finish=5010))
    ran(other, told(100, finish=5000))

    await meet(one, other)
    ran(one, told(30, finish=5600))
    await meet(one, other)

    assert one.used(ADD, time())[0] == other.used(ADD, time())[0] == 30


@on_virtual_clock
async def test_what_another_process_has_in_flight_is_reserved_here():
    one, other = two()
    ran(one, told(450))
    one.depart(ADD, 2)
    one.depart(ADD, inside=True)

    await meet(one, other)

    assert other.opens_at(ADD, time()) == FOR_EVER
    assert other.room(ADD, time()) == 0
    one.land(ADD, 2)
    one.land(ADD, inside=True)
    await meet(one, other)
    assert other.opens_at(ADD, time()) == time()
    assert other.room(ADD, time()) == 3


@on_virtual_clock
async def test_whoever_waits_for_an_answer_to_another_process_looks_again_when_it_came():
    one, other = two()
    ran(one, told(475))
    one.depart(ADD)
    await meet(one, other)
    waiting = Looking()
    assert other.opens_at(ADD, time()) == FOR_EVER
    other.watchers.add(waiting)
    await asyncio.sleep(5)
    assert waiting.looks == []

    one.land(ADD)
    at = time()
    await asyncio.sleep(5)

    assert waiting.looks == [pytest.approx(at + AT_MOST_EVERY, abs=2 * AT_MOST_EVERY)]
    assert other.opens_at(ADD, time()) < FOR_EVER


@on_virtual_clock
async def test_what_a_process_that_died_had_in_flight_holds_nobody_up():
    one, other = two()
    ran(one, told(475))
    one.depart(ADD)
    await meet(one, other)
    waiting = Looking()
    other.watchers.add(waiting)
    one.board.failure = OSError("its machine is gone")

    await asyncio.sleep(FLIES_FOR + 1)

    assert len(waiting.looks) == 1
    assert other.opens_at(ADD, time()) < FOR_EVER


@on_virtual_clock
async def test_a_429_that_one_process_meets_blocks_the_method_for_all_and_lowers_their_limit():
    one, other = two()
    ran(one, told(430, resets_in=200))
    opens_at = one.refuse(ADD, time())

    await meet(one, other)

    assert one.limit == other.limit == 420
    assert other.opens_at(ADD, time()) == pytest.approx(opens_at, abs=0.5)
    assert other.room(ADD, time()) == 0
    assert other.refuse(ADD, time()) == pytest.approx(opens_at, abs=0.5)
    assert other.limit == 420
    assert other.opens_at("im.chat.get", time()) == time()


@on_virtual_clock
async def test_a_block_does_not_grow_by_being_passed_on():
    one, other = two()
    opens_at = one.refuse(ADD, time())

    while time() < opens_at - 1:
        await meet(one, other)

    assert other.opens_at(ADD, time()) <= opens_at + 1
    await asyncio.sleep(2 * LOOK_EVERY)
    await meet(one, other)
    assert other.opens_at(ADD, time()) == time()


@on_virtual_clock
async def test_after_a_block_one_process_goes_to_see_and_the_others_wait_for_its_answer():
    one, other = two()
    opens_at = one.refuse(ADD, time())
    await meet(one, other)
    await asyncio.sleep(opens_at - time())
    one.depart(ADD)
    await meet(one, other)

    assert other.opens_at(ADD, time()) == FOR_EVER
    one.land(ADD)
    one.learn(ADD, told(10, duration=1), time())
    await meet(one, other)
    assert other.opens_at(ADD, time(), 100) == time()


@on_virtual_clock
async def test_a_portal_without_a_limit_is_known_to_have_one_everywhere_once_it_was_met():
    one, other = two(None)
    ran(one, told(10_000))

    one.refuse(ADD, time())
    await meet(one, other)

    assert other.limit == 420


@on_virtual_clock
async def test_prices_fall_again_although_everybody_repeats_them():
    one, other = two()
    ran(one, told(50, duration=50))
    await meet(one, other)
    assert other.cost(ADD, inside=False) == 50

    for number in range(1, 30):
        ran(one, told(50 + number, finish=5000.0 + number, resets_in=600 - number, duration=1))
        await meet(one, other)

    assert one.cost(ADD, inside=False) == other.cost(ADD, inside=False) < 5


@on_virtual_clock
async def test_an_answer_older_than_what_others_were_told_shows_no_share():
    """Its work is in the sum that another process was told, and counted there."""
    one, other = two()
    ran(other, told(10, finish=5000, duration=20), worked=20.0)
    ran(one, told(100, finish=5020), worked=180.0)
    await meet(one, other)

    ran(other, told(60, finish=5010, resets_in=590, duration=1000), worked=1000.0)

    assert other.share(ADD) == 0.5
    assert other.used(ADD, time())[0] == 100


@on_virtual_clock
async def test_swaps_are_rare_and_end_when_nobody_asks():
    one, _ = two()
    began = time()
    for _ in range(200):
        ran(one, told(10))
        await asyncio.sleep(0.01)

    assert len(one.board.swaps) <= 2 / AT_MOST_EVERY + 2
    await asyncio.sleep(60)
    assert one.board.swaps[-1][0] < began + 2 + 3 * LOOK_EVERY
    assert len(asyncio.all_tasks()) == 1


@on_virtual_clock
async def test_a_process_keeps_saying_what_it_has_in_flight():
    one, other = two()
    ran(one, told(475))
    one.depart(ADD)

    await asyncio.sleep(10 * FLIES_FOR)
    await meet(other)

    assert other.opens_at(ADD, time()) == FOR_EVER


@on_virtual_clock
async def test_while_the_board_is_away_each_goes_by_what_it_has_heard_as_long_as_that_lasts():
    one, other = two()
    ran(one, told(475, resets_in=300))
    one.depart(ADD)
    await meet(one, other)
    assert other.opens_at(ADD, time()) == FOR_EVER
    heard_at = time()

    for budget, failure in ((one, OSError("away")), (other, BitrixError("away"))):
        budget.board.failure = failure
    while time() < heard_at + FLIES_FOR + LOOK_EVERY:
        await meet(one, other)

    assert time() < other.opens_at(ADD, time()) < FOR_EVER
    one.board.failure = other.board.failure = None
    await meet(one, other)
    assert other.opens_at(ADD, time()) == FOR_EVER


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"limit":null}',
        '{"limit":true,"methods":{}}',
        '{"limit":NaN,"methods":{}}',
        '{"limit":null,"methods":{"im.chat.add":[1,2]}}',
        '{"limit":null,"methods":{"im.chat.add":["1",null,0,0,0,0,0,0]}}',
        "[" * 100_000,
    ],
)
@on_virtual_clock
async def test_what_makes_no_sense_is_passed_over(text):
    one, other = two()
    one.board.wall.strange.append(text)
    ran(one, told(475))

    await meet(one, other)

    assert other.used(ADD, time())[0] == 475
    assert other.limit == 480


@on_virtual_clock
async def test_a_limit_of_nothing_is_not_believed():
    one, _ = two()
    one.board.wall.strange += ['{"limit":0,"methods":{}}', '{"limit":-5,"methods":{}}']

    await meet(one)

    assert one.limit == 480


@on_virtual_clock
async def test_closing_tells_the_last_and_ends_the_task():
    one, other = two()
    ran(one, told(10))
    await asyncio.sleep(SWAPPED)
    one.depart(ADD)
    one.land(ADD)
    one.learn(ADD, told(475, finish=5010), time())

    await one.close()
    await one.close()
    assert len(asyncio.all_tasks()) == 1
    await meet(other)

    assert other.used(ADD, time())[0] == 475


@on_virtual_clock
async def test_closing_tells_what_was_on_its_way():
    one, other = two()
    one.board.takes = 0.05
    ran(one, told(475))
    await asyncio.sleep(0.02)

    await one.close()
    await meet(other)

    assert other.used(ADD, time())[0] == 475


@on_virtual_clock
async def test_closing_tells_nothing_again_that_was_on_its_way_and_known():
    one, _ = two()
    ran(one, told(10))
    await asyncio.sleep(SWAPPED)
    one.board.takes = 0.05
    one.opens_at(ADD, time())
    await asyncio.sleep(LOOK_EVERY - AT_MOST_EVERY)
    swaps = len(one.board.swaps)

    await one.close()

    assert len(one.board.swaps) == swaps == 2


@on_virtual_clock
async def test_a_portal_without_a_limit_is_in_no_hurry_and_what_is_near_its_limit_is():
    for limit, used, at_most in ((None, 475, 4), (480, 200, 4), (480, 300, 21)):
        one, _ = two(limit)
        for _ in range(200):
            ran(one, told(used, duration=1))
            await asyncio.sleep(0.01)

        assert at_most - 2 <= len(one.board.swaps) <= at_most
        await one.close()


@on_virtual_clock
async def test_a_429_is_told_at_once():
    one, _ = two()
    ran(one, told(10))
    await asyncio.sleep(SWAPPED)
    swaps = len(one.board.swaps)

    one.refuse(ADD, time())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert len(one.board.swaps) == swaps + 1


@on_virtual_clock
async def test_closing_tells_nothing_where_nothing_changed():
    one, _ = two()
    ran(one, told(10))
    await asyncio.sleep(SWAPPED)
    swaps = len(one.board.swaps)

    await one.close()
    assert len(one.board.swaps) == swaps

    ran(one, told(10))
    await asyncio.sleep(5)
    swaps = len(one.board.swaps)
    await one.close()
    assert len(one.board.swaps) == swaps
    assert len(asyncio.all_tasks()) == 1


@on_virtual_clock
async def test_whoever_knows_nothing_puts_nothing_up():
    one, _ = two()

    await meet(one)

    assert {text for _, text in one.board.swaps} == {""}


def test_a_budget_serves_one_loop_after_the_other():
    one, other = two()

    @on_virtual_clock
    async def first():
        ran(one, told(475))
        await asyncio.sleep(SWAPPED)

    @on_virtual_clock
    async def second():
        one.depart(ADD)
        await meet(one, other)
        assert other.opens_at(ADD, time()) == FOR_EVER

    first()
    second()


numbers = st.floats(0, 1e6)
counts = st.integers(0, 50)
method_facts = st.builds(
    MethodFacts,
    numbers,
    st.one_of(st.none(), numbers),
    numbers,
    st.floats(0, 8e4),
    numbers.map(lambda n: n / 20),
    counts,
    counts,
    st.floats(0, 8e4),
)


@given(st.dictionaries(st.text(max_size=9), method_facts, max_size=4), st.one_of(st.none(), st.floats(1, 480)))
def test_facts_are_read_as_they_were_written(methods, limit):
    facts = Facts(methods, limit)

    assert read(written(facts)) == (None if facts == Facts({}, None) else facts)


@given(st.lists(st.tuples(st.floats(0, 600), method_facts), max_size=4), st.randoms())
def test_it_does_not_matter_in_which_order_others_are_heard(others, random):
    from bitrix_chat.limits.operating_facts import adopt

    told_apart = {facts.told_at: (age, facts) for age, facts in others}
    others = list(told_apart.values())
    use, again = MethodUse(used=7.0, told_at=3.0), MethodUse(used=7.0, told_at=3.0)
    adopt(use, others, 1000.0)
    mixed = copy.copy(others)
    random.shuffle(mixed)
    adopt(again, mixed, 1000.0)

    assert use == again
    assert not adopt(again, mixed, 1000.0)
