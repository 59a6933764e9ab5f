"""With whom a client shares: asked for by a word, an address, the environment, or as an object of one's own."""

import attrs
import pytest

from bitrix_chat import BitrixChat, InvalidParameter, MemoryRateLimiter, OAuthAuth, Plan, Token, WebhookAuth
from bitrix_chat.auth import MemoryTokenStore
from bitrix_chat.limits import OperatingBudget
from bitrix_chat.transport.sharing import Sharing

WEBHOOK = WebhookAuth("https://acme.bitrix24.example/rest/1/canary-secret/")
TOKEN = Token("canary-access", "canary-refresh", "https://acme.bitrix24.example/rest/", "member-7")


class Noting:
    """Shares nothing, and notes what it was asked for."""

    def __init__(self):
        self.asked = []
        self.store = MemoryTokenStore()
        self.is_closed = False

    def limiter(self, portal, plan, egress):
        self.asked.append((portal.partition(":")[0], plan, egress))
        return MemoryRateLimiter(plan or Plan(1e9, 1e8))

    def budget(self, endpoint, limit):  # the protocol's
        return OperatingBudget(limit)

    def tokens(self, application, portal):
        self.asked.append((application, portal))
        return self.store

    async def close(self):
        self.is_closed = True


def test_a_sharing_of_ones_own_is_one():
    assert isinstance(Noting(), Sharing)


async def test_the_limiter_is_asked_for_by_portal_plan_and_egress(portal):
    sharing = Noting()
    plan = Plan(500, 100)
    async with portal.client(shared=sharing, limiter=plan, egress="proxy-2") as b24:
        await b24.im.chat.add(title="Stock", user_ids=[1])
    assert sharing.asked == [("127.0.0.1", plan, "proxy-2")]


async def test_a_limiter_of_ones_own_is_not_replaced(portal, unlimited):
    sharing = Noting()
    async with portal.client(shared=sharing, limiter=unlimited) as b24:
        await b24.im.chat.add(title="Stock", user_ids=[1])
    assert sharing.asked == []


async def test_a_sharing_of_ones_own_is_left_open():
    sharing = Noting()
    async with BitrixChat(WEBHOOK, shared=sharing):
        pass
    assert not sharing.is_closed


async def test_a_pair_without_a_store_is_kept_where_its_client_shares():
    sharing, auth = Noting(), OAuthAuth("local.app", "canary-client-secret", TOKEN)
    async with BitrixChat(auth, shared=sharing):
        await auth.credentials()
    assert set(sharing.asked) == {("local.app", "acme.bitrix24.example"), ("local.app", "member-7")}
    assert await sharing.store.load() == TOKEN


async def test_a_pair_with_a_store_stays_there():
    sharing, store = Noting(), MemoryTokenStore()
    auth = OAuthAuth("local.app", "canary-client-secret", TOKEN, store=store)
    async with BitrixChat(auth, shared=sharing):
        await auth.credentials()
    assert sharing.asked == []
    assert await store.load() == TOKEN


async def test_the_pair_that_others_have_renewed_is_taken_over():
    sharing, auth = Noting(), OAuthAuth("local.app", "canary-client-secret", TOKEN)
    other = OAuthAuth("local.app", "canary-client-secret", TOKEN)
    async with BitrixChat(other, shared=sharing):
        await other.credentials()
    renewed = {"access_token": "canary-access-2", "refresh_token": "canary-refresh-2"}
    await sharing.store.save(attrs.evolve(await sharing.store.load(), **renewed))
    async with BitrixChat(auth, shared=sharing):
        assert (await auth.credentials()).token == "canary-access-2"


@pytest.mark.parametrize("shared", ["hosts", "postgres://me:canary-password@db.example", 7, Noting, ""])
def test_what_cannot_be_shared_with_is_refused_without_a_secret(shared):
    with pytest.raises(InvalidParameter, match=r"`shared` is .*not 'host', 'redis://\.\.\.' or a Sharing") as raised:
        BitrixChat(WEBHOOK, shared=shared)
    assert "canary" not in str(raised.value)


def test_an_egress_is_a_name():
    with pytest.raises(InvalidParameter, match="`egress` is int, but it is a name"):
        BitrixChat(WEBHOOK, egress=4)


def test_the_environment_says_with_whom():
    environ = {"BITRIX24_WEBHOOK_URL": "https://acme.bitrix24.example/rest/1/canary-secret/", "BITRIX24_SHARED": "all"}
    with pytest.raises(InvalidParameter, match="`shared`"):
        BitrixChat.from_env(environ)
