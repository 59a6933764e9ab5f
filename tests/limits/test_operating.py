"""The operating budget as arithmetic: a method's seconds in ten minutes."""

from bitrix_chat import Time
from bitrix_chat.limits import OperatingBudget

ADD = "im.chat.add"
FOR_EVER = float("inf")


def told(operating: float, resets_in: float = 600.0, duration: float = 10.0) -> Time:
    """What the portal says; its clock is far from ours."""
    return Time(finish=5000.0, duration=duration, operating=operating, operating_reset_at=5000.0 + resets_in)


def ran(budget: OperatingBudget, time: Time, now: float = 0.0) -> None:
    budget.depart(ADD)
    budget.land(ADD)
    budget.learn(ADD, time, now)


def test_an_unknown_method_may_leave_at_once():
    assert OperatingBudget().opens_at(ADD, 7.0) == 7.0


def test_a_method_waits_for_the_portals_reset_when_the_next_call_would_cross_the_limit():
    budget = OperatingBudget(480)

    ran(budget, told(475, resets_in=300), now=100.0)

    assert budget.opens_at(ADD, 100.0) == 400.0


def test_other_methods_flow_while_one_waits():
    budget = OperatingBudget(480)
    ran(budget, told(479))

    assert budget.opens_at("im.chat.get", 0.0) == 0.0


def test_what_is_in_flight_is_reserved_at_the_dearest_price_seen():
    budget = OperatingBudget(480)
    ran(budget, told(450, duration=10))

    budget.depart(ADD, 2)

    assert budget.opens_at(ADD, 0.0) == 0.0
    budget.depart(ADD)
    assert budget.opens_at(ADD, 0.0) == FOR_EVER
    budget.land(ADD, 3)
    assert budget.opens_at(ADD, 0.0) == 0.0


def test_several_calls_in_one_batch_are_weighed_together():
    budget = OperatingBudget(480)
    ran(budget, told(400, duration=10))

    assert budget.opens_at(ADD, 0.0, count=8) == 0.0
    assert budget.opens_at(ADD, 0.0, count=9) > 0.0


def test_after_the_reset_one_call_goes_ahead_and_its_answer_tells():
    budget = OperatingBudget(480)
    ran(budget, told(480, resets_in=60), now=0.0)

    assert budget.opens_at(ADD, 60.0) == 60.0
    budget.depart(ADD)
    assert budget.opens_at(ADD, 60.0) == FOR_EVER
    budget.land(ADD)
    budget.learn(ADD, told(100), 61.0)
    assert budget.opens_at(ADD, 61.0) == 61.0


def test_a_probe_that_brings_no_answer_is_followed_by_another():
    budget = OperatingBudget(480)
    ran(budget, told(480, resets_in=60), now=0.0)
    assert budget.opens_at(ADD, 60.0) == 60.0

    budget.depart(ADD)
    budget.land(ADD)

    assert budget.opens_at(ADD, 61.0) == 61.0


def test_calls_too_short_to_be_counted_cost_nothing():
    budget = OperatingBudget(480)

    ran(budget, told(480, duration=0.05))

    assert budget.opens_at(ADD, 0.0) == 0.0


def test_a_first_429_lowers_the_limit_for_good_and_blocks_the_method_alone():
    budget = OperatingBudget(480)
    ran(budget, told(430, resets_in=200), now=0.0)

    opens = budget.refuse(ADD, 0.0)

    assert budget.limit == 420
    assert opens == budget.opens_at(ADD, 0.0) == 200.0
    assert budget.opens_at("im.chat.get", 0.0) == 0.0


def test_a_wave_of_429s_counts_once():
    budget = OperatingBudget(480)
    ran(budget, told(430), now=0.0)

    waits = {budget.refuse(ADD, 0.1 * number) for number in range(10)}

    assert len(waits) == 1
    assert budget.limit == 420


def test_without_a_known_reset_a_429_waits_in_steps_of_a_minute():
    budget = OperatingBudget(480)

    first = budget.refuse(ADD, 0.0)
    limit = budget.limit
    budget.depart(ADD)
    budget.land(ADD)
    second = budget.refuse(ADD, 60.0)

    assert (first, second) == (60.0, 120.0)
    assert budget.limit == limit


def test_a_429_proves_a_portal_without_a_limit_to_have_one():
    budget = OperatingBudget(None)
    ran(budget, told(10_000))
    assert budget.opens_at(ADD, 0.0) == 0.0

    budget.refuse(ADD, 0.0)

    assert budget.limit == 420


def test_answers_without_operating_times_teach_nothing():
    budget = OperatingBudget(480)

    ran(budget, Time(duration=300))

    assert budget.opens_at(ADD, 0.0) == 0.0


def test_an_answer_may_leave_out_when_the_portal_forgets():
    budget = OperatingBudget(480)

    ran(budget, Time(duration=10, operating=475.0), now=7.0)

    assert budget.opens_at(ADD, 7.0) == 7.0
    assert budget.opens_at("im.chat.get", 7.0) == 7.0


def test_a_batch_dearer_than_a_whole_limit_begins_at_once_if_it_can():
    budget = OperatingBudget(480)
    ran(budget, told(10, duration=10))

    assert budget.opens_at(ADD, 0.0, count=50) == 0.0
    budget.depart(ADD, 50)
    assert budget.opens_at(ADD, 0.0) == FOR_EVER


def test_a_small_limit_is_never_raised():
    budget = OperatingBudget(30)

    budget.refuse(ADD, 0.0)

    assert budget.limit == 30
