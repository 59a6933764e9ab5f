"""Row 53: whatever a callback or an answer names, codes and the client secret go to the configured server alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from yarl import URL

from bitrix_chat import (
    BitrixError,
    InvalidPortalUrl,
    MemoryTokenStore,
    OAuthAuth,
    Outcome,
    PortalMismatch,
    TokenRefreshFailed,
)
from bitrix_chat.auth import AuthorizationServer
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.transport.raw_servers import server


class Stranger:
    """Listens, answers nothing, and counts."""

    def __init__(self):
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.read()


@asynccontextmanager
async def logging_in() -> AsyncIterator[tuple[Portal, URL]]:
    """A portal, which is its own authorization server, and a stranger who gets nothing."""
    stranger = Stranger()
    async with Portal(plan=PortalPlan.UNLIMITED) as portal, server(stranger) as evil:
        yield portal, evil
        await asyncio.sleep(1)
        assert stranger.connections == 0


def callback_of(portal: Portal, **forged: str) -> dict[str, str]:
    """Return what the browser brings back to the application, some of it forged."""
    genuine = {"code": portal.authorize(), "state": "shelf", "domain": urlsplit(portal.url).netloc}
    query = urlencode({**genuine, "member_id": portal.oauth.member_id, "server_domain": "oauth.example", **forged})
    return {name: values[0] for name, values in parse_qs(query).items()}


async def logged_in(portal: Portal, code: str, store: MemoryTokenStore, /, **options: Any) -> OAuthAuth:
    """Exchange a code at the configured server."""
    grant = portal.oauth
    return await OAuthAuth.from_code(
        grant.client_id,
        grant.client_secret,
        code,
        store=store,
        authorization_server=portal.authorization_server,
        **options,
    )


async def refused(portal: Portal, kind: type[BitrixError], /, **options: Any) -> BitrixError:
    """Log in by a genuine code, and assert that it fails and that nothing was saved."""
    store = MemoryTokenStore()
    with pytest.raises(kind) as raised:
        await logged_in(portal, portal.authorize(), store, **options)
    assert await store.load() is None
    return raised.value


def answering(portal: Portal, /, **forged: Any) -> None:
    """Have the authorization server name something else in its next answer."""
    pair = {"access_token": "emulated00000000000a", "refresh_token": "emulated00000000000b", "expires_in": 3600}
    endpoints = {"client_endpoint": portal.oauth.client_endpoint, "server_endpoint": portal.oauth.server_endpoint}
    portal.faults.add(Fault(method="oauth/token", body={**pair, **endpoints, **forged}))


def test_the_server_is_bitrix24s_unless_another_is_configured():
    assert AuthorizationServer().base_url == "https://oauth.bitrix.info"


@row(53, fault="callback with forged addresses, portal known", expected="DONE", executions=1)
@on_virtual_clock
async def test_what_a_callback_names_changes_nothing_where_the_portal_is_known(seen: Seen):
    async with logging_in() as (portal, evil):
        place, store = f"{evil.host}:{evil.port}", MemoryTokenStore()
        callback = callback_of(portal, domain=place, server_domain=place)
        auth = await logged_in(portal, callback["code"], store, portal=portal.url)
        async with portal.client(auth) as b24:
            call = b24.im.chat.add(title="Shelf")
            assert await call in portal.chats

        assert [asked.grant_type for asked in portal.token_requests] == ["authorization_code"]
        saved = await store.load()
        assert saved is not None
        assert saved.client_endpoint == portal.oauth.client_endpoint
        seen(call.outcome, executions=portal.executions["im.chat.add"])


@row(53, fault="callback with a forged domain, taken as a hint", expected="REFUSED", executions=0)
@on_virtual_clock
async def test_a_forged_domain_that_is_passed_on_fails_by_the_answer_and_gets_nothing(seen: Seen):
    async with logging_in() as (portal, evil):
        callback = callback_of(portal, domain=f"{evil.host}:{evil.port}")
        error = await refused(portal, PortalMismatch, portal=f"http://{callback['domain']}/")
        assert str(evil.port) in str(error)
        assert "nothing was kept" in str(error)
        seen(error, executions=portal.hits)


FOREIGN: Final = {
    "another portal": ("https://stranger.example/rest/", "https://acme.bitrix24.example"),
    "another portal of the cloud": ("https://stranger.bitrix24.example/rest/", "acme.bitrix24.example"),
    "another port": ("https://acme.bitrix24.example:8443/rest/", "acme.bitrix24.example"),
    "a name that begins alike": ("https://acme.bitrix24.example.stranger.example/rest/", "acme.bitrix24.example"),
    "an IP address": ("https://192.0.2.7/rest/", "acme.bitrix24.example"),
    "an IP address, no portal named": ("https://169.254.169.254/rest/", None),
}


@row(53, fault="code of another portal", expected="REFUSED", executions=0)
@pytest.mark.parametrize("case", FOREIGN)
@on_virtual_clock
async def test_a_code_of_another_portal_than_the_login_was_begun_at_is_not_kept(seen: Seen, case: str):
    endpoint, begun_at = FOREIGN[case]
    async with logging_in() as (portal, _):
        answering(portal, client_endpoint=endpoint)
        error = await refused(portal, PortalMismatch, portal=begun_at)
        seen(error, executions=portal.hits)


NO_PORTAL: Final = {
    "plain http": "http://acme.bitrix24.example/rest/",
    "a user name": "https://acme.bitrix24.example@stranger.example/rest/",
    "a path": "https://acme.bitrix24.example/rest/../shelf/",
    "a query": "https://acme.bitrix24.example/rest/?shelf=1",
    "nothing": "",
    "no text": 5,
    "white space": "https://acme.bitrix24.example /rest/",
}


@row(53, fault="answer that names no portal", expected="REFUSED_TEMPORARY", executions=0)
@pytest.mark.parametrize("case", NO_PORTAL)
@on_virtual_clock
async def test_an_answer_that_names_no_portals_address_is_no_token_pair(seen: Seen, case: str):
    async with logging_in() as (portal, _):
        answering(portal, client_endpoint=NO_PORTAL[case])
        error = await refused(portal, TokenRefreshFailed)
        seen(error, executions=portal.hits)


@row(53, fault="answer that names another server", expected="DONE", executions=1)
@on_virtual_clock
async def test_the_server_that_an_answer_names_is_never_asked(seen: Seen):
    async with logging_in() as (portal, evil):
        elsewhere = f"http://{evil.host}:{evil.port}"
        answering(portal, server_endpoint=f"{elsewhere}/rest/", domain=f"{evil.host}:{evil.port}")
        grant, store = portal.oauth, MemoryTokenStore()
        auth = await logged_in(portal, portal.authorize(), store, portal=portal.url)
        answering(
            portal,
            access_token=grant.access_token,
            server_endpoint=f"{elsewhere}/rest/",
            domain=f"{evil.host}:{evil.port}",
        )
        async with portal.client(auth) as b24:
            portal.faults.add(Fault.expired_token())
            call = b24.im.chat.add(title="Shelf")
            assert await call in portal.chats

        assert len(portal.faults) == 0  # the renewal was asked of the configured server
        seen(call.outcome, executions=portal.executions["im.chat.add"])


@row(53, fault="authorization server redirects", expected="REFUSED_TEMPORARY", executions=0)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@on_virtual_clock
async def test_a_redirect_of_the_authorization_server_is_not_followed(seen: Seen, status: int):
    async with logging_in() as (portal, evil):
        location = f"http://{evil.host}:{evil.port}/oauth/token/"
        portal.faults.add(Fault(method="oauth/token", status=status, headers={"Location": location}))
        error = await refused(portal, TokenRefreshFailed, portal=portal.url)
        assert "redirects, which is not followed with a client secret" in str(error)
        assert portal.token_requests == []
        seen(error, executions=portal.hits)


WRONG: Final[dict[str, Callable[[URL], str]]] = {
    "plain http": lambda _: "http://acme.bitrix24.example/",
    "a user name": lambda evil: f"https://acme.bitrix24.example@{evil.host}:{evil.port}/",
    "a path": lambda _: "https://acme.bitrix24.example/shelf/",
}


@row(53, fault="domain that is none", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("case", WRONG)
@on_virtual_clock
async def test_a_hint_that_is_no_portals_address_does_not_spend_the_code(seen: Seen, case: str):
    async with logging_in() as (portal, evil):
        error = await refused(portal, InvalidPortalUrl, portal=WRONG[case](evil))
        assert portal.token_requests == []
        assert error.outcome is Outcome.NOT_SENT
        seen(error, executions=portal.hits)
