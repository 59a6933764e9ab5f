"""Progress counts what ended, how fast of late, and how long the rest will take; four times a second at most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.bulk.progress import EVERY, Meter, Progress
from bitrix_chat.bulk.results import BulkState


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_each_state_is_counted_and_the_rest_of_what_was_taken_is_in_flight(clock):
    meter = Meter(clock, total=10)
    meter.took(8)
    for state in (BulkState.DONE, BulkState.DONE, BulkState.FAILED, BulkState.UNKNOWN, BulkState.SKIPPED):
        meter.ended(state)
    meter.ended(BulkState.NOT_STARTED)
    clock.now += 2

    progress = meter.snapshot("consumer")

    assert (progress.done, progress.failed, progress.unknown, progress.skipped) == (2, 1, 1, 1)
    assert (progress.in_flight, progress.total, progress.elapsed) == (2, 10, 2.0)
    assert progress.limited_by == "consumer"
    assert progress.ended == 5


def test_the_rate_is_that_of_the_last_ten_seconds(clock):
    meter = Meter(clock)
    for _ in range(30):
        meter.ended(BulkState.DONE, 5)
        clock.now += 1

    assert meter.snapshot().rate == pytest.approx(5)
    clock.now += 5
    assert meter.snapshot().rate == pytest.approx(2.5)
    clock.now += 20
    assert meter.snapshot().rate == 0


def test_before_ten_seconds_are_over_the_rate_is_that_of_the_time_so_far(clock):
    meter = Meter(clock)
    clock.now += 2
    meter.ended(BulkState.DONE, 50)

    assert meter.snapshot().rate == 25


def test_what_was_skipped_makes_the_rest_shorter_and_nothing_faster(clock):
    meter = Meter(clock, total=100)
    meter.ended(BulkState.SKIPPED, 60)
    clock.now += 1
    meter.ended(BulkState.DONE, 10)

    progress = meter.snapshot()

    assert progress.rate == 10
    assert progress.eta == pytest.approx(3)


def test_during_a_pause_of_the_portal_the_pace_of_the_whole_run_tells_what_remains(clock):
    meter = Meter(clock, total=300)
    meter.ended(BulkState.DONE, 100)
    clock.now += 100

    assert meter.snapshot().eta == pytest.approx(200)


def test_a_forecast_knows_the_pauses_that_the_pace_so_far_does_not_foresee(clock):
    meter = Meter(clock, total=300)
    meter.ended(BulkState.DONE, 100)
    clock.now += 1

    assert meter.snapshot(forecast=lambda left: left * 3.0).eta == 600
    assert meter.snapshot(forecast=lambda _: None).eta == pytest.approx(2)


def test_no_end_is_foretold_without_a_total_or_before_anything_has_ended(clock):
    meter = Meter(clock)
    meter.ended(BulkState.DONE, 3)
    assert meter.snapshot().eta is None

    untouched = Meter(clock, total=3)
    clock.now += 5
    assert untouched.snapshot().eta is None


def test_nothing_is_left_when_all_have_ended(clock):
    meter = Meter(clock)
    meter.ended(BulkState.DONE, 3)
    meter.total = 3

    assert meter.snapshot(forecast=lambda _: 99.0).eta == 0
    assert meter.snapshot() == Progress(done=3, total=3, rate=3 / EVERY, eta=0.0)


def test_a_snapshot_is_due_at_once_and_then_four_times_a_second(clock):
    meter = Meter(clock)
    assert meter.due_in == 0

    meter.snapshot()

    assert meter.due_in == 0.25
    clock.now += 0.2
    assert meter.due_in == pytest.approx(0.05)
    clock.now += 0.2
    assert meter.due_in == 0


@given(st.lists(st.tuples(st.sampled_from(list(BulkState)), st.integers(1, 60), st.floats(0, 20)), max_size=40))
def test_whatever_ends_whenever_the_sums_hold(ends):
    clock = Clock()
    meter = Meter(clock, total=5000)
    for state, count, pause in ends:
        meter.took(count)
        meter.ended(state, count)
        clock.now += pause

    progress = meter.snapshot()

    untouched = sum(count for state, count, _ in ends if state is BulkState.NOT_STARTED)
    assert progress.ended + untouched == sum(count for _, count, _ in ends)
    assert progress.in_flight == 0
    assert progress.rate >= 0
    assert progress.eta is None or progress.eta >= 0
