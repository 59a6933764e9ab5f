"""The board of operating times at a real server, and what clients on two machines share by it."""

import asyncio
import gc
import weakref

import pytest
from redis import Redis

from bitrix_chat import InvalidParameter, Plan, Time
from bitrix_chat.limits.shared_operating import REMEMBERED, Posted
from bitrix_chat.redis.errors import RedisFailed
from bitrix_chat.redis.operating import RedisBoard
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.redis.sharing import RedisSharing
from bitrix_chat.transport.sharing import Sharing

WEBHOOK = "https://acme.bitrix24.example/rest/1/canary-secret/"
ADD = "im.chat.add"


@pytest.fixture
async def server(redis_url):
    server = RedisServer(redis_url)
    yield server
    await server.close()


@pytest.fixture
async def sharing(redis_url):
    servers = [RedisServer(redis_url), RedisServer(redis_url)]  # two machines, so to say
    made = [RedisSharing(server) for server in servers]
    yield made
    for each, server in zip(made, servers, strict=True):
        await each.close()
        await server.close()
    assert len(asyncio.all_tasks()) == 1


def texts(posted: list[Posted]) -> set[str]:
    return {it.facts for it in posted}


async def test_each_sees_what_the_others_have_up_and_not_its_own(server):
    one, other, third = (RedisBoard(server, WEBHOOK, 480) for _ in range(3))

    assert await one.swap("of one") == []
    assert texts(await other.swap("of the other\nin two lines")) == {"of one"}
    assert texts(await third.swap("")) == {"of one", "of the other\nin two lines"}
    assert texts(await one.swap("of one, later")) == {"of the other\nin two lines"}
    assert texts(await third.swap("")) == {"of one, later", "of the other\nin two lines"}


async def test_an_empty_text_takes_down_what_was_up(server):
    one, other = (RedisBoard(server, WEBHOOK, 480) for _ in range(2))
    await one.swap("of one")

    await one.swap("")

    assert await other.swap("") == []


async def test_the_age_is_told_by_the_servers_clock(server):
    one, other = (RedisBoard(server, WEBHOOK, 480) for _ in range(2))
    await one.swap("of one")
    await asyncio.sleep(0.05)

    (posted,) = await other.swap("")

    assert 0.05 <= posted.age < 20


async def test_what_is_too_old_or_strange_is_swept_away(server, redis_url):
    one, other = (RedisBoard(server, WEBHOOK, 480) for _ in range(2))
    await one.swap("of one")
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        (key,) = redis.keys()
        seconds, _ = redis.time()
        redis.hset(key, "of-the-dead", f"{(seconds - REMEMBERED - 1) * 1e6:.0f} what they knew")
        redis.hset(key, "strange", "what nobody can read")

        assert texts(await other.swap("")) == {"of one"}
        assert redis.hlen(key) == 1
        assert 0 < redis.pttl(key) <= REMEMBERED * 1000


async def test_callers_and_limits_keep_apart_and_no_key_tells_the_endpoint(server, redis_url):
    boards = [
        RedisBoard(server, WEBHOOK, 480),
        RedisBoard(server, WEBHOOK, None),
        RedisBoard(server, WEBHOOK + "2/", 480),
    ]

    assert [await board.swap("facts") for board in boards] == [[], [], []]
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert not any("acme" in key or "canary" in key for key in redis.scan_iter())


async def test_a_board_that_is_away_says_so(own_redis):
    server = RedisServer(own_redis.url)
    own_redis.stop()
    with pytest.raises(RedisFailed):
        await RedisBoard(server, WEBHOOK, 480).swap("facts")
    await server.close()


async def test_clients_of_one_loop_have_one_limiter_and_one_budget(sharing):
    one, other = sharing

    assert isinstance(one, Sharing)
    limiter, budget = one.limiter("acme.example", None, ""), one.budget(WEBHOOK, 480)
    assert one.limiter("acme.example", None, "") is limiter
    assert one.limiter("acme.example", None, "proxy-2") is not limiter
    assert one.limiter("other.example", None, "") is not limiter
    assert one.budget(WEBHOOK, 480) is budget
    assert one.budget(WEBHOOK, None) is not budget
    assert other.limiter("acme.example", None, "") is not limiter


async def test_a_plan_said_later_replaces_the_assumed_one_and_two_plans_are_refused(sharing):
    one, _ = sharing
    limiter = one.limiter("acme.example", None, "")
    assert limiter.plan == Plan(50, 2)

    assert one.limiter("acme.example", Plan(250, 5), "") is limiter
    assert limiter.plan == Plan(250, 5)
    assert one.limiter("acme.example", None, "") is limiter
    with pytest.raises(InvalidParameter, match="already limited"):
        one.limiter("acme.example", Plan(50, 2), "")


async def test_what_no_client_holds_goes_but_for_the_plan(sharing):
    one, _ = sharing
    gone = [weakref.ref(one.limiter("acme.example", Plan(250, 5), "")), weakref.ref(one.budget(WEBHOOK, 480))]
    gc.collect()

    assert [it() for it in gone] == [None, None]
    assert one.limiter("acme.example", None, "").plan == Plan(250, 5)


async def test_a_429_on_one_machine_closes_the_method_on_the_other(sharing):
    here, there = (each.budget(WEBHOOK, 480) for each in sharing)
    loop = asyncio.get_running_loop()
    here.learn(ADD, Time(finish=5000.0, duration=10.0, operating=430.0, operating_reset_at=5300.0), loop.time())

    opens_at = here.refuse(ADD, loop.time())
    async with asyncio.timeout(20):
        while there.limit != here.limit:
            there.opens_at("profile", loop.time())
            await asyncio.sleep(0.01)

    assert there.opens_at(ADD, loop.time()) == pytest.approx(opens_at, abs=20)
    assert there.used(ADD, loop.time())[0] == 430


async def test_a_server_of_ones_own_stays_open(redis_url):
    server = RedisServer(redis_url)
    sharing = RedisSharing(server)
    await sharing.close()
    assert await server.run("return 7", [], []) == 7
    assert repr(sharing) == f"<RedisSharing {server.place}>"
    await server.close()
