"""Renewal: one refresh for all who need it, saved before it is used, and never a spent token sent twice."""

import asyncio
import gc

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat.auth import AuthorizationServer, Credentials, FileTokenStore, MemoryTokenStore, OAuthAuth, Token
from bitrix_chat.errors import InvalidParameter, ReauthorizationRequired, TokenRefreshFailed, TokenStoreError

CLIENT_ID = "local.app"
CLIENT_SECRET = "canary-client-secret"
PORTAL = "https://acme.bitrix24.com/rest/"


def _refused():
    return web.json_response({"error": "invalid_grant", "error_description": "Spent."}, status=400)


def _broken():
    return web.Response(status=502, text="<html></html>")


class BrittleStore(MemoryTokenStore):
    """Fails as often as told, and notes what it did."""

    def __init__(self, token=None):
        super().__init__(token)
        self.failing_saves = 0
        self.failing_loads = 0
        self.saved = []

    async def load(self):
        if self.failing_loads:
            self.failing_loads -= 1
            raise ConnectionError("the database is away")
        return await super().load()

    async def save(self, token):
        if self.failing_saves:
            self.failing_saves -= 1
            raise ConnectionError("the database is away")
        await super().save(token)
        self.saved.append(token)


@pytest.fixture
def store(issuer):
    return BrittleStore()


@pytest.fixture
def auth(issuer, store):
    return OAuthAuth(CLIENT_ID, CLIENT_SECRET, issuer.token(), store=store, authorization_server=issuer.url)


async def _renewals(auth, count):
    rejected = await auth.credentials()
    return await asyncio.gather(*(auth.renew(rejected) for _ in range(count)), return_exceptions=True)


async def test_two_hundred_rejections_make_one_refresh(auth, issuer):
    renewed = await _renewals(auth, 200)
    assert set(renewed) == {Credentials(PORTAL, "canary-access-2")}
    assert len(issuer.asked) == 1


async def test_a_rejection_that_comes_late_costs_no_refresh(auth, issuer):
    rejected = await auth.credentials()
    renewed = await auth.renew(rejected)
    assert await auth.renew(rejected) == renewed == await auth.credentials()
    assert len(issuer.asked) == 1


async def test_the_next_expiry_is_renewed_with_the_new_refresh_token(auth, issuer):
    await auth.renew(await auth.renew(await auth.credentials()))
    assert [form["refresh_token"] for _, form in issuer.asked] == ["canary-refresh-1", "canary-refresh-2"]
    assert issuer.spent_uses == 0


async def test_nobody_gets_credentials_while_a_renewal_runs(auth, issuer):
    rejected = await auth.credentials()
    issuer.gate.clear()
    renewing = asyncio.create_task(auth.renew(rejected))
    await issuer.arrived.wait()
    asking = asyncio.create_task(auth.credentials())
    await asyncio.sleep(0)
    assert not asking.done()
    issuer.gate.set()
    assert await asking == await renewing


async def test_credentials_at_rest_are_handed_out_without_giving_up_the_turn(auth):
    expected = await auth.credentials()
    step = auth.credentials()
    with pytest.raises(StopIteration) as caught:
        step.send(None)
    assert caught.value.value is expected


async def test_the_first_waiter_may_be_cancelled_without_harm_to_the_refresh(auth, issuer, store):
    rejected = await auth.credentials()
    issuer.gate.clear()
    first, second = (asyncio.create_task(auth.renew(rejected)) for _ in range(2))
    await issuer.arrived.wait()
    first.cancel()
    issuer.gate.set()
    assert (await second).token == "canary-access-2"
    assert first.cancelled()
    assert len(issuer.asked) == 1


async def test_a_refresh_that_everyone_left_is_still_saved(auth, issuer, store):
    rejected = await auth.credentials()
    issuer.gate.clear()
    only = asyncio.create_task(auth.renew(rejected))
    await issuer.arrived.wait()
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    issuer.gate.set()
    assert (await auth.credentials()).token == "canary-access-2"
    assert store.saved[-1].refresh_token == "canary-refresh-2"


async def test_a_failed_refresh_that_everyone_left_complains_to_nobody(auth, issuer):
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    rejected = await auth.credentials()
    issuer.gate.clear()
    issuer.script.append(_refused)
    only = asyncio.create_task(auth.renew(rejected))
    await issuer.arrived.wait()
    flight = auth._flight._task
    only.cancel()
    issuer.gate.set()
    await asyncio.wait([only, flight])
    del only, flight
    auth._flight._task = None
    gc.collect()
    assert complaints == []


async def test_the_new_pair_is_saved_before_anybody_has_it(auth, issuer, store, monkeypatch):
    rejected = await auth.credentials()
    saving, saved = asyncio.Event(), asyncio.Event()

    async def slow_save(token):
        saving.set()
        await saved.wait()

    monkeypatch.setattr(store, "save", slow_save)
    tasks = [asyncio.create_task(auth.renew(rejected)), asyncio.create_task(auth.credentials())]
    await saving.wait()
    await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [False, False]
    saved.set()
    assert {credentials.token for credentials in await asyncio.gather(*tasks)} == {"canary-access-2"}


async def test_a_pair_that_could_not_be_saved_is_kept_and_saved_first_by_the_next(auth, issuer, store):
    rejected = await auth.credentials()
    store.failing_saves = 1
    errors = await _renewals(auth, 5)
    assert {type(error) for error in errors} == {TokenStoreError}
    assert isinstance(errors[0].__cause__, ConnectionError)
    assert (await auth.renew(rejected)).token == "canary-access-2"
    assert store.saved[-1].refresh_token == "canary-refresh-2"
    assert len(issuer.asked) == 1


async def test_an_unsaved_pair_is_not_handed_out_however_often_saving_fails(auth, store, issuer):
    rejected = await auth.credentials()
    store.failing_saves = 3
    for ask in (lambda: auth.renew(rejected), auth.credentials, lambda: auth.renew(rejected)):
        with pytest.raises(TokenStoreError):
            await ask()
    assert (await auth.credentials()).token == "canary-access-2"
    assert len(issuer.asked) == 1


async def test_an_unsaved_pair_gives_way_to_one_that_another_process_saved_meanwhile(auth, store, issuer):
    rejected = await auth.credentials()
    store.failing_saves = 1
    with pytest.raises(TokenStoreError):
        await auth.renew(rejected)
    await store.save(issuer.token(9))
    assert (await auth.credentials()).token == "canary-access-9"


async def test_whoever_was_refused_because_a_save_failed_elsewhere_goes_on_after_it_succeeds(auth, store, issuer):
    other = OAuthAuth(CLIENT_ID, CLIENT_SECRET, store=store, authorization_server=issuer.url)
    rejected = await auth.credentials()
    await other.credentials()
    store.failing_saves = 1
    with pytest.raises(TokenStoreError):
        await auth.renew(rejected)
    with pytest.raises(ReauthorizationRequired):
        await other.renew(rejected)
    assert await auth.credentials() == await other.credentials() == issuer.token(2).credentials


async def test_a_pair_that_another_process_saved_is_taken_over_without_a_refresh(auth, store, issuer):
    rejected = await auth.credentials()
    await store.save(issuer.token(5))
    assert (await auth.renew(rejected)).token == "canary-access-5"
    assert issuer.asked == []


async def test_a_wiped_store_costs_nothing_but_is_filled_again(auth, store, issuer):
    rejected = await auth.credentials()
    store._token = None
    assert (await auth.renew(rejected)).token == "canary-access-2"
    assert (await store.load()).refresh_token == "canary-refresh-2"


async def test_a_refusal_reaches_all_and_later_callers_without_asking_again(auth, issuer):
    rejected = await auth.credentials()
    issuer.script.append(_refused)
    errors = await _renewals(auth, 50)
    assert {(type(error), str(error)) for error in errors} == {
        (ReauthorizationRequired, "oauth/token: invalid_grant: Spent.")
    }
    for ask in (auth.credentials, lambda: auth.renew(rejected), auth.credentials):
        with pytest.raises(ReauthorizationRequired, match=r"Spent\."):
            await ask()
    assert len(issuer.asked) == 1


async def test_a_refusal_ends_when_the_store_holds_another_pair(auth, issuer, store):
    issuer.script.append(_refused)
    await _renewals(auth, 1)
    await store.save(issuer.token(3))
    assert (await auth.credentials()).token == "canary-access-3"


@pytest.mark.parametrize("generation", [1, 3])
async def test_a_refusal_ends_with_an_installation_even_of_the_same_pair(auth, issuer, store, generation):
    issuer.script.append(_refused)
    await _renewals(auth, 1)
    await auth.install(issuer.token(generation))
    assert (await auth.credentials()).token == f"canary-access-{generation}"
    assert store.saved[-1] == issuer.token(generation)


async def test_a_failure_that_may_pass_reaches_all_in_one_turn_and_the_next_renewal_asks_again(auth, issuer):
    rejected = await auth.credentials()
    issuer.script.append(_broken)
    waiting = [asyncio.create_task(auth.renew(rejected)) for _ in range(100)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert all(task.done() for task in waiting)
    assert {(type(task.exception()), str(task.exception())) for task in waiting} == {
        (TokenRefreshFailed, str(waiting[0].exception()))
    }
    assert await auth.credentials() == rejected
    assert (await auth.renew(rejected)).token == "canary-access-2"
    assert len(issuer.asked) == 2


async def test_each_waiter_gets_an_error_of_its_own(auth, issuer):
    issuer.script.append(_broken)
    errors = await _renewals(auth, 3)
    assert len({id(error) for error in errors}) == 3


async def test_an_installation_waits_for_the_renewal_under_way_and_wins(auth, issuer):
    rejected = await auth.credentials()
    issuer.gate.clear()
    renewing = asyncio.create_task(auth.renew(rejected))
    await issuer.arrived.wait()
    installing = asyncio.create_task(auth.install(issuer.token(8)))
    await asyncio.sleep(0)
    issuer.gate.set()
    await asyncio.gather(renewing, installing)
    assert (await auth.credentials()).token == "canary-access-8"


async def test_an_installation_that_could_not_be_saved_is_saved_by_the_next_call(auth, issuer, store):
    store.failing_saves = 1
    with pytest.raises(TokenStoreError):
        await auth.install(issuer.token(8))
    assert (await auth.credentials()).token == "canary-access-8"
    assert store.saved == [issuer.token(8)]


@pytest.mark.parametrize(
    ("given", "stored", "used"),
    [(1, None, 1), (None, 2, 2), (1, 2, 2), (2, 1, 2), (2, 2, 2)],
)
async def test_of_the_pair_passed_in_and_the_stored_one_the_newer_is_used_and_stored(issuer, given, stored, used):
    store = MemoryTokenStore(stored and issuer.token(stored))
    token = given and issuer.token(given)
    auth = OAuthAuth(CLIENT_ID, CLIENT_SECRET, token, store=store, authorization_server=issuer.url)
    assert (await auth.credentials()).token == f"canary-access-{used}"
    assert await store.load() == issuer.token(used)


async def test_a_stored_pair_is_used_where_the_newer_cannot_be_told():
    store = MemoryTokenStore(Token("canary-stored", "canary-r", PORTAL))
    auth = OAuthAuth(CLIENT_ID, CLIENT_SECRET, Token("canary-given", "canary-r", PORTAL, expires=9.0), store=store)
    assert (await auth.credentials()).token == "canary-stored"


async def test_without_any_pair_it_says_what_to_do_until_the_store_has_one(issuer):
    store = MemoryTokenStore()
    auth = OAuthAuth(CLIENT_ID, CLIENT_SECRET, store=store, authorization_server=issuer.url)
    for ask in (auth.credentials, lambda: auth.renew(Credentials(PORTAL, "canary"))):
        with pytest.raises(ReauthorizationRequired, match="from_code"):
            await ask()
    await store.save(issuer.token())
    assert (await auth.credentials()).token == "canary-access-1"


async def test_the_tokens_of_another_portal_are_not_taken_over(auth, issuer, store):
    rejected = await auth.credentials()
    await store.save(Token("canary-other", "canary-other", "https://other.bitrix24.com/rest/", "member-2"))
    with pytest.raises(TokenStoreError, match="another portal"):
        await auth.renew(rejected)
    assert issuer.asked == []


async def test_a_store_that_cannot_be_read_is_asked_again_by_the_next_call(auth, store):
    store.failing_loads = 1
    with pytest.raises(TokenStoreError, match="ConnectionError"):
        await auth.credentials()
    assert (await auth.credentials()).token == "canary-access-1"


async def test_many_first_calls_read_the_store_once(auth, store):
    assert len(set(await asyncio.gather(*(auth.credentials() for _ in range(20))))) == 1
    assert len(store.saved) == 1


async def test_a_code_becomes_a_saved_pair(issuer, store):
    auth = await OAuthAuth.from_code(CLIENT_ID, CLIENT_SECRET, "code", store=store, authorization_server=issuer.url)
    assert (await auth.credentials()).token == "canary-access-2"
    assert store.saved[-1].refresh_token == "canary-refresh-2"


async def test_a_code_is_not_spent_while_the_store_is_away(issuer, store):
    store.failing_loads = 1
    with pytest.raises(TokenStoreError):
        await OAuthAuth.from_code(CLIENT_ID, CLIENT_SECRET, "code", store=store, authorization_server=issuer.url)
    assert issuer.asked == []


async def test_a_refused_code_asks_for_another_authorization(issuer):
    issuer.script.append(_refused)
    with pytest.raises(ReauthorizationRequired):
        await OAuthAuth.from_code(CLIENT_ID, CLIENT_SECRET, "code", authorization_server=issuer.url)


def test_one_object_goes_on_in_the_next_event_loop(tmp_path):
    class Clerk(AuthorizationServer):
        hang = True

        async def refresh(self, *_):
            if self.hang:
                await asyncio.get_running_loop().create_future()
            return Token("canary-access-2", "canary-refresh-2", PORTAL)

    clerk = Clerk()
    store = FileTokenStore(tmp_path / "token.json")
    token = Token("canary-access-1", "canary-refresh-1", PORTAL)
    auth = OAuthAuth(CLIENT_ID, CLIENT_SECRET, token, store=store, authorization_server=clerk)

    async def abandon():
        rejected = await auth.credentials()
        waiting = [asyncio.create_task(auth.renew(rejected)) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        return rejected

    rejected = asyncio.run(abandon())
    clerk.hang = False
    assert asyncio.run(auth.renew(rejected)).token == "canary-access-2"


async def test_a_renewal_ended_by_the_shutdown_of_the_loop_is_a_failure_and_no_hang(auth, issuer):
    rejected = await auth.credentials()
    issuer.gate.clear()
    waiting = asyncio.create_task(auth.renew(rejected))
    await issuer.arrived.wait()
    auth._flight._task.cancel()
    with pytest.raises(TokenRefreshFailed, match="interrupted"):
        await waiting
    issuer.gate.set()


@pytest.mark.parametrize(("client_id", "client_secret"), [("", CLIENT_SECRET), (CLIENT_ID, "")])
def test_client_id_and_secret_have_to_be_there(client_id, client_secret):
    with pytest.raises(InvalidParameter, match="application's card"):
        OAuthAuth(client_id, client_secret)


async def test_a_server_of_ones_own_brings_its_session(issuer):
    import aiohttp

    async with aiohttp.ClientSession() as session:
        own = AuthorizationServer(issuer.url, session)
        with pytest.raises(InvalidParameter, match="own session"):
            OAuthAuth(CLIENT_ID, CLIENT_SECRET, authorization_server=own, session=session)
        auth = OAuthAuth(CLIENT_ID, CLIENT_SECRET, issuer.token(), authorization_server=issuer.url, session=session)
        assert (await auth.renew(await auth.credentials())).token == "canary-access-2"


@pytest.mark.parametrize("script", [_refused, _broken])
async def test_neither_repr_nor_errors_show_a_secret(auth, issuer, script, everything_said):
    issuer.script.append(script)
    (error,) = await _renewals(auth, 1)
    assert "canary" not in everything_said(error)
    assert repr(auth) == "OAuthAuth(client_id='local.app', store=BrittleStore)"


class Chain(AuthorizationServer):
    """Rotates without a network, fails as told, and counts what is used twice."""

    def __init__(self, failures):
        super().__init__()
        self.failures = failures
        self.generation = 1
        self.spent_uses = 0

    def token(self):
        return Token(f"canary-access-{self.generation}", f"canary-refresh-{self.generation}", PORTAL)

    async def refresh(self, _client_id, _client_secret, refresh_token):
        await asyncio.sleep(0)
        if self.failures and self.failures.pop():
            raise TokenRefreshFailed("away")
        self.spent_uses += refresh_token != self.token().refresh_token
        self.generation += 1
        return self.token()


@settings(deadline=None)
@given(
    failures=st.lists(st.booleans(), max_size=6),
    failing_saves=st.integers(0, 3),
    steps=st.lists(st.sampled_from(["renew", "late", "cancel", "other", "turn"]), max_size=25),
)
def test_no_order_of_events_spends_a_token_twice_or_loses_the_chain(failures, failing_saves, steps):
    async def play():
        chain = Chain(failures)
        store = BrittleStore(chain.token())
        auth, other = (OAuthAuth(CLIENT_ID, CLIENT_SECRET, store=store, authorization_server=chain) for _ in range(2))
        first = await auth.credentials()
        await other.credentials()
        store.failing_saves = failing_saves
        tasks = []
        for step in steps:
            if step == "turn":
                await asyncio.sleep(0)
            elif step == "cancel" and tasks:
                tasks[-1].cancel()
            else:
                # A pair that could not be saved is unknown to others: that has a test of its own.
                user = other if step == "other" and not failing_saves else auth
                rejected = first if step == "late" else user._ready or first
                tasks.append(asyncio.create_task(user.renew(rejected)))
        await asyncio.gather(*tasks, return_exceptions=True)
        chain.failures, store.failing_saves = [], 0
        await auth.credentials()
        await other.renew(first)
        return chain, store, await auth.renew(await auth.credentials())

    chain, store, last = asyncio.run(play())
    assert chain.spent_uses == 0
    assert store._token == chain.token()
    assert last.token == chain.token().access_token
