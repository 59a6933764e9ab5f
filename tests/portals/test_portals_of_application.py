"""An application that is installed on many portals: a token store each, and one secret for all."""

import asyncio

import pytest

from bitrix_chat import (
    BitrixChat,
    FileTokenStore,
    InvalidParameter,
    MemoryTokenStore,
    OAuthAuth,
    Token,
    TokenStoreError,
)
from bitrix_chat.portals import Portals, UnknownPortal
from bitrix_chat.transport.sharing import LoopSharing


class Stores:
    """A token store a portal, kept as long as the test."""

    def __init__(self) -> None:
        self.of: dict[str, MemoryTokenStore] = {}

    def __call__(self, member_id: str) -> MemoryTokenStore:
        return self.of.setdefault(member_id, MemoryTokenStore())


class SharedStores(LoopSharing):
    """Keeps tokens for everybody."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], MemoryTokenStore] = {}

    def tokens(self, application: str, portal: str) -> MemoryTokenStore:
        return self.of.setdefault((application, portal), MemoryTokenStore())


def installed(portal, **changes) -> Token:
    grant = portal.oauth
    fields = {
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "client_endpoint": grant.client_endpoint,
        "member_id": grant.member_id,
    }
    return Token(**{**fields, **changes})


def registry(portal, stores, **options) -> Portals:
    grant = portal.oauth
    options = {"authorization_server": portal.url, "allow_insecure_loopback": True, **options}
    return Portals.of_application(grant.client_id, grant.client_secret, stores, **options)


@pytest.fixture
def member_id(portal) -> str:
    return portal.oauth.member_id


async def test_a_portal_is_unknown_until_it_is_installed(portal, member_id):
    stores = Stores()
    async with registry(portal, stores) as portals:
        with pytest.raises(UnknownPortal, match="has to be installed"):
            async with portals.client(member_id):
                pass
        await portals.install(installed(portal))
        async with portals.client(member_id) as b24:
            assert (await b24.profile()).id == 1

    assert await stores(member_id).load() == installed(portal)


async def test_the_next_process_finds_the_tokens_in_the_store(portal, member_id, tmp_path):
    def stores(member_id):
        return FileTokenStore(tmp_path / f"{member_id}.json")

    async with registry(portal, stores) as portals:
        await portals.install(installed(portal))
    async with registry(portal, stores) as portals, portals.client(member_id) as b24:
        assert (await b24.profile()).id == 1


async def test_stores_may_have_to_be_waited_for(portal, member_id):
    kept = Stores()

    async def stores(member_id):
        await asyncio.sleep(0)
        return kept(member_id)

    async with registry(portal, stores) as portals:
        await portals.install(installed(portal))
        async with portals.client(member_id) as b24:
            assert (await b24.profile()).id == 1


async def test_a_client_in_use_goes_on_with_a_newly_installed_pair(portal, member_id):
    async with registry(portal, Stores()) as portals:
        await portals.install(installed(portal, access_token="of-an-earlier-installation", refresh_token="old"))
        async with portals.client(member_id) as b24:
            await portals.install(installed(portal))

            assert (await b24.profile()).id == 1
            assert portal.token_requests == []


async def test_an_expired_token_is_renewed_over_the_session_of_all_and_saved(portal, member_id):
    stores = Stores()
    async with registry(portal, stores) as portals:
        await portals.install(installed(portal))
        portal.expire_tokens()
        async with portals.client(member_id) as b24:
            await asyncio.gather(*(b24.profile() for _ in range(5)))

        assert [request.outcome for request in portal.token_requests] == ["ok"]
        assert (await stores(member_id).load()).access_token == portal.oauth.access_token


async def test_one_who_asks_a_moment_before_the_installation_does_not_fail_it(portal, member_id):
    class Slow(MemoryTokenStore):
        async def load(self):
            await asyncio.sleep(0.01)
            return await super().load()

    kept = Slow()
    async with registry(portal, lambda _: kept) as portals:

        async def use() -> None:
            async with portals.client(member_id):
                pass

        early = asyncio.create_task(use())
        await asyncio.sleep(0)
        await portals.install(installed(portal))

        with pytest.raises(UnknownPortal):
            await early
        await use()


async def test_a_store_with_the_tokens_of_another_portal_is_not_used(portal):
    kept = MemoryTokenStore()
    async with registry(portal, lambda _: kept) as portals:
        await portals.install(installed(portal))
        with pytest.raises(TokenStoreError, match="the store of the portal another holds the tokens of another"):
            async with portals.client("another"):
                pass
        assert portal.hits == 0


async def test_tokens_are_kept_where_clients_share(portal, member_id):
    shared = SharedStores()
    async with registry(portal, None, shared=shared) as portals:
        await portals.install(installed(portal))
        async with portals.client(member_id) as b24:
            assert (await b24.profile()).id == 1

    host = portal.url.removeprefix("http://")
    assert set(shared.of) == {(portal.oauth.client_id, member_id), (portal.oauth.client_id, host)}


async def test_clients_that_know_the_host_alone_share_the_pair_of_a_registry_that_knows_the_id_alone(portal, member_id):
    shared, grant = SharedStores(), portal.oauth
    async with registry(portal, None, shared=shared) as portals:
        await portals.install(installed(portal))
        portal.expire_tokens()
        given = installed(portal, member_id="")
        auth = OAuthAuth(grant.client_id, grant.client_secret, given, authorization_server=portal.url)
        async with BitrixChat(auth, shared=shared, allow_insecure_loopback=True) as b24:
            assert (await b24.profile()).id == 1
        async with portals.client(member_id) as b24:
            assert (await b24.profile()).id == 1

    assert [request.outcome for request in portal.token_requests] == ["ok"]


async def test_a_sharing_without_stores_is_refused(portal):
    async with registry(portal, None, shared=LoopSharing()) as portals:
        with pytest.raises(InvalidParameter, match="gives NoneType for a portal"):
            await portals.install(installed(portal))


def test_tokens_have_to_be_kept_somewhere():
    with pytest.raises(InvalidParameter, match="neither is given"):
        Portals.of_application("local.1", "secret")


def test_an_application_has_credentials():
    with pytest.raises(InvalidParameter, match="one is empty"):
        Portals.of_application("local.1", "", Stores())


async def test_a_pair_that_names_no_portal_is_refused(portal):
    async with registry(portal, Stores()) as portals:
        with pytest.raises(UnknownPortal, match="no portal's id"):
            await portals.install(installed(portal, member_id=""))


async def test_a_portal_by_webhook_takes_no_tokens(portal, known):
    async with known(acme=portal.webhook_url).portals() as portals:
        with pytest.raises(InvalidParameter, match="acted on by WebhookAuth"):
            await portals.install(installed(portal, member_id="acme"))


async def test_a_pair_of_a_portal_that_auth_does_not_know_is_refused(portal, known):
    async with known().portals() as portals:
        with pytest.raises(UnknownPortal):
            await portals.install(installed(portal, member_id="acme"))


async def test_an_oauth_strategy_of_ones_own_without_a_pair_is_an_unknown_portal(portal, member_id):
    """The client is never half made: what has no tokens could not make a single call."""
    async with Portals(lambda _: OAuthAuth("local.1", "secret", store=MemoryTokenStore())) as portals:
        with pytest.raises(UnknownPortal, match="has to be installed"):
            async with portals.client(member_id):
                pass
        assert len(portals) == 0


async def test_no_repr_tells_the_secret_of_the_application(portal):
    async with registry(portal, Stores()) as portals:
        assert portal.oauth.client_secret not in repr(portals)
