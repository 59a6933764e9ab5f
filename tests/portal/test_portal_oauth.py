"""The authorization server: codes, rotating refresh tokens, and errors that come under any status."""

from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

from bitrix_chat.portal import Fault, PortalPolicy, TokenRequest


@pytest.fixture
async def ask(serve, clock):
    return await serve(clock=clock)


@pytest.fixture
def tokens(ask, session):
    """Ask the token endpoint, by GET as documented."""

    async def request(how="GET", *, of=ask, **params):
        grant = of.portal.oauth
        params = {"client_id": grant.client_id, "client_secret": grant.client_secret} | params
        params = {name: value for name, value in params.items() if value is not None}
        where = {"params": params} if how == "GET" else {"data": params}
        async with session.request(how, f"{of.portal.authorization_server}/oauth/token/", **where) as response:
            body = await response.json() if response.content_type == "application/json" else {}
            return response.status, body

    return request


async def test_an_access_token_calls_methods_in_three_places(ask, session):
    grant = ask.portal.oauth
    url = grant.client_endpoint + "profile"
    for options in [
        {"headers": {"Authorization": f"Bearer {grant.access_token}"}},
        {"params": {"auth": grant.access_token}},
        {"data": {"access_token": grant.access_token}},
    ]:
        async with session.post(url, **options) as response:
            assert (await response.json())["result"]["ID"] == "1"
    assert {received.transport for received in ask.portal.requests} == {"oauth"}


@pytest.mark.parametrize("how", ["GET", "POST"])
async def test_a_code_is_exchanged_once(ask, tokens, how):
    code = ask.portal.authorize(user_id=2)
    status, body = await tokens(how, grant_type="authorization_code", code=code)
    assert status == 200
    assert body["access_token"] == ask.portal.oauth.access_token
    assert (body["client_endpoint"], body["expires_in"], body["user_id"]) == (f"{ask.portal.url}/rest/", 3600, 2)
    assert body["domain"] not in ask.portal.url, "this is the authorization server's host"
    assert (await ask.with_token("profile")).result["ID"] == "2"
    status, body = await tokens(how, grant_type="authorization_code", code=code)
    assert (status, body["error"]) == (400, "invalid_grant")
    assert ask.portal.token_requests == [
        TokenRequest(how, "authorization_code", "ok"),
        TokenRequest(how, "authorization_code", "invalid_grant"),
    ]


async def test_a_code_lives_thirty_seconds(ask, tokens, clock):
    code = ask.portal.authorize()
    clock.advance(30)
    assert (await tokens(grant_type="authorization_code", code=code))[1]["error"] == "invalid_grant"


async def test_a_refresh_token_rotates(ask, tokens):
    first = ask.portal.oauth
    status, body = await tokens(grant_type="refresh_token", refresh_token=first.refresh_token)
    assert status == 200
    assert body["refresh_token"] == ask.portal.oauth.refresh_token != first.refresh_token
    status, body = await tokens(grant_type="refresh_token", refresh_token=first.refresh_token)
    assert (status, body["error"]) == (400, "invalid_grant")
    assert (await ask.with_token("profile", token=first.access_token)).status == 200, "until it expires"


async def test_an_old_refresh_token_may_stay_valid(serve, tokens):
    ask = await serve(policy=PortalPolicy(old_refresh_token_valid=True))
    first = ask.portal.oauth.refresh_token
    for _ in range(2):
        assert (await tokens(of=ask, grant_type="refresh_token", refresh_token=first))[0] == 200


async def test_an_access_token_lives_an_hour_and_a_refresh_token_180_days(ask, tokens, clock):
    clock.advance(3599)
    assert (await ask.with_token("profile")).status == 200
    clock.advance(1)
    expired = await ask.with_token("profile")
    assert expired.error == (401, "expired_token")
    assert expired.body["error_description"] == "The access token provided has expired"
    clock.advance(180 * 86400 - 3600)
    refused = await tokens(grant_type="refresh_token", refresh_token=ask.portal.oauth.refresh_token)
    assert refused[1]["error"] == "invalid_grant"


async def test_tokens_can_be_expired_and_revoked_at_will(ask, tokens):
    ask.portal.expire_tokens()
    assert (await ask.with_token("im.chat.add")).error == (401, "expired_token")
    assert not ask.portal.chats
    await tokens(grant_type="refresh_token", refresh_token=ask.portal.oauth.refresh_token)
    assert (await ask.with_token("im.chat.add")).status == 200
    ask.portal.revoke_refresh_tokens()
    status, body = await tokens(grant_type="refresh_token", refresh_token=ask.portal.oauth.refresh_token)
    assert (status, body["error"]) == (400, "invalid_grant")


async def test_the_text_of_an_expired_token_may_end_with_a_dot(serve):
    ask = await serve(policy=PortalPolicy(expired_token_dot=True))
    ask.portal.expire_tokens()
    assert (await ask.with_token("profile")).body["error_description"].endswith("expired.")


async def test_an_unknown_token_is_no_authorization(ask):
    assert (await ask.with_token("profile", token="guess")).error == (401, "NO_AUTH_FOUND")
    assert (await ask("profile", base=f"{ask.portal.url}/rest/")).error == (401, "NO_AUTH_FOUND")


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "guess"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "client_id": "nobody"}, 200, "wrong_client"),
        ({"grant_type": "refresh_token", "client_secret": "guess"}, 400, "invalid_client"),
        ({"grant_type": "refresh_token", "client_secret": None}, 400, "invalid_client"),
    ],
)
async def test_a_bad_token_request_is_refused_by_its_code(tokens, params, status, code):
    """One of them under status 200."""
    answered, body = await tokens(**params)
    assert (answered, body["error"]) == (status, code)


async def test_what_is_missing_is_named(tokens):
    _, body = await tokens(grant_type="refresh_token")
    assert body["error_description"] == 'No "refresh_token" parameter found'


async def test_the_token_endpoint_may_not_take_posts(serve, tokens):
    for how, status in [("method_not_allowed", 405), ("ignore_body", 400)]:
        ask = await serve(policy=PortalPolicy(post_to_tokens=how))
        refresh = {"grant_type": "refresh_token", "refresh_token": ask.portal.oauth.refresh_token}
        answered, body = await tokens("POST", of=ask, **refresh)
        assert answered == status
        assert body.get("error_description", 'No "grant_type" parameter found') == 'No "grant_type" parameter found'
        assert (await tokens("GET", of=ask, **refresh))[0] == 200


async def test_a_fault_waits_for_the_token_endpoint_by_name(ask, tokens):
    ask.portal.faults.add(Fault.html_502(method="oauth/token", executed=True))
    first = ask.portal.oauth.refresh_token
    assert (await ask.with_token("profile")).status == 200
    assert (await tokens(grant_type="refresh_token", refresh_token=first))[0] == 502
    assert ask.portal.oauth.refresh_token != first, "the pair was issued, and nobody got it"


async def test_consent_redirects_to_the_application_with_a_code(ask, session, tokens):
    query = {"client_id": ask.portal.oauth.client_id, "state": "s 1"}
    async with session.get(f"{ask.portal.url}/oauth/authorize/", params=query, allow_redirects=False) as response:
        assert response.status == 302
        target = urlsplit(response.headers["Location"])
    shown = {name: values[0] for name, values in parse_qs(target.query).items()}
    assert set(shown) == {"code", "state", "domain", "member_id", "scope", "server_domain"}
    assert (shown["state"], shown["domain"]) == ("s 1", urlsplit(ask.portal.url).netloc)
    assert (await tokens(grant_type="authorization_code", code=shown["code"]))[0] == 200


async def test_an_unknown_application_is_shown_an_error_and_not_redirected(ask, session):
    async with session.get(f"{ask.portal.url}/oauth/authorize/", allow_redirects=False) as response:
        assert response.status == 400


async def test_no_secret_is_shown(ask):
    grant = ask.portal.oauth
    shown = repr([ask.portal, grant, list(ask.portal.requests), ask.portal.faults])
    for secret in (grant.access_token, grant.refresh_token, grant.client_secret, ask.portal.webhook_url):
        assert secret not in shown
    assert attrs.asdict(grant)["access_token"] == grant.access_token
