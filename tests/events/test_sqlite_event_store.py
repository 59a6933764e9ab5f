"""What only a file can promise: it outlives its process, several may use it, strangers and other programs may not."""

import asyncio
import os
import sqlite3
import stat
import sys
from contextlib import closing

import pytest

from bitrix_chat.events.errors import ConsumerBusy, EventStoreError
from bitrix_chat.events.sqlite_store import SqliteEventStore

HOLDER = """
import asyncio, sys
from bitrix_chat.events.sqlite_store import SqliteEventStore

async def hold(path):
    store = SqliteEventStore(path)
    release = await store.lease("bot")
    await store.keep("of another process", {}, ttl=60)
    print("held", flush=True)
    await asyncio.Event().wait()

asyncio.run(hold(sys.argv[1]))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bot.sqlite"


async def filled(path):
    async with SqliteEventStore(path) as store:
        await store.keep("a", {"n": "1"}, ttl=60)
        await store.mark_handled("bot", [7])
        await store.bury("b", {}, "why")


async def test_what_was_kept_is_there_after_another_start(path):
    await filled(path)
    async with SqliteEventStore(path) as store:
        assert [event.key for event in await store.pending()] == ["a"]
        assert set(await store.handled("bot")) == {7}
        assert [letter.error for letter in await store.buried()] == ["why"]


async def test_ids_are_forgotten_after_two_days_since_the_portal_may_use_them_anew(path):
    now = 1_000_000.0
    async with SqliteEventStore(path, clock=lambda: now) as store:
        await store.mark_handled("bot", [7])
        now += 47 * 3600
        await store.mark_handled("bot", [8])
        assert set(await store.handled("bot")) == {7, 8}
        now += 2 * 3600
        assert set(await store.handled("bot")) == {8}


async def test_two_stores_share_a_file_but_not_a_consumer(path):
    async with SqliteEventStore(path) as web, SqliteEventStore(path) as worker:
        release = await worker.lease("bot")
        await web.keep("a", {}, ttl=60)
        assert [event.key for event in await worker.pending()] == ["a"]
        with pytest.raises(ConsumerBusy):
            await web.lease("bot")
        release()
        (await web.lease("bot"))()


async def test_many_stores_may_make_one_file_at_once(path):
    stores = [SqliteEventStore(path) for _ in range(8)]
    await asyncio.gather(*(store.keep(str(number), {}, ttl=60) for number, store in enumerate(stores)))
    assert sorted(event.key for event in await stores[0].pending()) == list("01234567")
    for store in stores:
        await store.close()


async def test_a_process_that_is_killed_gives_its_lease_back(path):
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert await holder.stdout.readline() == b"held\n"
    async with SqliteEventStore(path) as store:
        with pytest.raises(ConsumerBusy):
            await store.lease("bot")
        holder.kill()
        await holder.wait()
        (await store.lease("bot"))()
        assert [event.key for event in await store.pending()] == ["of another process"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
async def test_the_file_is_its_owners_alone(path):
    await filled(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    async with SqliteEventStore(path) as store:
        await store.handled("bot")
        assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}


async def test_another_programs_database_is_left_as_it_is(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    async with SqliteEventStore(path) as store:
        with pytest.raises(EventStoreError, match="another application"):
            await store.handled("bot")
    assert path.read_bytes() == before


async def test_a_store_of_a_later_release_is_left_alone(path):
    await filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    async with SqliteEventStore(path) as store:
        with pytest.raises(EventStoreError, match="later release"):
            await store.handled("bot")


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be read as one" * 99])
async def test_what_is_no_database_is_refused_with_its_name(path, content):
    path.write_bytes(content)
    async with SqliteEventStore(path) as store:
        with pytest.raises(EventStoreError, match=r"bot\.sqlite: is no event store"):
            await store.handled("bot")


async def test_a_folder_that_is_not_there_is_named(tmp_path):
    async with SqliteEventStore(tmp_path / "none" / "bot.sqlite") as store:
        with pytest.raises(EventStoreError, match=r"the folder .*none does not exist"):
            await store.keep("a", {}, ttl=60)
        with pytest.raises(EventStoreError, match="No such file"):
            await store.lease("bot")


@pytest.mark.skipif(os.name == "nt", reason="Windows tells no owner")
async def test_files_of_another_user_are_refused(path, monkeypatch):
    await filled(path)
    monkeypatch.setattr("bitrix_chat.storage.sqlite_file.is_foreign", lambda _: True)
    monkeypatch.setattr("bitrix_chat.storage.file_lease.is_foreign", lambda _: True)
    async with SqliteEventStore(path) as store:
        with pytest.raises(EventStoreError, match="another user"):
            await store.handled("bot")
        with pytest.raises(EventStoreError, match="another user"):
            await store.lease("bot")


@pytest.mark.skipif(os.name == "nt", reason="Windows makes no such links without rights")
async def test_a_link_in_place_of_a_lock_file_is_refused(path):
    async with SqliteEventStore(path) as store:
        (await store.lease("bot"))()
        (lock,) = [each for each in path.parent.iterdir() if each.suffix == ".lock"]
        lock.rename(path.with_name("elsewhere"))
        lock.symlink_to(path.with_name("elsewhere"))
        with pytest.raises(EventStoreError, match="symbolic link"):
            await store.lease("bot")


async def test_a_call_that_is_cancelled_is_committed_all_the_same(path):
    async with SqliteEventStore(path) as store:
        marking = asyncio.ensure_future(store.mark_handled("bot", [1]))
        await asyncio.sleep(0)
        marking.cancel()
        await asyncio.wait([marking])
        assert set(await store.handled("bot")) == {1}


async def test_what_is_called_together_fails_alone(path):
    async with SqliteEventStore(path, inbox=1) as store:
        outcomes = await asyncio.gather(
            store.keep("a", {}, ttl=60),
            store.keep("b", {}, ttl=60),
            store.bury("c", {"no": object()}, ""),
            store.mark_handled("bot", [1]),
            return_exceptions=True,
        )
        assert [type(outcome).__name__ for outcome in outcomes] == ["bool", "InboxFull", "EventStoreError", "NoneType"]
        assert set(await store.handled("bot")) == {1}
