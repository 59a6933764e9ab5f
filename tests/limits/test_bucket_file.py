"""A bucket's file may be new, old, damaged, removed, or a trap."""

import asyncio
import os
import time

import pytest

from bitrix_chat import Plan
from bitrix_chat.limits import LeakyBucket
from bitrix_chat.limits.bucket_file import BucketFile
from bitrix_chat.limits.errors import LimiterFileError
from bitrix_chat.limits.file_limiter import FileRateLimiter
from bitrix_chat.outcomes import Outcome
from bitrix_chat.testing import on_virtual_clock

TEN = Plan(14, 2)


def now():
    return asyncio.get_running_loop().time()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "acme.limit"


def limiter_at(path, clock=now):
    return FileRateLimiter(path, TEN, clock=clock)


def take_all(limiter):
    return sum(limiter.try_acquire() for _ in range(20))


@on_virtual_clock
async def test_what_was_counted_outlives_all_who_counted(path):
    take_all(limiter_at(path))

    assert take_all(limiter_at(path)) == 0


@on_virtual_clock
async def test_only_its_user_may_read_it(path):
    limiter_at(path)

    assert path.stat().st_mode & 0o777 == 0o600


@on_virtual_clock
async def test_after_another_start_of_the_host_the_wall_clock_tells_what_has_drained(path, monkeypatch):
    take_all(limiter_at(path))
    began, wall = now(), time.time()
    monkeypatch.setattr(time, "time", lambda: wall + 2.0)

    after = limiter_at(path, lambda: now() - began + 15.0)

    assert after.wait(10) == pytest.approx(3.0, abs=0.1)
    assert take_all(after) == 4


@on_virtual_clock
async def test_after_another_start_with_a_wall_clock_that_is_behind_it_is_full(path, monkeypatch):
    limiter_at(path).try_acquire()
    began, wall = now(), time.time()
    monkeypatch.setattr(time, "time", lambda: wall - 86_400.0)
    limiter = limiter_at(path, lambda: now() - began + 15.0)

    assert take_all(limiter) == 0
    await asyncio.sleep(1.5)
    assert take_all(limiter) == 3


@on_virtual_clock
async def test_a_new_file_soon_after_the_start_of_the_host_counts_what_may_have_left_before_it(path):
    began = now()

    limiter = FileRateLimiter(path, clock=lambda: now() - began + 3.0)

    assert sum(limiter.try_acquire() for _ in range(60)) == 6


@pytest.mark.parametrize("damage", [lambda record: record[:50], lambda record: record[:-1] + b"?", lambda _: bytes(96)])
@on_virtual_clock
async def test_what_is_half_written_counts_as_full_and_drains(path, damage):
    limiter_at(path).try_acquire()
    path.write_bytes(damage(path.read_bytes()))

    limiter = limiter_at(path)

    assert take_all(limiter) == 0
    await asyncio.sleep(1.0)
    assert take_all(limiter) == 2


@on_virtual_clock
async def test_damage_voids_what_was_reserved(path):
    limiter = limiter_at(path)
    take_all(limiter)
    began, waiting = now(), asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0.2)

    path.write_bytes(b"")
    os.truncate(path, 100)
    await waiting

    assert now() - began == pytest.approx(0.5 + 0.5)


@on_virtual_clock
async def test_what_is_just_being_written_is_not_believed(path):
    limiter = limiter_at(path)
    take_all(limiter)

    path.write_bytes(path.read_bytes()[:-1] + b"?")

    assert limiter.free() == 0


@on_virtual_clock
async def test_a_file_of_another_kind_is_left_alone(path):
    path.write_bytes(b"Somebody's shopping list: bread, butter, and a hundred candles for the party")

    with pytest.raises(LimiterFileError, match="is no limiter file of this version; name another file") as caught:
        limiter_at(path)

    assert caught.value.outcome is Outcome.NOT_SENT
    assert path.read_bytes().startswith(b"Somebody's")


@on_virtual_clock
async def test_a_link_is_not_followed(path, tmp_path):
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(LimiterFileError, match="is a symbolic link; remove it"):
        limiter_at(path)

    assert not (tmp_path / "elsewhere").exists()


@on_virtual_clock
async def test_a_pipe_is_no_file(path):
    os.mkfifo(path)

    with pytest.raises(LimiterFileError, match="is no limiter file"):
        limiter_at(path)


@on_virtual_clock
async def test_a_file_of_another_user_is_a_trap(path, monkeypatch):
    limiter_at(path)
    monkeypatch.setattr("bitrix_chat.storage.private_file.is_foreign", lambda _: True)

    with pytest.raises(LimiterFileError, match="belongs to another user"):
        limiter_at(path)


@on_virtual_clock
async def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LimiterFileError, match=r"missing/acme\.limit: No such file or directory"):
        limiter_at(tmp_path / "missing" / "acme.limit")


@on_virtual_clock
async def test_after_somebody_has_tidied_up_all_meet_in_the_new_file_within_a_second(path):
    one, other = limiter_at(path), limiter_at(path)
    take_all(one)

    path.unlink()
    await asyncio.sleep(1.0)
    assert take_all(one) == 2
    assert take_all(other) == 0

    assert path.exists()


@on_virtual_clock
async def test_without_the_folder_they_go_on_in_the_file_that_had_been_there(tmp_path):
    (tmp_path / "run").mkdir()
    one, other = (limiter_at(tmp_path / "run" / "acme.limit") for _ in range(2))

    one.path.unlink()
    one.path.parent.rmdir()
    await asyncio.sleep(1.0)

    assert (take_all(one), take_all(other)) == (10, 0)


@on_virtual_clock
async def test_a_forked_child_opens_the_file_anew(path, monkeypatch):
    file = BucketFile(path, now)
    file.locked(LeakyBucket.take)
    (before,) = _descriptors_of(path)

    parent = os.dup(before)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    file.locked(LeakyBucket.take)
    after = set(_descriptors_of(path)) - {parent}

    assert len(after) == 1
    assert _is_another_description(parent, after.pop())
    os.close(parent)


def _descriptors_of(path):
    wanted = path.stat()
    return [descriptor for descriptor in range(256) if _is_of(descriptor, wanted)]


def _is_of(descriptor, wanted):
    try:
        return os.path.samestat(os.fstat(descriptor), wanted)
    except OSError:
        return False


def _is_another_description(one, other):
    """Tell whether two descriptors were opened apart: they do not share their position."""
    os.lseek(one, 7, os.SEEK_SET)
    return os.lseek(other, 0, os.SEEK_CUR) != 7


@on_virtual_clock
async def test_a_process_keeps_few_files_open_and_those_used_last(tmp_path):
    limiters = [limiter_at(tmp_path / f"{number}.limit") for number in range(100)]
    for limiter in limiters:
        take_all(limiter)
    held = [bool(_descriptors_of(limiter.path)) for limiter in limiters]

    assert sum(held) <= 64
    assert held[-30:] == [True] * 30
    assert [take_all(limiter) for limiter in limiters] == [0] * 100


@on_virtual_clock
async def test_what_was_reserved_in_a_file_that_was_closed_for_others_is_kept(tmp_path):
    limiter, began = limiter_at(tmp_path / "acme.limit"), now()
    take_all(limiter)
    waiting = [asyncio.create_task(limiter.acquire()) for _ in range(2)]
    await asyncio.sleep(0.1)

    others = [limiter_at(tmp_path / f"{number}.limit") for number in range(100)]
    assert _descriptors_of(limiter.path) == []
    await asyncio.gather(*waiting)

    assert now() - began == pytest.approx(1.0)
    del others


@on_virtual_clock
async def test_a_file_that_is_being_counted_in_is_not_closed_for_another(tmp_path):
    outer = BucketFile(tmp_path / "acme.limit", now)

    def act(bucket, at):
        others = [limiter_at(tmp_path / f"{number}.limit") for number in range(100)]
        assert len(_descriptors_of(outer.path)) == 1
        return bool(others) and bucket.take(at)

    assert outer.locked(act)


@on_virtual_clock
async def test_where_all_files_are_being_counted_in_one_more_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("bitrix_chat.limits.bucket_file._MOST_OPEN", 1)
    outer, inner = (BucketFile(tmp_path / f"{name}.limit", now) for name in ("outer", "inner"))
    outer.locked(LeakyBucket.take)

    assert outer.locked(lambda *_: inner.locked(LeakyBucket.take))
    assert len(_descriptors_of(outer.path)) == len(_descriptors_of(inner.path)) == 1


@on_virtual_clock
async def test_a_forked_child_that_cannot_open_the_file_anew_does_not_count_in_its_parents(path, monkeypatch):
    file = BucketFile(path, now)
    file.locked(LeakyBucket.take)
    path.unlink()
    path.mkdir()

    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        for _ in range(2):
            with pytest.raises(LimiterFileError):
                file.locked(LeakyBucket.take)
    assert file.locked(LeakyBucket.take)


@on_virtual_clock
async def test_a_limiter_that_is_dropped_lets_go_of_its_file(path):
    limiter_at(path)

    assert _descriptors_of(path) == []
