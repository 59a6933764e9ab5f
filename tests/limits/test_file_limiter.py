"""Several limiters on one file, as processes of one host have them, keep the limit together."""

import asyncio
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bitrix_chat import ENTERPRISE, STANDARD, Plan
from bitrix_chat.limits import LeakyBucket
from bitrix_chat.limits.bucket_file import BucketFile
from bitrix_chat.limits.errors import LimiterFileError
from bitrix_chat.limits.file_limiter import FileRateLimiter
from bitrix_chat.storage.file_lock import try_lock, unlock
from bitrix_chat.testing import on_virtual_clock

TEN = Plan(14, 2)
"""Ten at once, then two a second."""


def now():
    return asyncio.get_running_loop().time()


@pytest.fixture
def process(tmp_path):
    """Makes limiters that are as far apart as those of two processes."""
    return lambda plan=TEN: FileRateLimiter(tmp_path / "acme.limit", plan, clock=now)


@contextmanager
def somebody_counts(limiter):
    """Hold the lock, like a process that the machine has put aside just now."""
    with limiter.path.open("r+b") as file:
        assert try_lock(file.fileno())
        yield
        unlock(file.fileno())


async def passing(limiter, count, passed, name=None):
    for _ in range(count):
        await limiter.acquire()
        passed.append((name, now()))


@on_virtual_clock
async def test_the_burst_is_one_for_all(process):
    one, other = process(), process()

    taken = [limiter.try_acquire() for _ in range(8) for limiter in (one, other)]

    assert taken == [True] * 10 + [False] * 6
    assert (one.free(), other.free()) == (0, 0)
    assert one.wait(3) == other.wait(3) == pytest.approx(1.5)


@on_virtual_clock
async def test_processes_take_turns_however_many_wait_in_each(process):
    one, other, passed, began = process(), process(), [], now()
    await passing(one, 10, [])

    await asyncio.gather(
        *(passing(one, 1, passed, "one") for _ in range(100)), *(passing(other, 1, passed, "other") for _ in range(5))
    )

    assert [name for name, _ in passed[:10]] == ["one", "other"] * 5
    assert [when - began for _, when in passed] == pytest.approx([0.5 * number for number in range(1, 106)])


@on_virtual_clock
async def test_nothing_is_lost_between_many_processes(process):
    processes, passed, began = [process() for _ in range(8)], [], now()

    await asyncio.gather(*(passing(limiter, 25, passed, number) for number, limiter in enumerate(processes)))

    assert passed[-1][1] - began == pytest.approx((8 * 25 - 10) / 2)
    in_the_second_quarter = [name for name, _ in passed[50:100]]
    assert {in_the_second_quarter.count(number) for number in range(8)} <= {6, 7}


@on_virtual_clock
async def test_a_refusal_of_one_pauses_all_and_voids_what_they_had_reserved(process):
    one, other, passed = process(), process(), []
    await passing(one, 10, [])
    waiting = asyncio.create_task(passing(other, 3, passed))
    await asyncio.sleep(0.4)

    one.refuse(sent_at=now() - 0.1)
    refused_at = now()
    assert one.pace == other.pace < 2
    await waiting

    assert min(when for _, when in passed) - refused_at == pytest.approx(2.0)


@on_virtual_clock
async def test_a_wave_of_refusals_counts_once_whoever_meets_it(process):
    one, other, sent_at = process(), process(), now()
    await passing(one, 10, [])
    await asyncio.sleep(0.1)

    one.refuse(sent_at)
    pace = one.pace
    other.refuse(sent_at)

    assert one.pace == pace


@on_virtual_clock
async def test_whoever_stops_waiting_gives_back_what_it_had_reserved(process):
    one, other, began = process(), process(), now()
    await passing(one, 10, [])
    gone = asyncio.create_task(one.acquire())
    await asyncio.sleep(0)

    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await other.acquire()

    assert now() - began == pytest.approx(0.5)


@on_virtual_clock
async def test_a_slot_given_back_goes_to_the_next_of_the_same_process_or_to_all(process):
    one, other, began = process(), process(), now()
    await passing(one, 10, [])
    waiting = asyncio.create_task(one.acquire())
    await asyncio.sleep(0)

    one.release()
    await waiting
    assert now() == began
    one.release()
    assert other.try_acquire()


@on_virtual_clock
async def test_a_slot_given_back_within_a_pause_lets_nobody_leave(process):
    limiter = process()
    await passing(limiter, 10, [])
    limiter.refuse(sent_at=now())
    refused_at, waiting = now(), asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)

    limiter.release()
    await waiting

    assert now() - refused_at == pytest.approx(2.0)


@on_virtual_clock
async def test_while_another_counts_nobody_is_let_through_and_answers_are_the_last_seen(process):
    limiter = process()
    await passing(limiter, 4, [])

    with somebody_counts(limiter):
        assert not limiter.try_acquire()
        assert (limiter.free(), limiter.wait(1)) == (6, 0.0)
        waiting = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0.01)
        assert not waiting.done()

    await waiting
    assert limiter.free() == 5


@on_virtual_clock
async def test_what_could_not_be_told_while_another_counted_is_told_right_after(process):
    one, other = process(), process()
    await passing(one, 10, [])

    with somebody_counts(one):
        one.release()
    await asyncio.sleep(0.01)
    assert other.try_acquire()
    with somebody_counts(one):
        one.refuse(sent_at=now())
        one.adopt(STANDARD)
    await asyncio.sleep(0.01)

    assert other.plan == STANDARD
    assert other.wait(1) > 1.9


@on_virtual_clock
async def test_a_newcomer_tells_first_what_is_still_to_be_told(process):
    one, other = process(), process()
    await passing(one, 10, [])
    with somebody_counts(one):
        one.release()

    assert one.try_acquire()
    assert not other.try_acquire()
    with somebody_counts(one):
        one.refuse(sent_at=now())
    assert not one.try_acquire()
    assert other.wait(1) == pytest.approx(2.0)


@on_virtual_clock
async def test_the_plan_said_last_holds_for_all_and_none_keeps_what_is_there(process):
    unsaid = process(None)
    assert (unsaid.plan, unsaid.said) == (STANDARD, None)

    process(ENTERPRISE)
    unsaid.free()

    assert (unsaid.plan, unsaid.pace, process(None).plan) == (ENTERPRISE, 5, ENTERPRISE)
    unsaid.adopt(STANDARD)
    assert (unsaid.said, process(None).plan) == (STANDARD, STANDARD)


def warnings_in(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@on_virtual_clock
async def test_a_plan_that_replaces_anothers_is_told_to_both_once(process, caplog):
    one = process(STANDARD)
    assert warnings_in(caplog) == []

    other = process(ENTERPRISE)
    assert [("size=50" in said, "size=250" in said) for said in warnings_in(caplog)] == [(True, True)]
    for limiter in (one, other, one, other):
        limiter.try_acquire()

    assert len(warnings_in(caplog)) == 2
    assert "Plan(size=50, leak=2) was said here and Plan(size=250.0, leak=5.0) by others" in warnings_in(caplog)[1]


@on_virtual_clock
async def test_a_plan_on_which_all_agree_is_nothing_to_warn_of(process, caplog):
    unsaid = process(None)
    for limiter in (process(STANDARD), process(STANDARD), unsaid):
        limiter.try_acquire()
    unsaid.adopt(STANDARD)

    assert warnings_in(caplog) == []


@on_virtual_clock
async def test_a_holder_that_was_stopped_is_told_of_once_and_waited_for(process, caplog):
    limiter = process()
    for _ in range(2):
        with somebody_counts(limiter):
            waiting = asyncio.create_task(limiter.acquire())
            await asyncio.sleep(0.9)
            assert warnings_in(caplog) == []
            await asyncio.sleep(2.0)
            assert not waiting.done()
        await waiting

        (said,) = warnings_in(caplog)
        assert str(limiter.path) in said
        assert "may have been stopped" in said
        caplog.clear()


@on_virtual_clock
async def test_saying_the_same_plan_again_leaves_a_slowdown_as_it_is(process):
    process().refuse(sent_at=now())

    assert process().pace < 2


@on_virtual_clock
async def test_it_shows_its_file_and_not_where_that_is(process, tmp_path):
    limiter = process()
    await passing(limiter, 3, [])

    assert repr(limiter) == "<FileRateLimiter acme.limit level=3.0/10 waiting=0>"
    assert limiter.path == tmp_path / "acme.limit"


@on_virtual_clock
async def test_one_that_was_closed_opens_its_file_again(process):
    limiter = process()
    await passing(limiter, 10, [])

    limiter.close()
    limiter.close()

    assert not limiter.try_acquire()


@on_virtual_clock
async def test_all_who_wait_are_told_of_a_disk_that_fails(process, monkeypatch):
    limiter = process()
    await passing(limiter, 10, [])
    waiting = [asyncio.create_task(limiter.acquire()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()

    with monkeypatch.context() as broken:
        broken.setattr("bitrix_chat.limits.bucket_file.write_at", _fail)
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        limiter.release()

    assert [type(answer) for answer in answers] == [LimiterFileError, asyncio.CancelledError, LimiterFileError]
    assert "acme.limit: No space left on device" in str(answers[0])
    await limiter.acquire()


@on_virtual_clock
async def test_whoever_is_cancelled_in_the_turn_in_which_the_disk_fails_gives_back_nothing(process, monkeypatch):
    limiter, loop = process(), asyncio.get_running_loop()
    await passing(limiter, 10, [])
    waiting, due = [asyncio.create_task(limiter.acquire()) for _ in range(3)], now() + 0.5
    await asyncio.sleep(0)

    with monkeypatch.context() as broken:
        broken.setattr("bitrix_chat.limits.bucket_file.write_at", _fail)
        loop.call_at(due - 2e-10, waiting[1].cancel)
        loop.call_at(due + 2e-10, waiting[2].cancel)
        answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(answer) for answer in answers] == [LimiterFileError] + 2 * [asyncio.CancelledError]
    assert limiter.wait(1) == pytest.approx(0.5)


def _fail(*_):
    raise OSError(28, "No space left on device")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_limit_holds_whatever_processes_do(process, tmp_path, data):
    (tmp_path / "acme.limit").unlink(missing_ok=True)
    on_virtual_clock(_anything)(process, data)


async def _anything(process, data):
    """Let processes acquire, give up and give back; a bucket that counts what leaves is never over its burst."""
    processes, counted, tasks = [process() for _ in range(3)], LeakyBucket(TEN), []

    async def leave(limiter, *, is_used):
        await limiter.acquire()
        if is_used:
            assert counted.take(now() + 1e-6)
        else:
            limiter.release()

    steps = st.tuples(st.sampled_from(processes), st.sampled_from(["leave", "give back", "give up"]), st.floats(0, 0.7))
    for limiter, step, pause in data.draw(st.lists(steps, max_size=40)):
        if step == "give up":
            if tasks:
                tasks[len(tasks) // 2].cancel()
        else:
            tasks.append(asyncio.create_task(leave(limiter, is_used=step == "leave")))
        await asyncio.sleep(pause)
    began = now()
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert now() - began <= len(tasks) / 2 + 1e-6
    assert processes[0].wait(10) <= counted.wait(now(), 10) + 0.5 + 1e-5


@on_virtual_clock
async def test_a_bucket_file_says_what_the_act_said(tmp_path):
    file = BucketFile(tmp_path / "acme.limit", now)

    assert [file.locked(LeakyBucket.take), file.locked(lambda bucket, at: bucket.take(at, 1000))] == [True, False]
