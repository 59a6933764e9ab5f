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


BATCH = "batch"


def time_of(operating: float, *, finish: float = 5000.0, resets_at: float = 5600.0, duration: float = 10.0) -> Time:
    return Time(finish=finish, duration=duration, operating=operating, operating_reset_at=resets_at)


def batch_ran(budget: OperatingBudget, method: str, time: Time, worked: float, *, inside: bool) -> None:
    budget.depart(method, inside=inside)
    budget.land(method, inside=inside)
    budget.learn(method, time, 0.0, worked=worked, inside=inside)


def test_until_an_answer_has_shown_it_a_batch_is_charged_and_each_of_its_commands_too():
    budget = OperatingBudget(480)

    assert (budget.cost(ADD, inside=True), budget.share(BATCH)) == (0.0, 0.0)
    ran(budget, told(10))
    budget.depart(BATCH)

    assert budget.cost(ADD, inside=True) == budget.cost(ADD, inside=False) == 10.0


def test_a_portal_that_charges_each_command_to_its_own_method_is_seen_to():
    budget = OperatingBudget(480)

    batch_ran(budget, BATCH, time_of(0.0, duration=200), 200.0, inside=False)
    batch_ran(budget, ADD, time_of(200.0), 200.0, inside=True)

    assert budget.cost(BATCH, inside=False) == budget.share(BATCH) == 0.0
    assert budget.cost(ADD, inside=True) == 10.0
    assert budget.used(BATCH, 0.0)[0] == 0.0
    assert budget.used(ADD, 0.0) == (200.0, 600.0)


def test_a_portal_that_charges_half_of_a_batch_to_the_batch_is_seen_to():
    budget = OperatingBudget(480)

    batch_ran(budget, BATCH, time_of(100.0, duration=200), 200.0, inside=False)
    batch_ran(budget, ADD, time_of(0.0), 200.0, inside=True)

    assert budget.cost(BATCH, inside=False) == 100.0
    assert budget.share(BATCH) == 0.5
    assert budget.cost(ADD, inside=True) == 0.0
    assert budget.cost(ADD, inside=False) == 10.0


def test_half_of_the_time_is_what_the_budget_reckons_with_from_then_on():
    budget = OperatingBudget(480)
    batch_ran(budget, BATCH, time_of(50.0, duration=100), 100.0, inside=False)

    budget.depart(BATCH, 8)

    assert budget.opens_at(BATCH, 0.0) == FOR_EVER
    budget.land(BATCH)
    assert budget.opens_at(BATCH, 0.0) == 0.0


def test_calls_inside_batches_may_be_free_where_calls_alone_are_not():
    budget = OperatingBudget(480)
    ran(budget, time_of(475.0))
    batch_ran(budget, ADD, time_of(475.0, finish=5001.0), 10.0, inside=True)

    assert budget.opens_at(ADD, 0.0, inside=True) == 0.0
    assert budget.opens_at(ADD, 0.0) == 599.0


def test_the_share_follows_the_sums_of_several_answers():
    budget, used = OperatingBudget(480), 0.0

    for number in range(5):
        used += 10.0 if number else 3.0  # the first was told before all was counted
        batch_ran(budget, BATCH, time_of(used, finish=5000.0 + number, duration=20), 20.0, inside=False)

    assert budget.share(BATCH) == 0.5


def test_what_had_been_used_before_the_first_answer_shows_no_share():
    """Else a process that starts beside others, or again, would take half for all for as long as it runs."""
    budget = OperatingBudget(480)

    batch_ran(budget, BATCH, time_of(300.0, duration=20), 20.0, inside=False)
    assert budget.cost(BATCH, inside=False) == 20.0
    for number in range(1, 6):
        time = time_of(300.0 + 10 * number, finish=5000.0 + number, duration=20)
        batch_ran(budget, BATCH, time, 20.0, inside=False)

    assert budget.share(BATCH) == 0.5
    assert budget.used(BATCH, 0.0)[0] == 350.0


def test_what_flew_beside_the_first_answer_is_part_of_its_sum():
    """Else sixteen batches that end together would look as if fifteen of them had cost nothing."""
    budget = OperatingBudget(480)
    budget.depart(ADD, 160, inside=True)

    for number in range(16):
        budget.learn(ADD, time_of(145.0 + number, finish=5000.0 + number, duration=1), 0.0, worked=10.0, inside=True)
        budget.land(ADD, 10, inside=True)

    assert budget.cost(ADD, inside=True) == 1.0


def test_answers_that_come_in_another_order_than_they_ended_tell_the_same():
    """The later sum holds the earlier work: were that counted alone, half of the time would look like all of it."""
    budget = OperatingBudget(480)

    for number in (2, 1, 4, 3):
        batch_ran(budget, BATCH, time_of(10.0 * number, finish=5000.0 + number, duration=20), 20.0, inside=False)

    assert budget.share(BATCH) == 0.5
    assert budget.used(BATCH, 0.0)[0] == 40.0


def test_an_answer_that_is_late_takes_nothing_back():
    budget = OperatingBudget(480)
    ran(budget, time_of(470.0, finish=5010.0, resets_at=5100.0))

    ran(budget, time_of(300.0, finish=5000.0, resets_at=5090.0))

    assert budget.used(ADD, 0.0) == (470.0, 90.0)


def test_after_the_portal_forgot_something_a_sum_shows_no_share():
    budget = OperatingBudget(480)
    batch_ran(budget, BATCH, time_of(100.0, duration=200), 200.0, inside=False)

    batch_ran(budget, BATCH, time_of(30.0, finish=5600.0, resets_at=5660.0, duration=20), 20.0, inside=False)

    assert budget.share(BATCH) == 0.5
    assert budget.used(BATCH, 0.0) == (30.0, 60.0)


def test_a_late_answer_from_before_the_portal_forgot_shows_no_share_either():
    budget = OperatingBudget(480)
    batch_ran(budget, BATCH, time_of(100.0, duration=200), 200.0, inside=False)
    batch_ran(budget, BATCH, time_of(30.0, finish=5600.0, resets_at=5660.0, duration=20), 20.0, inside=False)

    batch_ran(budget, BATCH, time_of(130.0, finish=5599.0, duration=1000), 1000.0, inside=False)

    assert budget.share(BATCH) == 0.5


def test_what_flies_inside_batches_is_reserved_beside_what_flies_alone():
    budget = OperatingBudget(480)
    ran(budget, told(430, duration=10))
    budget.depart(ADD, 2)
    budget.depart(ADD, 2, inside=True)

    assert budget.opens_at(ADD, 0.0, inside=True) == 0.0
    budget.depart(ADD, inside=True)
    assert budget.opens_at(ADD, 0.0, inside=True) == budget.opens_at(ADD, 0.0) == FOR_EVER
    budget.land(ADD, 3, inside=True)
    assert budget.opens_at(ADD, 0.0, 3) == 0.0
    assert budget.opens_at(ADD, 0.0, 4) == FOR_EVER


def test_a_call_inside_a_batch_that_the_limit_has_no_room_for_goes_ahead_once_the_portal_forgets():
    budget = OperatingBudget(480)
    ran(budget, told(480, resets_in=60))

    assert budget.opens_at(ADD, 0.0, inside=True) == 60.0
    budget.depart(ADD, inside=True)
    assert budget.opens_at(ADD, 60.0, inside=True) == FOR_EVER
    budget.land(ADD, inside=True)
    assert budget.opens_at(ADD, 60.0, inside=True) == 60.0


def test_the_dearest_command_of_a_batch_is_the_price_and_a_short_one_is_none():
    budget = OperatingBudget(480)
    budget.learn_price(ADD, 99.0)
    assert budget.cost(ADD, inside=True) == 0.0
    batch_ran(budget, ADD, time_of(20.0, duration=4), 20.0, inside=True)

    budget.learn_price(ADD, 12.0)
    budget.learn_price(ADD, 0.05)
    budget.learn_price(ADD, 7.0)

    assert budget.cost(ADD, inside=True) == 12.0


def test_nothing_is_used_of_a_method_that_nobody_called():
    assert OperatingBudget().used(ADD, 7.0) == (0.0, 0.0)


def test_an_answer_to_what_another_client_has_sent_teaches_too():
    budget = OperatingBudget(480)

    budget.learn(ADD, told(475, resets_in=300), 0.0)

    assert budget.opens_at(ADD, 0.0) == 300.0


def test_an_answer_may_tell_when_it_ended_and_not_when_the_portal_forgets():
    budget = OperatingBudget(480)

    ran(budget, Time(finish=5000.0, duration=10.0, operating=475.0), now=7.0)

    assert budget.used(ADD, 7.0) == (475.0, 0.0)
    assert budget.opens_at(ADD, 7.0) == 7.0


def test_a_portal_that_forgets_in_a_thousand_years_has_a_method_wait_a_day():
    budget = OperatingBudget(480)

    ran(budget, told(1e300, resets_in=1e300), now=100.0)

    assert budget.opens_at(ADD, 100.0) == 86_500.0


def test_a_call_that_took_longer_than_any_can_teaches_no_price_and_no_share():
    """Else all later ones would look dearer than any limit, or as if the portal counted nothing of them."""
    budget = OperatingBudget(480)

    ran(budget, told(10, duration=1e300))
    budget.learn_price(ADD, 1e300)
    assert budget.cost(ADD, inside=False) == budget.share(ADD) == 0.0
    ran(budget, time_of(20.0, finish=5001.0))

    assert budget.cost(ADD, inside=False) == 10.0
    assert budget.share(ADD) == 1.0
