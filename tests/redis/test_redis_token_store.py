"""A token pair on a server for many machines: renewed once, saved by the holder alone, and shown to nobody."""

import asyncio
import gc
from contextlib import asynccontextmanager

import pytest

from bitrix_chat.auth import OAuthAuth, Token
from bitrix_chat.errors import InvalidParameter, TokenStoreError
from bitrix_chat.redis.errors import LeaseLost, RedisAway, RedisNotDurable
from bitrix_chat.redis.lease import RedisLease
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.redis.token_store import RedisTokenStore
from tests import redis_server
from tests.auth.conftest import everything_said, issuer

__all__ = ["everything_said", "issuer"]

FIRST = Token("canary-access-1", "canary-refresh-1", "https://acme.bitrix24.example/rest/", "m")
SECOND = Token("canary-access-2", "canary-refresh-2", "https://acme.bitrix24.example/rest/", "m")
THIRD = Token("canary-access-3", "canary-refresh-3", "https://acme.bitrix24.example/rest/", "m")


@pytest.fixture
async def stores(redis_url):
    """Two stores of one pair, as two machines have them."""
    async with RedisTokenStore(redis_url, "acme") as ours, RedisTokenStore(redis_url, "acme") as theirs:
        yield ours, theirs


async def test_machines_that_meet_an_expired_token_renew_it_once(stores, issuer):
    await stores[0].save(issuer.token())
    auths = [OAuthAuth("local.app", "canary-secret", store=store, authorization_server=issuer.url) for store in stores]
    rejected = await asyncio.gather(*(auth.credentials() for auth in auths))
    renewals = [auth.renew(old) for auth, old in zip(auths, rejected, strict=True) for _ in range(5)]
    renewed = {credentials.token for credentials in await asyncio.gather(*renewals)}
    assert (renewed, len(issuer.asked), issuer.spent_uses) == ({"canary-access-2"}, 1, 0)
    assert (await stores[1].load()).refresh_token == "canary-refresh-2"


async def test_a_machine_waits_while_another_renews(stores):
    ours, theirs = stores
    order = []

    async def hold():
        async with theirs.lock():
            order.append("theirs")
            assert await theirs.load() == SECOND

    async with ours.lock():
        waiting = asyncio.create_task(hold())
        await asyncio.sleep(0.08)
        order.append("ours")
        await ours.save(SECOND)
    await waiting
    assert order == ["ours", "theirs"]


async def test_pairs_of_other_names_are_other_pairs(redis_url):
    names = ["acme", "acme ", "Фирма", "a" * 500, "{x}", "\udcff"]
    server = RedisServer(redis_url)
    stores = [RedisTokenStore(server, name) for name in names]
    await asyncio.gather(*(store.save(Token(f"a{n}", f"r{n}", "p.example")) for n, store in enumerate(stores)))
    assert [(await store.load()).access_token for store in stores] == [f"a{n}" for n in range(len(names))]
    await server.close()


@pytest.mark.parametrize("name", ["", None])
def test_a_pair_needs_a_name(name):
    with pytest.raises(InvalidParameter, match="name"):
        RedisTokenStore("redis://redis.example", name)


async def test_who_lost_the_lease_saves_nothing(redis_url):
    async with RedisTokenStore(redis_url, "acme", lease=0.2) as ours, RedisTokenStore(redis_url, "acme") as theirs:
        await theirs.save(FIRST)
        server = RedisServer(redis_url)
        async with ours.lock():
            await server.redis.set(server.key("token:acme", "lease"), "another")
            with pytest.raises(TokenStoreError) as raised:
                await ours.save(SECOND)
            assert isinstance(raised.value.__cause__, LeaseLost)
        assert await theirs.load() == FIRST
        assert await server.redis.get(server.key("token:acme", "lease")) == "another"
        await server.close()


@pytest.mark.parametrize("before", [None, FIRST], ids=["none", "a pair"])
async def test_who_lost_the_lease_still_replaces_the_pair_that_he_renewed(stores, redis_url, before):
    ours, theirs = stores
    if before is not None:
        await theirs.save(before)
    async with lost_lock(ours, redis_url):
        await ours.save(SECOND)
        assert await theirs.load() == SECOND
        await ours.save(THIRD)  # nobody else has saved since
        assert await theirs.load() == THIRD


async def test_who_lost_the_lease_leaves_a_pair_that_another_saved_since(stores, redis_url):
    ours, theirs = stores
    await theirs.save(FIRST)
    async with lost_lock(ours, redis_url):
        await theirs.save(SECOND)
        await asyncio.create_task(ours.load())  # it does not count that some task without the lock has seen it
        with pytest.raises(TokenStoreError, match="not saved"):
            await ours.save(THIRD)
        assert await theirs.load() == SECOND
        await ours.save(SECOND)  # as if asked again, the answer being lost


@asynccontextmanager
async def lost_lock(store, redis_url):
    """Within a lock whose lease another has, after the pair was read under it."""
    server = RedisServer(redis_url)
    async with store.lock():
        await store.load()
        await server.redis.set(server.key("token:acme", "lease"), "another")
        yield
    await server.close()


async def test_a_server_that_restarts_meanwhile_loses_no_pair(own_redis):
    async with RedisTokenStore(own_redis.url, "acme") as store:
        await store.save(FIRST)

        async def restarted(work):
            own_redis.stop()
            asking = asyncio.create_task(work)
            await asyncio.sleep(0.05)
            assert not asking.done()
            own_redis.start()
            return await asking

        lock = store.lock()
        await restarted(lock.__aenter__())
        assert await restarted(store.load()) == FIRST
        await restarted(store.save(SECOND))
        await lock.__aexit__(None, None, None)
        assert await store.load() == SECOND


async def test_a_lock_that_was_taken_although_the_answer_got_lost_is_held(own_redis):
    # Each try ends before the frozen server answers; thawed, it does all of them.
    server = RedisServer(own_redis.url, patience=0.1)
    store = RedisTokenStore(server, "acme")
    async with store.lock():
        pass  # from now on the server knows the script
    own_redis.freeze()
    taking = asyncio.create_task(store.lock().__aenter__())
    await asyncio.sleep(0.35)
    own_redis.thaw()
    async with asyncio.timeout(5):
        await taking
    await store.save(FIRST)
    await server.close()


async def test_a_holder_that_died_is_not_waited_for_longer_than_its_lease(redis_url):
    server = RedisServer(redis_url)
    dead = RedisLease(server, server.key("token:acme", "lease"), length=0.2)
    await dead.take()
    del dead
    gc.collect()
    async with asyncio.timeout(5), RedisTokenStore(server, "acme").lock():
        pass
    await server.close()


async def test_a_cancelled_save_is_seen_through(stores):
    ours, theirs = stores
    await ours.save(FIRST)
    saving = asyncio.create_task(ours.save(SECOND))
    await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert await theirs.load() == SECOND


async def test_what_was_saved_is_there_after_a_crash_of_the_server(own_redis):
    async with RedisTokenStore(own_redis.url, "acme") as store:
        await store.save(FIRST)
        own_redis.stop()
        own_redis.start()
        assert await store.load() == FIRST


async def test_a_server_that_would_forget_is_refused_before_anything_is_spent(tmp_path):
    with redis_server.running(tmp_path, "--appendonly", "no") as local:
        async with RedisTokenStore(local.url, "acme") as store:
            for use in (store.load(), store.save(FIRST), store.lock().__aenter__()):
                with pytest.raises(TokenStoreError, match="set `appendonly yes`") as raised:
                    await use
                assert isinstance(raised.value.__cause__, RedisNotDurable)


async def test_a_server_that_is_away_is_told_without_a_secret(everything_said):
    async with RedisTokenStore("redis://me:canary-password@127.0.0.1:1/0", "acme") as store:
        for use in (store.load(), store.save(FIRST), store.lock().__aenter__()):
            with pytest.raises(TokenStoreError, match=r"127\.0\.0\.1:1 failed") as raised:
                await use
            assert isinstance(raised.value.__cause__, RedisAway)
            assert "canary" not in everything_said(raised.value)
        assert "canary" not in repr(store)


async def test_a_server_that_takes_no_more_is_told_without_a_secret(own_redis, everything_said):
    server = RedisServer(own_redis.url)
    await server.redis.config_set("maxmemory", 1)
    store = RedisTokenStore(server, "acme")
    with pytest.raises(TokenStoreError) as raised:
        await store.save(FIRST)
    assert "canary" not in everything_said(raised.value)
    await server.close()


@pytest.mark.parametrize("content", ["canary", "[]", '{"access_token":"canary"}', "[" * 100_000])
async def test_what_is_no_pair_is_refused_without_being_shown(redis_url, content, everything_said):
    server = RedisServer(redis_url)
    await server.redis.set(server.key("token:acme", "pair"), content)
    with pytest.raises(TokenStoreError, match="no token of this package") as raised:
        await RedisTokenStore(server, "acme").load()
    assert "canary" not in everything_said(raised.value)
    await server.close()


async def test_no_key_tells_a_secret(redis_url):
    server = RedisServer(redis_url)
    async with RedisTokenStore(server, "https://portal.example/rest/1/canary/").lock():
        assert "canary" not in " ".join(await server.redis.keys())
    await server.close()
