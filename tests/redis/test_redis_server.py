"""The way to a Redis server: no secret in a text, a busy pool makes callers wait, what would forget is refused."""

import asyncio
import signal

import pytest

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.redis.errors import RedisFailed, RedisNotDurable
from bitrix_chat.redis.server import RedisServer
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
