"""One portal has one pair, by whichever name its clients know it, and whatever pair they were given."""

import asyncio
from functools import partial

import attrs
import pytest
from aiohttp import web

from bitrix_chat.auth import FileTokenStore, MemoryTokenStore, OAuthAuth, Token
from bitrix_chat.auth.portal_store import PortalStore
from bitrix_chat.errors import InvalidParameter, ReauthorizationRequired, TokenRefreshFailed, TokenStoreError

CLIENT_ID = "local.app"
HOST = "acme.bitrix24.com"


@pytest.fixture
def stores(tmp_path):
    """What processes share: a file for each name."""

    def store(_, name):
        return FileTokenStore(tmp_path / f"{name.replace('/', '_')}.json")

    return store


@pytest.fixture
def begin(issuer, stores):
    """Makes what one process of the application has."""

    def begin(token):
        auth = OAuthAuth(CLIENT_ID, "canary-client-secret", token, authorization_server=issuer.url)
        auth.keep_in(stores)
        return auth

    return begin


def by_name(stores, **known):
    return PortalStore(partial(stores, CLIENT_ID), **known)


def bare(token):
    """A pair as the environment tells it."""
    return Token(token.access_token, token.refresh_token, token.client_endpoint)


def moved(token, host="acme-new.bitrix24.com", **changes):
    return attrs.evolve(token, client_endpoint=f"https://{host}/rest/", **changes)


async def renewed(auth):
    return await auth.renew(await auth.credentials())


@pytest.mark.parametrize("order", [1, -1])
async def test_whether_the_member_id_is_known_or_not_the_refresh_token_is_spent_once(begin, issuer, order):
    expired = issuer.token().access_token
    for given in [issuer.token(), bare(issuer.token())][::order]:
        auth = begin(given)
        current = await auth.credentials()
        if current.token == expired:
            await auth.renew(current)

    assert (len(issuer.asked), issuer.spent_uses) == (1, 0)


async def test_the_host_may_be_written_in_any_case(begin, issuer):
    await renewed(begin(bare(issuer.token())))

    shouted = attrs.evolve(bare(issuer.token(1)), client_endpoint="https://ACME.Bitrix24.com/rest/")
    assert (await begin(shouted).credentials()).token == "canary-access-2"


@pytest.mark.parametrize("known", [{"member_id": "member-1"}, {"host": HOST}, {"member_id": "member-1", "host": HOST}])
async def test_what_is_saved_under_any_name_is_found_under_every_other(stores, issuer, known):
    await by_name(stores, **known).save(issuer.token())

    for name in ({"member_id": "member-1"}, {"host": HOST}, {"member_id": "member-1", "host": HOST}):
        assert await by_name(stores, **name).load() == issuer.token()


@pytest.mark.parametrize("known", [{"host": HOST}, {"member_id": "member-1"}, {"host": "acme-new.bitrix24.com"}])
async def test_a_renamed_portal_keeps_its_pair_under_its_old_and_its_new_name(stores, issuer, known):
    await by_name(stores, member_id="member-1").save(issuer.token())
    await by_name(stores, host=HOST).save(moved(issuer.token(2)))

    assert await by_name(stores, **known).load() == moved(issuer.token(2))
    await by_name(stores, **known).save(moved(issuer.token(3)))
    assert await by_name(stores, host=HOST).load() == moved(issuer.token(3))


async def test_a_portal_that_got_the_former_name_of_another_takes_nothing_from_it(stores, issuer):
    await by_name(stores, member_id="member-1").save(issuer.token())
    other = attrs.evolve(issuer.token(7), member_id="member-2")
    await by_name(stores, member_id="member-2").save(other)

    assert await by_name(stores, member_id="member-1").load() == issuer.token()
    assert await by_name(stores, member_id="member-2", host=HOST).load() == other


async def test_those_who_know_different_names_keep_each_other_out(stores, issuer):
    by_id, by_host, order = by_name(stores, member_id="member-1"), by_name(stores, host=HOST), []

    async def hold(store, name):
        async with store.lock():
            order.append(name)
            await store.save(issuer.token())
            await asyncio.sleep(0.05)
            order.append(name)

    await asyncio.gather(hold(by_id, "id"), asyncio.sleep(0.02))
    await asyncio.gather(hold(by_id, "id"), hold(by_host, "host"), hold(by_name(stores, member_id="member-1"), "third"))

    assert order[::2] == order[1::2]


async def test_who_waited_under_a_name_that_became_a_pointer_waits_for_the_pair(stores, issuer):
    waiting, entered = by_name(stores, member_id="member-1"), asyncio.Event()

    async def enter():
        async with waiting.lock():
            entered.set()
            assert await waiting.load() == issuer.token()

    async with stores(CLIENT_ID, HOST).lock():
        async with stores(CLIENT_ID, "member-1").lock():
            task = asyncio.create_task(enter())
            await asyncio.sleep(0.05)
            pointing = MemoryTokenStore()
            await PortalStore(lambda name: stores("", name) if name == HOST else pointing, host=HOST).save(
                issuer.token()
            )
            await stores(CLIENT_ID, "member-1").save(await pointing.load())
        await asyncio.sleep(0.05)
        assert not entered.is_set()
    await task


async def test_a_sharing_that_has_one_store_for_all_names_keeps_the_pair_in_it(issuer):
    only = MemoryTokenStore()

    for known in ({"member_id": "member-1", "host": HOST}, {"host": HOST}):
        await PortalStore(lambda _: only, **known).save(moved(issuer.token()))
        assert await PortalStore(lambda _: only, **known).load() == moved(issuer.token())


async def test_a_sharing_that_has_no_store_for_some_names_says_so(issuer):
    auth = OAuthAuth(CLIENT_ID, "canary-client-secret", issuer.token(), authorization_server=issuer.url)
    auth.keep_in(lambda _, name: MemoryTokenStore() if name == HOST else None)

    with pytest.raises(TokenStoreError, match="none for another"):
        await auth.credentials()


def test_showing_it_asks_for_no_store():
    def refuse(_):
        raise InvalidParameter("there is no store")

    assert repr(PortalStore(refuse, host=HOST)) == f"<PortalStore '{HOST}'>"


async def test_a_pointer_holds_no_secret(stores, issuer, tmp_path):
    await by_name(stores, member_id="member-1").save(issuer.token())

    assert "canary" not in (tmp_path / "member-1.json").read_text()


async def test_a_pair_that_the_shared_store_was_never_given_replaces_a_dead_one(begin, stores, issuer):
    await by_name(stores, host=HOST).save(Token("canary-dead", "canary-dead-refresh", issuer.token().client_endpoint))

    for _ in range(2):
        assert (await begin(bare(issuer.token(1))).credentials()).token == "canary-access-2"
    assert [form["refresh_token"] for _, form in issuer.asked] == ["canary-refresh-1"]


async def test_those_who_begin_with_the_pair_of_everybody_go_on_with_its_successor(begin, issuer):
    await renewed(begin(bare(issuer.token())))
    await renewed(begin(bare(issuer.token(1))))

    assert (await begin(bare(issuer.token(1))).credentials()).token == "canary-access-3"
    assert (len(issuer.asked), issuer.spent_uses) == (2, 0)


async def test_a_given_pair_that_is_dead_is_tried_once_and_leaves_the_stored_one_alone(begin, issuer):
    await begin(bare(issuer.token())).credentials()
    dead = Token("canary-dead", "canary-dead-refresh", issuer.token().client_endpoint)

    for _ in range(3):
        assert (await begin(dead).credentials()).token == "canary-access-1"
    assert (len(issuer.asked), issuer.spent_uses) == (1, 1)
    assert (await begin(bare(issuer.token(1))).credentials()).token == "canary-access-1"


async def test_what_was_given_is_remembered_over_an_installation(begin, issuer):
    given = bare(issuer.token())
    await begin(given).credentials()
    await begin(given).install(Token("canary-installed", "canary-installed-refresh", given.client_endpoint))

    assert (await begin(given).credentials()).token == "canary-installed"
    assert issuer.asked == []


async def test_while_nobody_can_tell_whether_a_given_pair_lives_nothing_is_replaced(begin, stores, issuer):
    stored = Token("canary-stored", "canary-stored-refresh", issuer.token().client_endpoint)
    await by_name(stores, host=HOST).save(stored)
    issuer.script.append(lambda: web.Response(status=502))
    auth = begin(bare(issuer.token(1)))

    with pytest.raises(TokenRefreshFailed):
        await auth.credentials()
    assert await by_name(stores, host=HOST).load() == stored
    assert (await auth.credentials()).token == "canary-access-2"


async def test_a_store_that_forgets_what_it_was_given_is_believed(issuer):
    """A database with a column a field would otherwise have a spent pair tried at every start."""
    store = MemoryTokenStore(bare(issuer.token(3)))
    auth = OAuthAuth(CLIENT_ID, "secret", bare(issuer.token(1)), store=store, authorization_server=issuer.url)

    assert (await auth.credentials()).token == "canary-access-3"
    assert issuer.asked == []


async def test_a_refusal_names_the_place_of_the_pair_and_no_secret(begin, issuer, everything_said, tmp_path):
    dead = Token("canary-dead", "canary-dead-refresh", issuer.token().client_endpoint)
    auth = begin(dead)

    for ask in (lambda: renewed(auth), auth.credentials):
        with pytest.raises(ReauthorizationRequired, match=f"kept in <PortalStore FileTokenStore.*{HOST}") as raised:
            await ask()
        assert "canary" not in everything_said(raised.value)


async def test_the_store_of_another_portal_is_named(begin, issuer):
    await begin(issuer.token()).credentials()

    with pytest.raises(TokenStoreError, match=r"another portal.*\(<PortalStore FileTokenStore.*acme"):
        await begin(attrs.evolve(issuer.token(), member_id="member-2")).credentials()


def test_what_was_given_is_kept_and_not_compared():
    token = Token("canary-access", "canary-refresh", f"https://{HOST}/rest/", grown_from=("ab", "cd"))

    kept = Token.from_dict(token.to_dict())

    assert kept.grown_from == ("ab", "cd")
    assert kept == attrs.evolve(token, grown_from=())
    assert "grown_from" not in attrs.evolve(token, grown_from=()).to_dict()
