"""What every token store owes to whoever renews tokens; run yours through it by adding it to `MAKERS`."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from bitrix_chat.auth import FileTokenStore, MemoryTokenStore, Token, TokenStore
from bitrix_chat.redis.token_store import RedisTokenStore

FIRST = Token("canary-access-1", "canary-refresh-1", "https://acme.bitrix24.com/rest/", "m", 1.5, ("im",), 7)
SECOND = Token("canary-access-2", "canary-refresh-2", "https://acme.bitrix24.com/rest/")


class DictStore:
    """A store as a user writes one."""

    def __init__(self, rows):
        self._rows = rows
        self._lock = asyncio.Lock()

    async def load(self):
        return Token.from_dict(self._rows["acme"]) if "acme" in self._rows else None

    async def save(self, token):
        self._rows["acme"] = token.to_dict()

    @asynccontextmanager
    async def lock(self):
        async with self._lock:
            yield


MAKERS = {
    "memory": lambda _: MemoryTokenStore(),
    "file": lambda request: FileTokenStore(request.getfixturevalue("tmp_path") / "token.json"),
    "redis": lambda request: RedisTokenStore(request.getfixturevalue("redis_url"), "acme"),
    "user": lambda _: DictStore({}),
}
"""Each makes an empty store; the fixtures of the test are at hand."""


@pytest.fixture(params=MAKERS)
def store(request):
    return MAKERS[request.param](request)


def test_it_is_a_token_store(store):
    assert isinstance(store, TokenStore)


async def test_a_new_store_is_empty(store):
    assert await store.load() is None


async def test_the_pair_saved_last_is_loaded_whole(store):
    await store.save(SECOND)
    await store.save(FIRST)
    assert await store.load() == FIRST


async def test_loading_and_saving_work_inside_the_lock(store):
    async with store.lock():
        await store.save(FIRST)
        assert await store.load() == FIRST


async def test_one_holder_at_a_time_however_many_tasks(store):
    inside, most, done = 0, 0, 0

    async def hold():
        nonlocal inside, most, done
        async with store.lock():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            done += 1

    await asyncio.gather(*(hold() for _ in range(8)))
    assert (most, done) == (1, 8)


async def test_the_lock_is_free_after_an_error_inside(store):
    with pytest.raises(KeyError):
        async with store.lock():
            raise KeyError
    async with asyncio.timeout(10), store.lock():
        pass


async def test_a_waiter_that_is_cancelled_leaves_the_lock_to_the_next(store):
    async def hold():
        async with store.lock():
            pass

    async with store.lock():
        waiter = asyncio.create_task(hold())
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
    async with asyncio.timeout(10):
        await hold()


def test_no_repr_shows_a_secret(store):
    asyncio.run(store.save(FIRST))
    assert "canary" not in repr(store)


def test_a_store_works_in_one_event_loop_after_another(store):
    if isinstance(store, DictStore):
        pytest.skip("the ten-line store keeps to one loop")

    async def contend():
        async def hold():
            async with store.lock():
                await asyncio.sleep(0)

        await asyncio.gather(hold(), hold())

    asyncio.run(contend())
    asyncio.run(contend())
