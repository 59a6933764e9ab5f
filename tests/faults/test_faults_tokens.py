"""Rows of the matrix about the token pair: renewed once for all, saved before it is used, never spent twice."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bitrix_chat import (
    BitrixChat,
    BitrixError,
    Call,
    ExpiredToken,
    MemoryRateLimiter,
    ReauthorizationRequired,
    TokenRefreshFailed,
    TokenStoreError,
)
from bitrix_chat import Plan as Limit
from bitrix_chat.auth import MemoryTokenStore, OAuthAuth, Token, TokenStore
from bitrix_chat.portal import Cut, Fault, Plan, Portal, PortalPolicy
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row

ADD = "im.chat.add"
TOKENS = "oauth/token"
CANARY = "canary-of-the-page"
PAGE = f"<html><body>{CANARY}</body></html>"


def emulated(**options: Any) -> Portal:
    return Portal(plan=Plan.UNLIMITED, **options)


def token_of(portal: Portal) -> Token:
    pair = portal.oauth
    return Token(pair.access_token, pair.refresh_token, pair.client_endpoint, pair.member_id)


def oauth(portal: Portal, store: TokenStore | None = None, *, secret: str | None = None) -> OAuthAuth:
    pair = portal.oauth
    secret = secret or pair.client_secret
    server = portal.authorization_server
    return OAuthAuth(pair.client_id, secret, token_of(portal), store=store, authorization_server=server)


def client(portal: Portal, auth: OAuthAuth, **options: Any) -> BitrixChat:
    return portal.client(auth, limiter=MemoryRateLimiter(Limit(1e9, 1e8)), **options)


def creations(b24: BitrixChat, count: int) -> list[Call[int]]:
    return [b24.im.chat.add(title=f"{number:03}") for number in range(count)]


async def refusals(calls: Sequence[Call[int]], kind: type[BitrixError]) -> list[BitrixError]:
    """Await calls that have to fail with one kind of error, each call saying what its error says."""
    async with asyncio.timeout(40):
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(error) for error in errors} == {kind}
    assert [error.outcome for error in errors] == [call.outcome for call in calls]
    return errors


class SlowStore(MemoryTokenStore):
    """Takes a minute to save, and counts the requests that reach the portal in the meantime."""

    def __init__(self, portal: Portal) -> None:
        super().__init__()
        self.portal = portal
        self.requests_while_saving = 0

    async def save(self, token: Token) -> None:
        await asyncio.sleep(1)  # what was in the air has landed
        before = self.portal.hits
        await asyncio.sleep(60)
        self.requests_while_saving += self.portal.hits - before
        await super().save(token)


class BrittleStore(MemoryTokenStore):
    """Fails to save as often as told."""

    def __init__(self) -> None:
        super().__init__()
        self.failing = 0

    async def save(self, token: Token) -> None:
        if self.failing:
            self.failing -= 1
            raise ConnectionError("the shelf is full")
        await super().save(token)


@row(28, fault="expired_token under 200 calls", expected="DONE", executions=200)
@pytest.mark.parametrize(("at_a_time", "together"), [(16, False), (200, False), (16, True)])
@on_virtual_clock
async def test_two_hundred_calls_cost_one_refresh_and_nothing_leaves_before_it_is_saved(
    at_a_time: int, seen: Seen, *, together: bool
):
    async with emulated() as portal:
        store = SlowStore(portal)
        async with client(portal, oauth(portal, store), max_in_flight=at_a_time, coalesce=together) as b24:
            portal.expire_tokens()
            calls = creations(b24, 200)
            ids = await asyncio.gather(*calls)
            assert len(set(ids)) == len(portal.chats) == 200
            assert [asked.outcome for asked in portal.token_requests] == ["ok"]
            assert store.requests_while_saving == 0
            rejected = sum(request.status == 401 for request in portal.requests)
            assert rejected <= at_a_time  # each was rejected once at most
            assert portal.hits < 100 if together else portal.hits == 200 + rejected >= 216
            stored = await store.load()
            assert stored is not None
            assert stored.refresh_token == portal.oauth.refresh_token
            seen(calls[0].outcome, executions=portal.executions[ADD])


TROUBLES = {
    "502": Fault(method=TOKENS, status=502, body=PAGE),
    "503 JSON": Fault(method=TOKENS, status=503, body={"error": "SERVER_ERROR", "error_description": "Later."}),
    "page": Fault(method=TOKENS, status=200, body=PAGE),
    "truncated": Fault(method=TOKENS, cut=Cut.TRUNCATE, execute=False, body=b'{"access_token": "', status=200),
    "reset": Fault(method=TOKENS, cut=Cut.BEFORE),
    "silence": Fault(method=TOKENS, delay=600, execute=False),
}


@row(29, fault="no usable answer to the refresh", expected="REFUSED_TEMPORARY -> DONE", executions=1)
@pytest.mark.parametrize("trouble", TROUBLES)
@on_virtual_clock
async def test_a_refresh_without_an_answer_fails_all_who_wait_and_the_next_call_tries_again(trouble: str, seen: Seen):
    async with emulated() as portal, client(portal, oauth(portal)) as b24:
        portal.expire_tokens()
        portal.faults.add(TROUBLES[trouble])
        errors = await refusals(creations(b24, 50), TokenRefreshFailed)
        assert len({error.description for error in errors}) == 1
        assert CANARY not in str(errors[0])
        assert (portal.executions[ADD], len(portal.token_requests)) == (0, 0)
        call = b24.im.chat.add(title="Shelf")
        await call
        assert [asked.outcome for asked in portal.token_requests] == ["ok"]
        seen(errors[0], call.outcome, executions=portal.executions[ADD])


@row(29, fault="the answer to the refresh is lost", expected="REFUSED_TEMPORARY -> DONE", executions=1)
@pytest.mark.parametrize("cut", [Cut.AFTER, Cut.TRUNCATE])
@on_virtual_clock
async def test_a_refresh_token_is_kept_until_its_successor_is_here(cut: Cut, seen: Seen):
    store = MemoryTokenStore()
    policy = PortalPolicy(old_refresh_token_valid=True)
    async with emulated(policy=policy) as portal, client(portal, oauth(portal, store)) as b24:
        kept = token_of(portal).refresh_token
        portal.expire_tokens()
        portal.faults.add(Fault(method=TOKENS, cut=cut))
        errors = await refusals(creations(b24, 20), TokenRefreshFailed)
        assert [asked.outcome for asked in portal.token_requests] == ["ok"]
        stored = await store.load()
        assert stored is not None
        assert stored.refresh_token == kept
        call = b24.im.chat.add(title="Shelf")
        await call
        seen(errors[0], call.outcome, executions=portal.executions[ADD])


@row(29, fault="the answer to the refresh is lost for good", expected="REFUSED_TEMPORARY -> REFUSED", executions=0)
@on_virtual_clock
async def test_a_refresh_token_that_a_lost_answer_has_spent_ends_in_a_new_authorization(seen: Seen):
    async with emulated() as portal, client(portal, oauth(portal)) as b24:
        portal.expire_tokens()
        portal.faults.add(Fault(method=TOKENS, cut=Cut.AFTER))
        lost = await refusals(creations(b24, 20), TokenRefreshFailed)
        spent = await refusals(creations(b24, 20), ReauthorizationRequired)
        assert [asked.outcome for asked in portal.token_requests] == ["ok", "invalid_grant"]
        seen(lost[0], spent[0], executions=portal.executions[ADD])


@row(30, fault="refresh refused for good", expected="REFUSED", executions=0)
@pytest.mark.parametrize("refusal", ["invalid_grant", "invalid_client", "PAYMENT_REQUIRED"])
@on_virtual_clock
async def test_a_refused_refresh_is_told_to_all_and_not_asked_for_again(refusal: str, seen: Seen):
    async with emulated() as portal:
        secret = "canary-another-secret" if refusal == "invalid_client" else None
        async with client(portal, oauth(portal, secret=secret)) as b24:
            portal.expire_tokens()
            if refusal == "invalid_grant":
                portal.revoke_refresh_tokens()
            if refusal == "PAYMENT_REQUIRED":
                portal.faults.add(Fault(method=TOKENS, status=401, body={"error": refusal}))
            errors = await refusals(creations(b24, 50), ReauthorizationRequired)
            assert {error.code for error in errors} == {refusal}
            assert "canary" not in str(errors[0])
            asked, hits = len(portal.token_requests), portal.hits
            assert asked == (0 if refusal == "PAYMENT_REQUIRED" else 1)
            for _ in range(5):
                await refusals(creations(b24, 3), ReauthorizationRequired)
            assert (len(portal.token_requests), portal.hits) == (asked, hits)
            seen(errors[0], executions=portal.executions[ADD])


@row(31, fault="the store fails to save", expected="REFUSED_TEMPORARY -> DONE", executions=1)
@pytest.mark.parametrize("failing", [1, 3])
@on_virtual_clock
async def test_a_pair_that_was_not_saved_is_kept_unused_and_saved_by_the_next_call(failing: int, seen: Seen):
    async with emulated() as portal:
        store = BrittleStore()
        async with client(portal, oauth(portal, store)) as b24:
            await b24.profile()
            portal.expire_tokens()
            store.failing = failing
            errors = [(await refusals(creations(b24, 1), TokenStoreError))[0] for _ in range(failing)]
            assert isinstance(errors[0].__cause__, ConnectionError)
            assert portal.executions[ADD] == 0
            call = b24.im.chat.add(title="Shelf")
            await call
            stored = await store.load()
            assert stored is not None
            assert stored.refresh_token == portal.oauth.refresh_token
            assert [asked.outcome for asked in portal.token_requests] == ["ok"]
            seen(errors[-1], call.outcome, executions=portal.executions[ADD])


@row(33, fault="expired_token again after the refresh", expected="REFUSED", executions=0)
@on_virtual_clock
async def test_a_call_is_renewed_for_once_and_then_refused(seen: Seen):
    async with emulated() as portal, client(portal, oauth(portal)) as b24:
        portal.faults.add(Fault.expired_token(method=ADD, times=2))
        call = b24.im.chat.add(title="Shelf")
        with pytest.raises(ExpiredToken) as raised:
            await call
        assert raised.value.outcome is call.outcome
        executions = portal.executions[ADD]
        assert (portal.hits, [asked.outcome for asked in portal.token_requests]) == (2, ["ok"])
        await b24.im.chat.add(title="Shelf")
        assert len(portal.token_requests) == 1
        seen(raised.value, executions=executions)
