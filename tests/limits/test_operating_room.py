"""How many calls of a batch the budget admits at once."""

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.limits.operating import OperatingBudget
from bitrix_chat.models.time import Time

METHOD = "im.chat.add"
MOST = 60


def told(used: float, duration: float) -> Time:
    return Time(duration=duration, operating=used, operating_reset_at=1_000.0, start=400.0, finish=400.0 + duration)


@st.composite
def budgets(draw: st.DrawFn) -> OperatingBudget:
    """A budget in any state that answers, departures and refusals lead to."""
    budget = OperatingBudget(draw(st.sampled_from([480.0, 60.0, None])))
    if draw(st.booleans()):
        return budget
    inside = draw(st.booleans())
    for _ in range(draw(st.integers(0, 5))):
        budget.depart(METHOD, draw(st.integers(1, 20)), inside=inside)
    used = draw(st.floats(0.0, 600.0))
    duration = draw(st.sampled_from([0.0, 0.05, 0.5, 3.0, 70.0]))
    budget.learn(METHOD, told(used, duration), 0.0, worked=draw(st.sampled_from([0.0, 1.0, 100.0])), inside=inside)
    if draw(st.booleans()):
        budget.refuse(METHOD, 0.0)
    return budget


def admitted_one_by_one(budget: OperatingBudget, now: float) -> int:
    budget = copy.deepcopy(budget)
    count = 0
    while count < MOST and budget.opens_at(METHOD, now, inside=True) <= now:
        budget.depart(METHOD, inside=True)
        count += 1
    return count


@given(budgets(), st.sampled_from([0.0, 30.0, 600.0, 5_000.0]))
def test_the_room_is_as_many_calls_as_would_be_admitted_one_after_the_other(budget: OperatingBudget, now: float):
    room = budget.room(METHOD, now)

    assert min(room, MOST) == pytest.approx(admitted_one_by_one(budget, now), abs=1e-9)
    assert room == math.inf or room == int(room)


def test_a_method_that_was_never_called_has_all_the_room_there_is():
    assert OperatingBudget().room(METHOD, 0.0) == math.inf


def test_where_the_limit_is_used_up_one_call_goes_to_see_what_was_forgotten():
    budget = OperatingBudget(480.0)
    budget.learn(METHOD, told(480.0, 1.0), 0.0, worked=1.0, inside=True)

    assert budget.room(METHOD, 0.0) == 0
    assert budget.room(METHOD, 600.0) == 1


def test_a_share_that_the_portal_does_not_count_leaves_all_the_room_until_the_limit_is_over():
    budget = OperatingBudget(480.0)
    for used in [100.0] * 20:
        budget.learn(METHOD, told(used, 10.0), 0.0, worked=1_000.0, inside=True)

    assert budget.cost(METHOD, inside=True) == 0
    assert budget.room(METHOD, 0.0) == math.inf
    budget.learn(METHOD, told(600.0, 10.0), 0.0, worked=1_000.0, inside=True)
    assert budget.cost(METHOD, inside=True) == 0
    assert budget.room(METHOD, 0.0) == 0


def test_nothing_leaves_in_a_batch_while_a_refusal_is_waited_out():
    budget = OperatingBudget(480.0)
    budget.refuse(METHOD, 0.0)

    assert budget.room(METHOD, 1.0) == 0
    assert budget.room(METHOD, 60.0) == 1
