"""An event store for many machines: one consumer at a time, woken by what others keep, through a restart."""

import asyncio
import gc

import pytest

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.errors import ConsumerBusy, EventStoreError, InboxFull
from bitrix_chat.events.inbox import Inbox
from bitrix_chat.redis.errors import LeaseLost, RedisAway, RedisNotDurable
from bitrix_chat.redis.event_store import RedisEventStore
from bitrix_chat.redis.server import RedisServer
from tests import redis_server


@pytest.fixture
async def stores(redis_url):
    """Two stores of one name, as two machines have them."""
    async with RedisEventStore(redis_url, inbox=2) as ours, RedisEventStore(redis_url, inbox=2) as theirs:
        yield ours, theirs


@pytest.fixture
async def server(redis_url):
    server = RedisServer(redis_url)
    yield server
    await server.close()


async def keys(store):
    return [event.key for event in await store.pending()]


async def test_what_one_machine_keeps_another_handles(stores):
    ours, theirs = stores
    await ours.keep("a", {"event": "ONIMBOTV2DELETE"}, ttl=60)
    assert [event.body for event in await theirs.pending()] == [{"event": "ONIMBOTV2DELETE"}]
    await theirs.finish("a")
    assert await keys(ours) == []
    assert await ours.keep("a", {}, ttl=60) is False


async def test_what_another_machine_keeps_wakes_who_waits(stores):
    ours, theirs = stores
    assert await keys(ours) == []
    waiting = asyncio.create_task(ours.arrival(60))
    await asyncio.sleep(0.05)
    await theirs.keep("a", {}, ttl=60)
    async with asyncio.timeout(10):
        await waiting
    assert await keys(ours) == ["a"]


async def test_what_came_between_the_look_and_the_wait_wakes_too(stores):
    ours, theirs = stores
    assert await keys(ours) == []
    await theirs.keep("a", {}, ttl=60)
    async with asyncio.timeout(10):
        await ours.arrival(60)


async def test_what_is_posted_twice_at_a_time_is_kept_once(redis_url):
    stores = [RedisEventStore(redis_url) for _ in range(6)]
    assert sorted(await asyncio.gather(*(store.keep("a", {}, ttl=60) for store in stores))) == [False] * 5 + [True]
    for store in stores:
        await store.close()


async def test_the_inbox_is_bounded_for_all_together(stores):
    ours, theirs = stores
    await ours.keep("a", {}, ttl=60)
    await theirs.keep("b", {}, ttl=60)
    for store in stores:
        with pytest.raises(InboxFull, match="2 posted events"):
            await store.keep("c", {}, ttl=60)


async def test_a_consumer_is_taken_on_one_machine_at_a_time(stores):
    ours, theirs = stores
    release = await ours.lease("portal.example/бот/5")
    with pytest.raises(ConsumerBusy):
        await theirs.lease("portal.example/бот/5")
    release()
    await ours.close()
    (await theirs.lease("portal.example/бот/5"))()


async def test_a_consumer_that_died_is_free_when_its_lease_ends(redis_url):
    async with RedisEventStore(redis_url) as ours:
        dead = RedisEventStore(redis_url, lease=0.5)
        release = await dead.lease("bot")
        release._lease = None  # a process that is killed gives nothing back
        del release, dead
        gc.collect()
        with pytest.raises(ConsumerBusy):
            await ours.lease("bot")
        await asyncio.sleep(0.55)
        (await ours.lease("bot"))()


async def test_who_lost_a_consumer_to_another_is_told_before_anything_is_written(stores, server):
    ours, theirs = stores
    release = await ours.lease("bot")
    await server.redis.delete(server.key("events:events", "lease", "bot"))
    theirs_release = await theirs.lease("bot")
    await theirs.mark_handled("bot", [1])
    with pytest.raises(ConsumerBusy, match="not renewed in time"):
        await ours.mark_handled("bot", [2])
    assert set(await theirs.handled("bot")) == {1}
    release()
    await ours.close()
    await theirs.mark_handled("bot", [3])
    theirs_release()


async def test_who_was_cut_off_for_longer_than_a_lease_knows_it_without_asking(own_redis):
    store = RedisEventStore(RedisServer(own_redis.url, patience=0.1), lease=0.3)
    release = await store.lease("bot")
    own_redis.freeze()
    await asyncio.sleep(0.35)
    for use in (store.mark_handled("bot", [1]), store.pending()):
        with pytest.raises(ConsumerBusy) as raised:
            await use
        assert isinstance(raised.value.__cause__, LeaseLost)
    own_redis.thaw()
    release()
    await store.close()


async def test_stores_and_consumers_of_other_names_are_others(redis_url):
    names = ["events", "events ", "{events}", "события", "\udcff"]
    stores = [RedisEventStore(redis_url, name) for name in names]
    for number, store in enumerate(stores):
        await store.keep(names[number], {}, ttl=60)
        await store.mark_handled(names[number], [number])
    assert [await keys(store) for store in stores] == [[name] for name in names]
    assert [set(await stores[0].handled(name)) for name in names] == [{0}, *[set()] * 4]
    for store in stores:
        await store.close()


@pytest.mark.parametrize("name", ["", None])
def test_a_store_needs_a_name(name):
    with pytest.raises(InvalidParameter, match="name"):
        RedisEventStore("redis://redis.example", name)


async def test_moments_are_by_the_server_s_clock(stores, server):
    before = (await server.redis.time())[0]
    await stores[0].keep("a", {}, ttl=60)
    await stores[0].bury("a", {}, "")
    after = (await server.redis.time())[0] + 1
    (kept,), (buried,) = await stores[1].pending(), await stores[1].buried()
    assert before <= kept.kept_at.timestamp() <= buried.buried_at.timestamp() <= after


async def test_ids_are_in_the_order_in_which_they_came_although_the_clock_goes_back(redis_url):
    now = 2_000_000_000.0
    async with RedisEventStore(redis_url, clock=lambda: now) as store:
        await store.mark_handled("bot", range(10_000))
        now -= 3600
        await store.mark_handled("bot", [20_000])
        ids = set(await store.handled("bot"))
        assert ids == {*range(1, 10_000), 20_000}
        now += 60 * 3600
        assert set(await store.handled("bot")) == set()


async def test_a_server_that_restarts_keeps_no_consumer_from_beginning(own_redis):
    async with RedisEventStore(own_redis.url) as store:
        await store.handled("b")
        own_redis.stop()
        taking = asyncio.create_task(store.lease("b"))
        await asyncio.sleep(0.05)
        own_redis.start()
        release = await taking
        with pytest.raises(ConsumerBusy):
            await RedisEventStore(own_redis.url).lease("b")
        release()


async def test_a_server_that_restarts_is_waited_for_and_has_what_it_acknowledged(own_redis):
    async with RedisEventStore(own_redis.url) as store:
        release = await store.lease("bot")
        await store.keep("a", {}, ttl=60)
        await store.mark_handled("bot", [1])
        own_redis.stop()
        keeping = asyncio.create_task(store.keep("b", {}, ttl=60))
        await asyncio.sleep(0.05)
        await store.arrival(0.25)
        own_redis.start()
        await keeping
        await store.mark_handled("bot", [2])
        assert (await keys(store), set(await store.handled("bot"))) == (["a", "b"], {1, 2})
        release()


async def test_a_server_that_would_forget_is_refused(tmp_path):
    with redis_server.running(tmp_path, "--appendonly", "no") as local:
        async with RedisEventStore(local.url) as store:
            for use in (store.lease("bot"), store.keep("a", {}, ttl=60)):
                with pytest.raises(EventStoreError, match="set `appendonly yes`") as raised:
                    await use
                assert isinstance(raised.value.__cause__, RedisNotDurable)


async def test_a_server_that_is_away_is_told_without_its_password(monkeypatch):
    monkeypatch.setattr("bitrix_chat.redis.event_store.outlasting", lambda work: work())
    async with RedisEventStore("redis://me:canary-password@127.0.0.1:1/0") as store:
        with pytest.raises(EventStoreError) as raised:
            await store.pending()
        assert isinstance(raised.value.__cause__, RedisAway)
        assert "canary" not in f"{raised.value} {store!r}"


async def test_an_inbox_delivers_what_another_machine_has_kept(stores):
    ours, theirs = stores
    async with Inbox(ours, pause=0.05) as inbox:
        await theirs.keep("a", {"event": "ONIMBOTV2DELETE", "data": {"bot": {"id": "5"}}}, ttl=60)
        async with asyncio.timeout(10):
            delivery = await anext(aiter(inbox))
        with pytest.raises(ConsumerBusy):
            await anext(aiter(Inbox(theirs)))
        await delivery.ack()
    assert await keys(theirs) == []
