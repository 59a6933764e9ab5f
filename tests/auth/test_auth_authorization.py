"""Questions to the authorization server: sent once, only there, and nothing of them in an error."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from yarl import URL

from bitrix_chat.auth import AuthorizationServer, OAuthAuth, authorize_url
from bitrix_chat.errors import InvalidPortalUrl, Outcome, ReauthorizationRequired, TokenRefreshFailed

CLIENT_ID = "local.app"
CLIENT_SECRET = "canary-client-secret"
CODE = "canary-code"
PORTAL = "https://acme.bitrix24.com/rest/"
REFRESH = "canary-refresh-1"


def _json(content, status=200):
    return lambda: web.json_response(content, status=status)


async def _refresh(server, refresh_token=REFRESH):
    return await server.refresh(CLIENT_ID, CLIENT_SECRET, refresh_token)


async def test_a_code_is_exchanged_by_a_posted_form(issuer):
    token = await AuthorizationServer(issuer.url).exchange(CLIENT_ID, CLIENT_SECRET, CODE)
    expected = {
        "grant_type": "authorization_code",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "code": CODE,
    }
    assert issuer.asked == [("POST", expected)]
    assert (token.client_endpoint, token.scope, token.user_id) == (PORTAL, ("im", "imbot"), 7)


async def test_a_refresh_token_is_exchanged_for_the_next_pair(issuer):
    assert (await _refresh(AuthorizationServer(issuer.url))).refresh_token == issuer.token(2).refresh_token
    assert issuer.asked[0][1]["grant_type"] == "refresh_token"


@pytest.mark.parametrize(
    "complaint",
    [
        lambda: web.Response(status=405),
        _json({"error": "invalid_request", "error_description": 'No "refresh_token" parameter found'}, 400),
        _json({"error": "INVALID_REQUEST", "error_description": "grant_type is missing"}),
    ],
)
async def test_a_server_that_takes_no_post_is_asked_by_query_and_remembered(issuer, complaint):
    issuer.script.append(complaint)
    server = AuthorizationServer(issuer.url)
    await _refresh(server)
    await _refresh(server, issuer.token().refresh_token)
    assert [verb for verb, _ in issuer.asked] == ["POST", "GET", "GET"]
    assert issuer.asked[0][1] == issuer.asked[1][1]
    assert issuer.spent_uses == 0


async def test_a_complaint_about_the_query_too_is_reported_and_not_remembered(issuer):
    complaint = _json({"error": "invalid_request", "error_description": "No client_id"}, 400)
    issuer.script.extend([complaint, complaint])
    server = AuthorizationServer(issuer.url)
    with pytest.raises(ReauthorizationRequired, match="No client_id"):
        await _refresh(server)
    await _refresh(server)
    assert [verb for verb, _ in issuer.asked] == ["POST", "GET", "POST"]


async def test_another_invalid_request_is_not_asked_again(issuer):
    issuer.script.append(_json({"error": "invalid_request", "error_description": "Https required."}, 400))
    with pytest.raises(ReauthorizationRequired, match="Https required"):
        await _refresh(AuthorizationServer(issuer.url))
    assert len(issuer.asked) == 1


async def test_every_character_of_a_secret_arrives_both_ways(issuer):
    secret = "a+b/c=d&e%20f#?ü"
    issuer.script.append(lambda: web.Response(status=405))
    issuer.script.append(_json({"error": "invalid_grant"}, 400))
    with pytest.raises(ReauthorizationRequired):
        await _refresh(AuthorizationServer(issuer.url), secret)
    assert [form["refresh_token"] for _, form in issuer.asked] == [secret, secret]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("invalid_grant", 400),
        ("bad_verification_code", 400),
        ("invalid_client", 401),
        ("wrong_client", 200),
        ("PAYMENT_REQUIRED", 401),
        ("NOT_INSTALLED", 401),
        ("invalid_scope", 403),
        ("invalid_grant", 503),
        ("something_new", 400),
        ("something_new", 200),
    ],
)
async def test_a_refusal_is_known_by_its_code_whatever_the_status(issuer, code, status):
    issuer.script.append(_json({"error": code, "error_description": "No."}, status))
    with pytest.raises(ReauthorizationRequired) as caught:
        await _refresh(AuthorizationServer(issuer.url))
    error = caught.value
    assert (error.method, error.code, error.status, str(error)) == (
        "oauth/token",
        code,
        status,
        f"oauth/token: {code}: No.",
    )


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda: web.Response(status=502, text="<html>bad gateway</html>", content_type="text/html"), 502),
        (lambda: web.Response(text="<html>maintenance</html>", content_type="text/html"), 200),
        (lambda: web.Response(text=""), 200),
        (lambda: web.Response(text='{"access_token": "canary-acc'), 200),
        (lambda: web.Response(body=b"\xff\xfe\x00"), 200),
        (lambda: web.Response(text="[" * 100_000), 200),
        (lambda: web.Response(text=" " * 300_000), 200),
        (lambda: web.Response(body=b"canary", headers={"Content-Encoding": "gzip"}), 200),
        (_json(["canary"]), 200),
        (_json({"access_token": "canary"}), 200),
        (_json({"access_token": "canary", "refresh_token": "canary", "domain": "acme.bitrix24.com"}), 200),
        (_json({"access_token": "canary"}, 500), 500),
        (_json({"error": "something_new"}, 500), 500),
        (_json({"error": "QUERY_LIMIT_EXCEEDED"}, 400), 400),
        (_json({"error": "temporarily_unavailable"}, 400), 400),
        (_json({"error": "slow_down"}, 429), 429),
    ],
)
async def test_anything_unusable_is_a_failure_that_may_pass(issuer, answer, status, everything_said):
    issuer.script.append(answer)
    with pytest.raises(TokenRefreshFailed) as caught:
        await _refresh(AuthorizationServer(issuer.url))
    error = caught.value
    assert (error.method, error.status, error.outcome) == ("oauth/token", status, Outcome.REFUSED_TEMPORARY)
    assert "canary" not in everything_said(error)
    assert len(issuer.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("first", [[], [lambda: web.Response(status=405)]], ids=["POST", "GET"])
async def test_a_redirect_is_never_followed(issuer, status, first, everything_said):
    seen = []

    async def steal(request):
        seen.append(await request.text())
        return web.json_response({})

    application = web.Application()
    application.router.add_route("*", "/{any:.*}", steal)
    async with TestServer(application) as evil:
        location = f"{evil.make_url('/canary')}"
        issuer.script.extend([*first, lambda: web.Response(status=status, headers={"Location": location})])
        with pytest.raises(TokenRefreshFailed, match="redirects") as caught:
            await _refresh(AuthorizationServer(issuer.url))
    assert seen == []
    assert "canary" not in everything_said(caught.value)


@pytest.mark.parametrize("own_session", [True, False])
async def test_a_server_that_is_not_there_is_a_failure_with_no_exception_behind_it(own_session, everything_said):
    async with aiohttp.ClientSession() as session:
        server = AuthorizationServer(f"http://127.0.0.1:{unused_port()}", None if own_session else session)
        with pytest.raises(TokenRefreshFailed, match="no answer") as caught:
            await _refresh(server)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "canary" not in everything_said(caught.value)


async def test_a_server_that_says_nothing_is_given_up(issuer, everything_said):
    issuer.gate.clear()
    with pytest.raises(TokenRefreshFailed, match="no answer") as caught:
        await _refresh(AuthorizationServer(issuer.url, timeout=0.05))
    issuer.gate.set()
    assert caught.value.__context__ is None
    assert "canary" not in everything_said(caught.value)


async def test_an_echoed_secret_is_masked(issuer, everything_said):
    issuer.script.append(_json({"error": "invalid_grant", "error_description": f"{REFRESH} of {CLIENT_SECRET}"}, 400))
    with pytest.raises(ReauthorizationRequired, match=r"\*\*\* of \*\*\*") as caught:
        await _refresh(AuthorizationServer(issuer.url))
    assert "canary" not in everything_said(caught.value)


async def test_a_closed_session_is_a_failure_like_any_other(issuer):
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(TokenRefreshFailed, match="RuntimeError") as caught:
        await _refresh(AuthorizationServer(issuer.url, session))
    assert caught.value.__context__ is None


async def test_a_session_passed_in_is_used_under_our_rules_and_stays_open(issuer):
    repeated = []

    async def retrying(request, send):
        repeated.append(request)
        await send(request)
        return await send(request)

    async with aiohttp.ClientSession(
        headers={"User-Agent": "mine"}, raise_for_status=True, auto_decompress=False, middlewares=(retrying,)
    ) as session:
        server = AuthorizationServer(issuer.url, session)
        await _refresh(server)
        issuer.script.append(_json({"error": "invalid_grant"}, 400))
        with pytest.raises(ReauthorizationRequired):
            await _refresh(server)
        assert not session.closed
    assert (issuer.headers[0]["User-Agent"], len(issuer.asked), repeated) == ("mine", 2, [])


@pytest.mark.parametrize("status", [200, 405], ids=["POST", "GET"])
async def test_what_a_session_holds_for_others_stays_with_it_and_nothing_is_put_into_its_jar(issuer, status):
    def answer():
        response = web.json_response(issuer.answer() if status == 200 else {}, status=status)
        response.set_cookie("visit", "1")
        return response

    issuer.script.append(answer)
    jar = aiohttp.CookieJar(unsafe=True)
    jar.update_cookies({"theirs": "canary-cookie"}, URL(issuer.url))
    headers = {"Authorization": "Bearer canary-key", "content-type": "application/json", "X-Mine": "canary-mine"}
    async with aiohttp.ClientSession(cookie_jar=jar, headers=headers) as session:
        await _refresh(AuthorizationServer(issuer.url, session))
        assert not session.closed
        assert session.headers == headers
    assert [cookie.key for cookie in jar] == ["theirs"]
    assert [verb for verb, _ in issuer.asked] == ["POST", "GET"][: 1 if status == 200 else 2]
    assert issuer.asked[0][1]["client_secret"] == CLIENT_SECRET
    assert issuer.headers[0]["Content-Type"] == "application/x-www-form-urlencoded"
    assert "canary" not in str(issuer.headers)
    assert not any({"Cookie", "Authorization"} & set(sent) for sent in issuer.headers)


@pytest.mark.parametrize("how", ["environment", "session"])
async def test_plain_http_to_a_loopback_host_goes_past_the_sessions_proxy(issuer, how, monkeypatch):
    seen = []

    async def listen(_, writer):
        seen.append(1)
        writer.close()

    for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    async with await asyncio.start_server(listen, "127.0.0.1", 0) as proxy:
        address = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        monkeypatch.setenv("http_proxy", address)
        options = {"trust_env": True} if how == "environment" else {"proxy": address}
        async with aiohttp.ClientSession(**options) as session:
            await _refresh(AuthorizationServer(issuer.url, session))
    assert (len(issuer.asked), seen) == (1, [])


@asynccontextmanager
async def _dying_server(end):
    """Refuse POST with 405 on a connection that stays open, and end each GET in the way given."""
    seen = []

    async def serve(reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                verb = head.split(b" ", 1)[0].decode()
                seen.append(verb)
                if verb == "GET":
                    end(writer)
                    break
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


@pytest.mark.parametrize("own_session", [True, False], ids=["fresh connection", "reused connection"])
@pytest.mark.parametrize(
    "end",
    [
        lambda _: None,
        lambda writer: writer.transport.abort(),
        lambda writer: writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"),
        lambda writer: writer.write(b"HTTP/1.1 200 "),
        lambda writer: writer.write(b"garbage\r\n\r\n"),
    ],
    ids=["closed", "reset", "cut off", "cut off in the head", "garbage"],
)
async def test_a_get_whose_answer_is_lost_is_not_sent_again(own_session, end, everything_said):
    async with _dying_server(end) as (url, seen), aiohttp.ClientSession() as session:
        with pytest.raises(TokenRefreshFailed) as caught:
            await _refresh(AuthorizationServer(url, None if own_session else session))
    assert seen == ["POST", "GET"]
    assert caught.value.__context__ is None
    assert "canary" not in everything_said(caught.value)


def test_the_authorization_server_has_to_be_https_unless_it_is_this_host():
    assert AuthorizationServer().base_url == "https://oauth.bitrix.info"
    assert "canary" not in repr(AuthorizationServer("http://127.0.0.1:8080"))
    with pytest.raises(InvalidPortalUrl, match="http://"):
        AuthorizationServer("http://oauth.bitrix.info")


@pytest.mark.parametrize("make", [authorize_url, OAuthAuth.authorize_url])
def test_the_authorization_page_is_on_the_portal_and_its_parameters_are_quoted(make):
    assert make("acme.bitrix24.com", "local.app") == "https://acme.bitrix24.com/oauth/authorize/?client_id=local.app"
    assert (
        make("https://acme.bitrix24.com/rest/", "a&b", "s t")
        == "https://acme.bitrix24.com/oauth/authorize/?client_id=a%26b&state=s+t"
    )
