"""An authorization code goes to the configured server alone, and what comes back has to be of the portal it was for."""

import pytest
from aiohttp import web

from bitrix_chat.auth import MemoryTokenStore, OAuthAuth
from bitrix_chat.errors import InvalidPortalUrl, PortalMismatch, TokenRefreshFailed
from tests.leaks.searching import sayings

CLIENT_ID = "local.app"
CLIENT_SECRET = "canary-client-secret"


@pytest.fixture
def store():
    return MemoryTokenStore()


@pytest.fixture
def from_code(issuer, store):
    def exchange(**options):
        return OAuthAuth.from_code(
            CLIENT_ID, CLIENT_SECRET, "canary-code", store=store, authorization_server=issuer.url, **options
        )

    return exchange


def answering(issuer, **fields):
    issuer.script.append(lambda: web.json_response(issuer.answer() | fields))


@pytest.mark.parametrize(
    "portal",
    ["acme.bitrix24.com", "https://acme.bitrix24.com", "https://ACME.bitrix24.com/rest/", "acme.bitrix24.com:443"],
)
async def test_a_code_of_the_portal_where_the_login_was_begun_is_kept(from_code, store, portal):
    auth = await from_code(portal=portal)
    assert await store.load() is not None
    assert (await auth.credentials()).token == "canary-access-2"


@pytest.mark.parametrize("portal", ["evil.example", "acme.bitrix24.com.evil.example", "acme.bitrix24.com:8443"])
async def test_a_code_of_another_portal_is_refused_and_nothing_of_it_kept(from_code, store, portal):
    with pytest.raises(PortalMismatch, match=r"acme\.bitrix24\.com"):
        await from_code(portal=portal)
    assert await store.load() is None


async def test_what_the_answer_says_beside_the_portals_address_changes_nothing(from_code, issuer):
    answering(issuer, domain="evil.example", server_domain="evil.example", server_endpoint="https://evil.example/rest/")
    auth = await from_code(portal="acme.bitrix24.com")
    assert (await auth.credentials()).endpoint == "https://acme.bitrix24.com/rest/"
    assert len(issuer.asked) == 1


@pytest.mark.parametrize("portal", ["https://acme.bitrix24.com/rest/1/canary/", "http://acme.bitrix24.com", "a b"])
async def test_a_wrong_portal_spends_no_code(from_code, issuer, portal):
    with pytest.raises(InvalidPortalUrl):
        await from_code(portal=portal)
    assert issuer.asked == []


@pytest.mark.parametrize(
    "endpoint", ["http://acme.bitrix24.com/rest/", "https://me@acme.bitrix24.com/rest/", "https://x.example/?a=b", ""]
)
async def test_an_answer_that_names_no_portal_is_refused(from_code, issuer, store, endpoint):
    answering(issuer, client_endpoint=endpoint)
    with pytest.raises(TokenRefreshFailed):
        await from_code()
    assert await store.load() is None


@pytest.mark.parametrize("address", ["169.254.169.254", "10.0.0.5:8443", "[fd00::1]"])
async def test_an_ip_address_is_only_taken_where_the_login_was_begun_there(from_code, issuer, store, address):
    answering(issuer, client_endpoint=f"https://{address}/rest/")
    with pytest.raises(PortalMismatch, match="IP address"):
        await from_code()
    assert await store.load() is None
    answering(issuer, client_endpoint=f"https://{address}/rest/")
    auth = await from_code(portal=address)
    assert (await auth.credentials()).endpoint == f"https://{address}/rest/"


async def test_a_renamed_portal_is_taken_over_with_its_new_pair(issuer, store):
    auth = OAuthAuth(CLIENT_ID, CLIENT_SECRET, issuer.token(), store=store, authorization_server=issuer.url)
    answering(issuer, client_endpoint="https://renamed.bitrix24.com/rest/", access_token="canary-access-9")
    renewed = await auth.renew(await auth.credentials())
    assert renewed.endpoint == "https://renamed.bitrix24.com/rest/"
    assert (await store.load()).client_endpoint == renewed.endpoint


async def test_neither_the_code_nor_the_client_secret_stands_in_a_traceback(from_code, everything_said):

    with pytest.raises(PortalMismatch) as caught:
        await from_code(portal="evil.example")
    assert "canary" not in everything_said(caught.value) + "".join(sayings(caught.value))
