"""The way to a Redis server: no secret in a text, a busy pool makes callers wait, what would forget is refused."""

import asyncio
import signal
import threading

import pytest
from redis import Redis

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.redis.errors import RedisClosed, RedisFailed, RedisNotDurable
from bitrix_chat.redis.server import Call, RedisServer
from tests import redis_server


async def test_more_commands_than_connections_wait_their_turn(redis_url):
    server = RedisServer(redis_url, connections=2)
    answers = await asyncio.gather(*(server.run("return ARGV[1]", [], [str(n)]) for n in range(200)))
    await server.close()
    assert answers == [str(n) for n in range(200)]


async def test_a_script_is_sent_again_when_the_server_has_forgotten_it(redis_url):
    server = RedisServer(redis_url)
    await server.run("return 7", [], [])
    await server.redis.script_flush()
    assert await server.run("return 7", [], []) == 7
    await server.close()


async def test_a_connection_that_went_with_the_server_is_replaced(own_redis):
    server = RedisServer(own_redis.url)
    await server.run("return 7", [], [])
    own_redis.stop(signal.SIGTERM)
    own_redis.start()
    assert await server.run("return 7", [], []) == 7
    await server.close()


async def test_a_server_that_is_away_is_named_without_its_password():
    server = RedisServer("redis://me:canary-password@127.0.0.1:1/0")
    with pytest.raises(RedisFailed) as raised:
        await server.run("return 7", [], [])
    await server.close()
    assert str(raised.value) == "the Redis server at 127.0.0.1:1 failed (ConnectionError)"
    assert "canary" not in repr(server)


@pytest.mark.parametrize("url", ["", "127.0.0.1:6379", "https://redis.example", 7])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(InvalidParameter, match="redis://, rediss:// or unix://"):
        RedisServer(url)


async def test_a_server_with_an_append_only_file_is_durable(redis_url):
    server = RedisServer(redis_url)
    await server.require_durability()
    await server.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--appendonly", "no"), "set `appendonly yes`"),
        (("--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"), "evicts keys"),
    ],
)
async def test_a_server_that_would_forget_is_refused(tmp_path, options, said):
    with redis_server.running(tmp_path, *options) as local:
        server = RedisServer(local.url)
        with pytest.raises(RedisNotDurable, match=said):
            await server.require_durability()
        await server.close()


def test_keys_of_one_portal_share_a_hash_tag():
    server = RedisServer("redis://redis.example", prefix="shop")
    assert server.key("acme.bitrix24.example", "limit") == "shop:{acme.bitrix24.example}:limit"


@pytest.mark.parametrize(
    "url",
    [
        "redis://:canary/xyz@host:6379/0",
        "redis://:123/canary@host:6379/0",
        "redis://me:123/canary@host:6379/0",
        "redis://me:12#canary@host",
        "redis://:1?canary@h:6379",
        "redis://:canary[x@h",
        "redis://host:port/0",
        "redis://host/0?socket_timeout=canary",
        "unix://me:canary/x@/run/redis.sock",
    ],
)
def test_an_address_whose_password_is_not_percent_encoded_is_refused_without_showing_it(url):
    with pytest.raises(InvalidParameter, match="percent-encode the password") as raised:
        RedisServer(url)
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://:canary%2Fx%40y@redis.example:7000/0", "redis.example:7000"),
        ("redis://me:can@ary@redis.example", "redis.example:6379"),
        ("redis:///1", "localhost:6379"),
        ("unix://me:canary@/run/redis.sock?db=1", "/run/redis.sock"),
    ],
)
def test_the_place_is_told_without_the_password(url, place):
    assert RedisServer(url).place == place


def connections_made(url: str) -> int:
    with Redis.from_url(url) as redis:
        return redis.info("stats")["total_connections_received"]


def test_two_threads_have_connections_of_their_own(redis_url):
    server, before = RedisServer(redis_url), connections_made(redis_url)
    in_step = threading.Barrier(2)

    async def use() -> None:
        for _ in range(20):
            in_step.wait(10)
            assert await server.run("return 7", [], []) == 7

    threads = [threading.Thread(target=lambda: asyncio.run(use())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert connections_made(redis_url) - before == 3


async def test_a_server_that_was_closed_is_closed_for_this_loop_alone(redis_url):
    server = RedisServer(redis_url)
    await server.run("return 7", [], [])
    await server.close()
    await server.close()

    with pytest.raises(RedisClosed):
        await server.run("return 7", [], [])
    answer = await asyncio.to_thread(lambda: asyncio.run(server.run("return 7", [], [])))
    assert answer == 7


async def test_a_command_that_is_under_way_when_it_is_closed_leaves_no_connection(redis_url):
    server = RedisServer(redis_url)
    with Redis.from_url(redis_url) as redis:
        before = len(redis.client_list())
        waiting = asyncio.create_task(server.redis.blpop(["nothing"], 0.2))
        await asyncio.sleep(0.05)

        await server.close()
        await asyncio.gather(waiting, return_exceptions=True)

        assert len(redis.client_list()) == before


async def test_scripts_that_are_run_together_are_answered_one_by_one(redis_url):
    server = RedisServer(redis_url)
    calls = [Call("return ARGV[1]", [], ["1"]), Call("return nonsense.at", [], []), Call("return 'three'", [], [])]
    for _ in range(2):
        first, second, third = await server.run_together(calls)
        assert (first, type(second), third) == ("1", RedisFailed, "three")
    await server.close()


def test_a_loop_that_has_ended_is_forgotten(redis_url):
    server = RedisServer(redis_url)
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(server.run("return 7", [], [])) == 7
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()

    assert asyncio.run(server.run("return 7", [], [])) == 7
