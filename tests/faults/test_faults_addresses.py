"""Rows 50 and 51: no secret leaves without https, and none to somebody who has not proven to be the portal."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from bitrix_chat import (
    AccessTokenAuth,
    BitrixChat,
    Credentials,
    InsecureUrl,
    MemoryTokenStore,
    OAuthAuth,
    Outcome,
    Token,
    TokenRefreshFailed,
    UntrustedCertificate,
    WebhookAuth,
)
from bitrix_chat.auth import AuthorizationServer
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row

CANARY: Final = "canary0123456789"
PLAIN: Final = "http://portal.example"


def installed(endpoint: str) -> Token:
    return Token(CANARY, CANARY, endpoint)


INSECURE: Final[dict[str, Callable[[], object]]] = {
    "webhook": lambda: WebhookAuth(f"{PLAIN}/rest/1/{CANARY}/"),
    "webhook of an IP address": lambda: WebhookAuth(f"http://192.0.2.7/rest/1/{CANARY}/"),
    "webhook of a name like loopback": lambda: WebhookAuth(f"http://localhost.portal.example/rest/1/{CANARY}/"),
    "webhook in capitals": lambda: WebhookAuth(f"HTTP://PORTAL.EXAMPLE/rest/1/{CANARY}/"),
    "access token": lambda: AccessTokenAuth(PLAIN, CANARY),
    "token pair": lambda: installed(f"{PLAIN}/rest/"),
    "credentials": lambda: Credentials(f"{PLAIN}/rest/", CANARY),
    "authorization server": lambda: AuthorizationServer(PLAIN),
    "authorization page": lambda: OAuthAuth.authorize_url(PLAIN, "local.shelf"),
    "environment": lambda: BitrixChat.from_env({"BITRIX24_WEBHOOK_URL": f"{PLAIN}/rest/1/{CANARY}/"}),
}


@row(50, fault="http:// at construction", expected="NOT_SENT")
@pytest.mark.parametrize("make", INSECURE.values(), ids=INSECURE)
def test_plain_http_is_refused_where_the_address_is_given(seen: Seen, make: Callable[[], object]):
    with pytest.raises(InsecureUrl, match="http://") as raised:
        make()
    assert CANARY not in str(raised.value)
    seen(raised.value)


LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


@row(50, fault="http:// to loopback, not allowed", expected="NOT_SENT")
@pytest.mark.parametrize("host", LOOPBACK)
def test_this_very_machine_is_no_exception_unless_the_client_allows_it(seen: Seen, host: str):
    auths = [
        WebhookAuth(f"http://{host}:8080/rest/1/{CANARY}/"),
        AccessTokenAuth(f"http://{host}:8080", CANARY),
        OAuthAuth("local.shelf", CANARY, installed(f"http://{host}:8080/rest/")),
    ]
    for auth in auths:
        with pytest.raises(InsecureUrl, match="allow_insecure_loopback=True") as raised:
            BitrixChat(auth)
        assert BitrixChat(auth, allow_insecure_loopback=True)
        seen(raised.value)


class OfOnesOwn:
    """A strategy that tells no client beforehand where it leads."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    async def credentials(self) -> Credentials:
        return Credentials(self._endpoint, CANARY)

    async def renew(self, rejected: Credentials) -> Credentials:
        raise AssertionError


@row(50, fault="http:// that turns up later", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("source", ["strategy", "store"])
@on_virtual_clock
async def test_an_address_that_turns_up_later_is_refused_before_anything_leaves(seen: Seen, source: str):
    async with Portal() as portal:
        endpoint = f"{portal.url}/rest/"
        store = MemoryTokenStore()
        await store.save(installed(endpoint))
        auth = OfOnesOwn(endpoint) if source == "strategy" else OAuthAuth("local.shelf", CANARY, store=store)
        async with BitrixChat(auth) as b24:
            call = b24.im.chat.add(title="Shelf")
            with pytest.raises(InsecureUrl) as raised:
                await call
        assert call.outcome is Outcome.NOT_SENT
        assert portal.hits == 0
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(50, fault="http:// to loopback, allowed", expected="DONE", executions=1)
@on_virtual_clock
async def test_a_client_that_allows_it_may_talk_to_its_own_machine(seen: Seen):
    async with Portal() as portal, BitrixChat(WebhookAuth(portal.webhook_url), allow_insecure_loopback=True) as b24:
        call = b24.im.chat.add(title="Shelf")
        assert await call in portal.chats
        seen(call.outcome, executions=portal.executions["im.chat.add"])


def unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def nameless(portal: Portal) -> ssl.SSLContext:
    context = portal.ssl_context()
    context.check_hostname = False
    return context


CARELESS: Final[dict[str, Callable[[Portal], Any]]] = {
    "ssl=False": lambda _: False,
    "CERT_NONE": lambda _: unverified(),
    "no check of names": nameless,
}


@asynccontextmanager
async def secure() -> AsyncIterator[Portal]:
    """A portal by https, whose certificate only its own authority vouches for."""
    async with Portal(plan=PortalPlan.UNLIMITED, tls=True) as portal:
        yield portal


@asynccontextmanager
async def session_with(trust: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield session


def application(portal: Portal, session: aiohttp.ClientSession) -> OAuthAuth:
    grant = portal.oauth
    token = Token(grant.access_token, grant.refresh_token, grant.client_endpoint)
    return OAuthAuth(grant.client_id, grant.client_secret, token, authorization_server=portal.url, session=session)


async def refused(b24: BitrixChat) -> UntrustedCertificate:
    call = b24.im.chat.add(title="Shelf")
    with pytest.raises(UntrustedCertificate, match=r"127\.0\.0\.1: TLS failed") as raised:
        await call
    assert call.outcome is raised.value.outcome
    return raised.value


@row(51, fault="certificate of an unknown authority", expected="NOT_SENT", executions=0)
@on_virtual_clock
async def test_a_session_of_its_own_verifies_certificates(seen: Seen):
    async with secure() as portal, BitrixChat(WebhookAuth(portal.webhook_url)) as b24:
        error = await refused(b24)
        assert portal.hits == 0
        seen(error, executions=portal.executions["im.chat.add"])


@row(51, fault="session that verifies nothing", expected="NOT_SENT", executions=0)
@pytest.mark.parametrize("trust", CARELESS.values(), ids=CARELESS)
@on_virtual_clock
async def test_a_careless_session_is_warned_of_and_its_connections_are_verified_all_the_same(
    seen: Seen, trust: Callable[[Portal], Any]
):
    async with secure() as portal, session_with(trust(portal)) as session:
        with pytest.warns(RuntimeWarning, match="does not verify certificates"):
            b24 = BitrixChat(WebhookAuth(portal.webhook_url), session=session)
        async with b24:
            error = await refused(b24)
        assert portal.hits == 0
        seen(error, executions=portal.executions["im.chat.add"])


@row(51, fault="session that verifies nothing, for tokens", expected="REFUSED_TEMPORARY", executions=0)
@pytest.mark.parametrize("trust", CARELESS.values(), ids=CARELESS)
@on_virtual_clock
async def test_a_careless_session_carries_no_client_secret_to_an_unproven_server(
    seen: Seen, trust: Callable[[Portal], Any]
):
    async with secure() as portal, session_with(trust(portal)) as careless, session_with(portal.ssl_context()) as good:
        portal.expire_tokens()
        with pytest.warns(RuntimeWarning, match="does not verify certificates"):
            auth = application(portal, careless)
        async with BitrixChat(auth, session=good) as b24:
            with pytest.raises(TokenRefreshFailed, match="no answer from the authorization server") as raised:
                await b24.im.chat.add(title="Shelf")
        assert portal.token_requests == []
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(51, fault="certificate of the portal's own authority", expected="DONE", executions=1)
@pytest.mark.parametrize("oauth", [False, True], ids=["webhook", "application"])
@on_virtual_clock
async def test_a_context_that_knows_the_authority_is_enough(seen: Seen, oauth, tmp_path: Path):
    async with secure() as portal:
        portal.expire_tokens()
        context = ssl.create_default_context(cafile=portal.ca_file(tmp_path / "authority.pem"))
        async with session_with(context) as session:
            auth = application(portal, session) if oauth else WebhookAuth(portal.webhook_url)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                b24 = BitrixChat(auth, session=session)
            async with b24:
                call = b24.im.chat.add(title="Shelf")
                assert await call in portal.chats
        assert len(portal.token_requests) == int(oauth)
        await asyncio.sleep(0)
        seen(call.outcome, executions=portal.executions["im.chat.add"])
