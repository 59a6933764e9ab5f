"""Registries that share limits and tokens with other processes lose nothing of that when an idle client is closed."""

import asyncio
import gc
from pathlib import Path

import pytest

from bitrix_chat import MemoryTokenStore, Plan, Token, WebhookAuth
from bitrix_chat.portals import Portals, UnknownPortal
from bitrix_chat.transport.host_sharing import HostSharing
from bitrix_chat.transport.sharing import LoopSharing, Sharing

FOUR_AT_ONCE = Plan(5, 0.1)
UNLIMITED = Plan(1e9, 1e9)


@pytest.fixture(params=["files", "redis"])
def sharing_anew(request, tmp_path: Path):
    """Makes what the next process would make."""
    if request.param == "files":
        return lambda: HostSharing(tmp_path / "shared")
    from bitrix_chat.redis.sharing import RedisSharing

    url = request.getfixturevalue("redis_url")
    return lambda: RedisSharing(url)


async def closed_for_being_idle(portals: Portals) -> None:
    while len(portals):  # noqa: ASYNC110  # nothing tells of it
        await asyncio.sleep(0.01)
    gc.collect()


async def test_what_a_closed_client_has_sent_still_counts_for_the_next(portal, tmp_path):
    sharing, host = HostSharing(tmp_path / "shared"), portal.url.removeprefix("http://")
    options = {"shared": sharing, "limiter": FOUR_AT_ONCE, "idle": 0.01, "allow_insecure_loopback": True}
    async with Portals(lambda _: WebhookAuth(portal.webhook_url), **options) as portals:
        for _ in range(4):
            async with portals.client("acme") as b24:
                await b24.profile()
        await closed_for_being_idle(portals)
        async with portals.client("acme") as b24:
            call = asyncio.create_task(awaited(b24.profile()))
            await asyncio.sleep(0.1)

            assert portal.hits == 4
            assert sharing.limiter(host, FOUR_AT_ONCE, "").wait(1) > 0
            call.cancel()
    await sharing.close()


async def awaited(call):
    return await call


async def test_a_pair_that_was_installed_is_found_by_the_next_process(sharing_anew):
    pair = Token("access", "refresh", "https://acme.bitrix24.example/rest/", "member-1")
    for is_installing in (True, False):
        sharing = sharing_anew()
        async with Portals.of_application("local.1", "secret", shared=sharing) as portals:
            if is_installing:
                await portals.install(pair)
            async with portals.client("member-1"):  # else it were unknown
                pass
            with pytest.raises(UnknownPortal):
                async with portals.client("member-2"):
                    pass
        await sharing.close()


async def test_one_sharing_serves_all_and_is_closed_by_whoever_made_it(portal):
    class Counting(LoopSharing):
        def __init__(self):
            self.asked, self.is_closed = [], False

        def limiter(self, portal, plan, egress):
            self.asked.append((portal, egress))
            return super().limiter(portal, plan, egress)

        def tokens(self, application, portal):
            return MemoryTokenStore()

        async def close(self):
            self.is_closed = True

    sharing: Sharing = Counting()
    options = {"shared": sharing, "egress": "proxy-2", "allow_insecure_loopback": True}
    async with Portals(lambda _: WebhookAuth(portal.webhook_url), **options) as portals:
        for member_id in ("one", "two"):
            async with portals.client(member_id) as b24:
                await b24.profile()

    host = portal.url.removeprefix("http://")
    assert sharing.asked == [(host, "proxy-2")] * 2
    assert not sharing.is_closed


async def test_an_address_of_a_server_is_connected_to_once_and_let_go_at_the_end(portal, redis_url):
    from redis import Redis

    options = {"shared": redis_url, "limiter": UNLIMITED, "allow_insecure_loopback": True}
    with Redis.from_url(redis_url) as redis:
        before = redis.info("clients")["connected_clients"]
        async with Portals(lambda _: WebhookAuth(portal.webhook_url), **options) as portals:
            for number in range(20):
                async with portals.client(f"portal-{number}") as b24:
                    await b24.profile()
            assert 0 < redis.info("clients")["connected_clients"] - before < 10
        assert redis.info("clients")["connected_clients"] <= before
