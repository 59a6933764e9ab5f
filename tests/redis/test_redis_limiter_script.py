"""The counter at the server is `LeakyBucket`, step for step."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from bitrix_chat import Plan
from bitrix_chat.limits import LeakyBucket
from bitrix_chat.redis.limiter_script import CLOCK, MILLION, SCRIPT, Answer, answer_of, arguments

BEGAN = 1_700_000_000.0
PLAN = Plan(50, 2)
AT_ANY_TIME = SCRIPT.replace(CLOCK, "local now = tonumber(ARGV[#ARGV])")
keys = (f"bucket-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def redis(_redis_for_all):
    with Redis.from_url(_redis_for_all, decode_responses=True) as redis:
        yield redis


def asked(redis: Redis, key: str, plan: Plan, now: float, action: str, *others: int) -> Answer:
    words = arguments(plan, action, *others)
    raw = redis.eval(AT_ANY_TIME, 1, key, *words, round(now * MILLION))
    return answer_of(raw, plan, now)


def drained(redis: Redis, plan: Plan, now: float = BEGAN) -> str:
    key, moment = next(keys), round(now * MILLION)
    redis.set(key, f"0 {moment} {moment} 0 0 {round(plan.leak * MILLION)} 0")
    return key


def mirrored(answer: Answer) -> LeakyBucket:
    bucket = LeakyBucket()
    bucket.recall(answer.facts)
    return bucket


steps = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "refuse", "give", "redeem"]),
        st.one_of(st.just(0.0), st.floats(0, 3), st.floats(0, 60)),
        st.integers(1, 12),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps, st.sampled_from([Plan(50, 2), Plan(250, 5), Plan(9, 2.5), Plan(1, 1)]))
def test_the_script_reckons_as_the_bucket_does(redis, steps, plan):
    key, now = drained(redis, plan), BEGAN
    bucket, epoch = LeakyBucket(plan, updated=now), 0
    for action, later, count in steps:
        now += round(later, 4)
        if action == "refuse":
            answer = asked(redis, key, plan, now, "refuse", 0, round(count * MILLION / 4))
            bucket.refuse(now, now - count / 4)
        elif action == "give":
            answer = asked(redis, key, plan, now, "give", epoch, 0, 1)
            bucket.free(now)
            bucket.give_back() if epoch else None
        elif action == "redeem":
            answer = asked(redis, key, plan, now, "take", epoch, 1)
            if epoch:
                bucket.free(now)
                bucket.redeem()
            else:
                assert (answer.got, answer.wait) == taken(bucket, now, 1)
        else:
            answer = asked(redis, key, plan, now, "take", 0, count)
            assert (answer.got, answer.wait) == taken(bucket, now, count)
        epoch = answer.epoch
        level, pace, slowed_to, granted = mirrored(answer).facts[2], *mirrored(answer).facts[6:9]
        assert (level, granted) == (pytest.approx(bucket.level, abs=1e-3), bucket.facts[8])
        assert (pace, slowed_to) == pytest.approx(bucket.facts[6:8], abs=1e-5)


def taken(bucket: LeakyBucket, now: float, count: int) -> tuple[int, object]:
    got = 0
    while got < count and bucket.take(now):
        got += 1
    return got, pytest.approx(0.0 if got else bucket.reserve(now), abs=1e-3)


def test_what_was_reserved_before_a_refusal_is_void_and_gives_nothing_back(redis):
    key = drained(redis, PLAN)
    asked(redis, key, PLAN, BEGAN, "take", 0, 100)
    reserved = asked(redis, key, PLAN, BEGAN, "take", 0, 1)
    refused = asked(redis, key, PLAN, BEGAN + 0.1, "refuse", 0, 50_000)

    given_back = asked(redis, key, PLAN, BEGAN + 0.2, "give", reserved.epoch, 1, 0)
    late = asked(redis, key, PLAN, BEGAN + 0.5, "take", reserved.epoch, 1)

    assert (reserved.got, reserved.wait) == (0, 0.5)
    assert mirrored(given_back).level == pytest.approx(46.0 - 0.1 * 1.0, abs=0.01)
    assert (late.got, late.epoch) == (0, refused.epoch)
    assert late.wait == pytest.approx(1.6)


def test_the_key_outlives_a_full_bucket_and_the_recovery(redis):
    key = drained(redis, PLAN)
    asked(redis, key, PLAN, BEGAN, "refuse", 0, 0)

    assert 46 / 0.25 + 50 < redis.pttl(key) / 1000 < 300


def test_a_bucket_that_nobody_remembers_is_full_on_a_server_that_has_just_started(redis):
    for_ever = Plan(10.0 + 2e-6, 1e-6)

    answer = asked(redis, next(keys), for_ever, BEGAN, "take", 0, 1)

    assert answer.got == 0
    assert mirrored(answer).level == pytest.approx(11.0)


def test_a_bucket_that_nobody_remembers_is_empty_on_a_server_that_would_have_seen_it_drain(redis):
    key = next(keys)
    plan = Plan(10, 1)
    script = AT_ANY_TIME.replace("redis.pcall('INFO', 'server')", "'uptime_in_seconds:' .. ARGV[9]")

    def got(uptime: int) -> int:
        redis.delete(key)
        raw = redis.eval(script, 1, key, *arguments(plan, "take", 0, 1), uptime, round(BEGAN * MILLION))
        return answer_of(raw, plan, BEGAN).got

    assert [got(uptime) for uptime in (0, 10, 11, 1_000)] == [0, 0, 1, 1]


def test_a_server_that_does_not_tell_how_long_it_is_up_counts_as_just_started(redis):
    script = AT_ANY_TIME.replace("'INFO', 'server'", "'NOSUCHCOMMAND'")
    raw = redis.eval(script, 1, next(keys), *arguments(PLAN, "take", 0, 1), round(BEGAN * MILLION))

    assert answer_of(raw, PLAN, BEGAN).got == 0


def test_a_clock_that_was_set_back_stops_nothing(redis):
    key = drained(redis, PLAN, BEGAN + 86_400)
    asked(redis, key, PLAN, BEGAN + 86_400, "refuse", 0, 0)

    answer = asked(redis, key, PLAN, BEGAN, "take", 0, 1)

    assert answer.wait == pytest.approx(2.0)


def test_coming_back_fills_the_bucket_and_never_empties_it(redis):
    key = drained(redis, PLAN)
    for _ in range(60):
        asked(redis, key, PLAN, BEGAN, "take", 0, 1)

    above = asked(redis, key, PLAN, BEGAN, "fill", 0, 0)
    beyond = asked(redis, drained(redis, PLAN), PLAN, BEGAN, "fill", 0, 6 * MILLION)
    later = asked(redis, key, PLAN, BEGAN + 20, "fill", 0, 0)

    assert (mirrored(above).level, mirrored(later).level, mirrored(beyond).level) == (60.0, 46.0, 52.0)
