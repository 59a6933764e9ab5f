"""A renewal's answer has two halves: the pair, which is never lost, and the address, which is not taken on trust."""

import copy
import json
import logging
import pickle
from html import escape
from urllib.parse import quote

import pytest
from aiohttp import web

from bitrix_chat.auth import AuthorizationServer, MemoryTokenStore, OAuthAuth, Token
from bitrix_chat.auth.answers import PortalNotNamed
from bitrix_chat.errors import BitrixError, ReauthorizationRequired, TokenRefreshFailed

CLIENT_ID = "local.app"
CLIENT_SECRET = "canary-client-secret"
PORTAL = "https://acme.bitrix24.com/rest/"
UNUSABLE = [
    None,
    "",
    5,
    "https://acme.bitrix24.com/rest/1/canary/",
    "https://user@acme.bitrix24.com/rest/",
    "http://new.bitrix24.com/rest/",
    "https://2852039166/rest/",
]
NUMBERS = ["https://10.0.0.1/rest/", "https://[fd00::1]/rest/", "https://127.0.0.1/rest/", "http://127.0.0.1:81/rest/"]


def auth_for(issuer, token=None, store=None):
    return OAuthAuth(CLIENT_ID, CLIENT_SECRET, token or issuer.token(), store=store, authorization_server=issuer.url)


def answer_with(issuer, **fields):
    def answered():
        issuer.generation += 1
        return web.json_response({**issuer.answer(), **fields})

    issuer.script.append(answered)


async def renewed(auth):
    return await auth.renew(await auth.credentials())


def warnings_in(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize("endpoint", [*UNUSABLE, *NUMBERS])
async def test_the_known_address_is_kept_with_the_new_pair_where_none_comes_that_can_be(issuer, endpoint, caplog):
    store = MemoryTokenStore()
    auth = auth_for(issuer, store=store)
    answer_with(issuer, client_endpoint=endpoint)
    credentials = await renewed(auth)
    assert (credentials.endpoint, credentials.token) == (PORTAL, "canary-access-2")
    stored = await store.load()
    assert (stored.client_endpoint, stored.access_token) == (PORTAL, "canary-access-2")
    (warning,) = warnings_in(caplog)
    assert "acme.bitrix24.com" in warning
    assert "canary" not in warning
    assert (await auth.renew(credentials)).token == "canary-access-3", "the new refresh token is the one that works"


async def test_a_portal_that_was_renamed_is_followed_and_both_names_are_logged(issuer, caplog):
    auth = auth_for(issuer)
    answer_with(issuer, client_endpoint="https://new.bitrix24.com/rest/")
    assert (await renewed(auth)).endpoint == "https://new.bitrix24.com/rest/"
    assert warnings_in(caplog) == ["a renewal moved the portal from acme.bitrix24.com to new.bitrix24.com"]


async def test_a_portal_that_has_only_a_number_may_get_another(issuer):
    auth = auth_for(issuer, Token("canary-access-1", "canary-refresh-1", "https://10.0.0.1/rest/"))
    answer_with(issuer, client_endpoint="https://10.0.0.2/rest/")
    assert (await renewed(auth)).endpoint == "https://10.0.0.2/rest/"


async def test_a_portal_that_stays_is_not_worth_a_warning(issuer, caplog):
    await renewed(auth_for(issuer))
    assert warnings_in(caplog) == []


async def test_without_a_pair_in_the_answer_no_address_helps(issuer):
    auth = auth_for(issuer)
    answer_with(issuer, client_endpoint=None, access_token="")
    with pytest.raises(TokenRefreshFailed, match="access_token is missing") as caught:
        await renewed(auth)
    assert type(caught.value) is TokenRefreshFailed


async def test_whoever_asks_the_server_itself_gets_the_pair_from_the_error_and_nobody_else(issuer, everything_said):
    server, spent = AuthorizationServer(issuer.url), issuer.token().refresh_token
    answer_with(issuer, client_endpoint=None)
    with pytest.raises(PortalNotNamed) as caught:
        await server.refresh(CLIENT_ID, CLIENT_SECRET, spent)
    for error in (caught.value, copy.copy(caught.value)):
        assert error.token_at(PORTAL).refresh_token == "canary-refresh-2"
    assert "canary" not in everything_said(caught.value)
    assert b"canary" not in pickle.dumps(caught.value)


SPELLINGS = {
    "as it is": str,
    "in an address": lambda text: quote(text, safe=""),
    "in a page": escape,
}
WHOLE = "canary <a&b/c>"


@pytest.mark.parametrize("status", [400, 503])
@pytest.mark.parametrize("field", ["error", "error_description"])
@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_what_the_server_repeats_of_a_form_is_masked_in_every_spelling(issuer, spelling, field, status):
    said = {"error": "invalid_grant", field: f"no {SPELLINGS[spelling](WHOLE)}!"}
    issuer.script.append(lambda: web.json_response(said, status=status))
    with pytest.raises(BitrixError) as caught:
        await AuthorizationServer(issuer.url).refresh(CLIENT_ID, WHOLE, "canary-refresh-1")
    assert "no ***!" in str(caught.value)


@pytest.mark.parametrize("field", ["error", "error_description"])
@pytest.mark.parametrize("filling", [0, 45, 190])
async def test_the_access_token_that_the_server_repeats_is_masked_also_where_it_is_cut(issuer, field, filling):
    said = {"error": "invalid_grant", field: f"{'x' * filling} canary-access-1"}
    issuer.script.append(lambda: web.Response(text=json.dumps(said), status=400))
    with pytest.raises(ReauthorizationRequired) as caught:
        await renewed(auth_for(issuer))
    assert "cana" not in f"{caught.value} {caught.value.args} {vars(caught.value)}"
