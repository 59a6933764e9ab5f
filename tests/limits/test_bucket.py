"""The leaky bucket as arithmetic, against the portal's counter as the documentation tells it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.limits import ENTERPRISE, STANDARD, LeakyBucket, Plan
from bitrix_chat.limits.bucket import PAUSE, RECOVERY

GAPS = st.lists(st.floats(0, 20), min_size=1, max_size=300)


class PortalCounter:
    """The portal's side: one up a request, Y down once a second at a phase of its own."""

    def __init__(self, plan: Plan, phase: float) -> None:
        self.plan, self.phase, self.level, self.drained = plan, phase, 0.0, 0
        self.refused = 0

    def hit(self, now: float) -> None:
        drains = math.floor(now - self.phase)
        self.level = max(0.0, self.level - self.plan.leak * max(0, drains - self.drained))
        self.drained = max(self.drained, drains)
        if self.level + 1 > self.plan.size:
            self.refused += 1
        else:
            self.level += 1


@pytest.mark.parametrize(("plan", "burst"), [(STANDARD, 46), (ENTERPRISE, 240), (Plan(3, 2), 1)])
def test_the_safe_burst_is_x_minus_2y_and_never_less_than_one(plan, burst):
    bucket = LeakyBucket(plan)

    taken = sum(bucket.take(0.0) for _ in range(1000))

    assert taken == burst == plan.burst


@given(GAPS, st.floats(0, 1), st.sampled_from([STANDARD, ENTERPRISE, Plan(10, 1)]))
def test_the_portals_counter_never_exceeds_its_limit_whatever_the_arrivals(gaps, phase, plan):
    bucket, portal, now = LeakyBucket(plan), PortalCounter(plan, phase), 0.0

    for gap in gaps:
        now += gap
        while bucket.take(now):
            portal.hit(now)

    assert portal.refused == 0


@given(GAPS, st.data())
def test_slots_given_back_leave_the_limit_intact(gaps, data):
    bucket, now, left = LeakyBucket(STANDARD), 0.0, 0
    window = []

    for gap in gaps:
        now += gap
        while bucket.take(now):
            if data.draw(st.booleans()) and len(window) % 7 == 3:
                bucket.give_back()
                break
            left += 1
            window.append(now)

    assert all(
        sum(1 for at in window if start <= at <= start + 10) <= STANDARD.burst + 10 * STANDARD.leak + 1
        for start in window[:: max(1, len(window) // 20)]
    )


@given(st.integers(1, 500))
def test_after_the_promised_wait_exactly_that_request_may_leave(position):
    bucket = LeakyBucket(STANDARD)
    while bucket.take(0.0):
        pass

    wait = bucket.wait(0.0, position)
    granted = sum(bucket.take(wait) for _ in range(int(STANDARD.burst)))

    assert granted == min(position, STANDARD.burst)


def test_it_never_counts_backwards_when_time_stands_still():
    bucket = LeakyBucket(STANDARD, level=46.0, updated=5.0)

    assert not bucket.take(4.0)
    assert bucket.free(5.5) == 1


def test_a_wave_of_refusals_pauses_once_and_halves_the_pace_once():
    bucket = LeakyBucket(STANDARD)

    first = bucket.refuse(now=10.0, sent_at=9.0)
    rest = [bucket.refuse(now=10.1, sent_at=9.5) for _ in range(20)]

    assert first
    assert not any(rest)
    assert bucket.pace == pytest.approx(STANDARD.leak / 2)
    assert bucket.wait(10.1) == pytest.approx(PAUSE - 0.1)
    assert not bucket.take(10.0 + PAUSE - 0.01)
    assert bucket.free(10.5) == 0


def test_a_request_that_left_after_the_slowdown_slows_down_again():
    bucket = LeakyBucket(STANDARD)
    bucket.refuse(now=10.0, sent_at=9.0)

    assert bucket.refuse(now=14.0, sent_at=13.0)
    assert bucket.pace == pytest.approx(STANDARD.leak / 4, rel=0.01)


def test_the_pace_recovers_by_itself_and_never_beyond_the_plan():
    bucket = LeakyBucket(STANDARD)
    bucket.refuse(now=0.0, sent_at=-1.0)
    paces = []

    for second in range(1, 121):
        bucket.take(float(second))
        paces.append(bucket.pace)

    assert paces == sorted(paces)
    assert paces[14] == pytest.approx(STANDARD.leak / 2, rel=0.05)
    assert paces[int(RECOVERY) - 2] < STANDARD.leak
    assert set(paces[int(RECOVERY) :]) == {STANDARD.leak}


def test_a_long_idle_time_drains_as_much_as_many_short_ones():
    looked_once, looked_often = LeakyBucket(STANDARD), LeakyBucket(STANDARD)
    for bucket in (looked_once, looked_often):
        bucket.refuse(now=0.0, sent_at=-1.0)

    for tenth in range(1, 201):
        looked_often.free(tenth / 10)
    looked_once.free(20.0)

    assert looked_once.level == pytest.approx(looked_often.level)
    assert looked_once.pace == pytest.approx(looked_often.pace)
    assert STANDARD.burst - 21.5 < looked_once.level < STANDARD.burst - 20


def test_a_second_refusal_tells_what_the_strangers_have_left():
    bucket = LeakyBucket(STANDARD)
    bucket.refuse(now=0.0, sent_at=-1.0)
    now, granted = 0.0, 0
    while granted < 37:
        now += bucket.wait(now)
        granted += bucket.take(now)

    bucket.refuse(now=now, sent_at=now - 0.1)

    assert bucket.pace == pytest.approx(0.9 * 36 / now)


def test_a_refusal_after_a_quiet_hour_halves_the_pace_since_nothing_was_measured():
    bucket = LeakyBucket(STANDARD)
    bucket.refuse(now=0.0, sent_at=-1.0)
    bucket.take(3600.0)

    bucket.refuse(now=3601.0, sent_at=3600.0)

    assert bucket.pace == STANDARD.leak / 2


def test_slots_given_back_are_not_measured():
    kept, returned = LeakyBucket(STANDARD), LeakyBucket(STANDARD)
    for bucket in (kept, returned):
        bucket.refuse(now=0.0, sent_at=-1.0)
        for second in range(3, 23):
            bucket.take(float(second))
    for second in range(23, 28):
        assert returned.take(float(second))
        returned.give_back()

    for bucket in (kept, returned):
        bucket.refuse(now=28.0, sent_at=27.9)

    assert returned.pace == kept.pace


@given(st.lists(st.floats(0.1, 100), max_size=40), st.data())
def test_whatever_is_refused_the_pace_stays_between_its_floor_and_the_plan(gaps, data):
    bucket, now = LeakyBucket(STANDARD), 0.0

    for gap in gaps:
        now += gap
        bucket.take(now)
        if data.draw(st.booleans()):
            bucket.refuse(now, sent_at=now)
        assert STANDARD.leak / 8 <= bucket.pace <= STANDARD.leak
        assert 0 <= bucket.level <= STANDARD.burst + 0.001


def test_the_pace_has_a_floor_so_that_nobody_waits_for_ever():
    bucket = LeakyBucket(STANDARD)

    for step in range(20):
        bucket.refuse(now=step, sent_at=step - 0.5 if step else -1.0)

    assert bucket.pace == STANDARD.leak / 8


def test_the_wait_shrinks_as_time_passes():
    bucket = LeakyBucket(Plan(5, 2))
    bucket.take(0.0)

    assert (bucket.wait(0.0), bucket.wait(0.25), bucket.wait(9.0)) == (0.5, 0.25, 0.0)


@pytest.mark.parametrize(("seconds_ago", "taken"), [(0.0, 0), (1.0, 2), (10.0, 20), (1000.0, 46), (-5.0, 0)])
def test_a_counter_that_others_filled_some_time_ago_has_drained_since(seconds_ago, taken):
    bucket = LeakyBucket()
    bucket.take(50.0)

    bucket.assume_full(100.0, seconds_ago)

    assert sum(bucket.take(100.0) for _ in range(100)) == taken


def test_what_is_assumed_of_others_lowers_no_counter_of_ours():
    bucket = LeakyBucket()
    for _ in range(46):
        bucket.take(0.0)

    bucket.assume_full(0.0, 20.0)

    assert bucket.free(0.0) == 0
