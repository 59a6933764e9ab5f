"""TLS over a caller's session: verified whatever its connector says, and a proxy's password told to the proxy alone."""

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256

import aiohttp
import pytest
import trustme
from yarl import URL

from bitrix_chat import BitrixChat, WebhookAuth
from bitrix_chat.auth import AuthorizationServer, OAuthAuth
from bitrix_chat.errors import TokenRefreshFailed, UntrustedCertificate
from bitrix_chat.transport.fetching import Leaving
from bitrix_chat.transport.wire import Wire
from tests.transport.raw_servers import answering, server, whole_request

PROXY_PASSWORD = "canary-proxy-password"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def portal(authority) -> AsyncIterator[URL]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with server(answering(b"{}"), tls=context) as url:
        yield url


@pytest.fixture
def trusting(authority) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def without_verification() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def without_names(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.check_hostname = False
    return context


@pytest.fixture(params=["ssl=False", "no verification", "no check of names"])
def careless(request, authority) -> Iterator[ssl.SSLContext | bool]:
    if request.param == "ssl=False":
        yield False
    elif request.param == "no verification":
        yield without_verification()
    else:
        yield without_names(authority)


@contextlib.asynccontextmanager
async def session_with(*, trust: ssl.SSLContext | aiohttp.Fingerprint | bool, **options) -> AsyncIterator:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), **options) as session:
        yield session


async def get(wire: Wire, url: URL) -> bytes:
    async with wire.get(url, Leaving()) as download:
        return b"".join([piece async for piece in download.pieces])


async def test_a_session_without_verification_is_warned_of_and_does_not_spare_a_portal_its_proof(portal, careless):
    async with session_with(trust=careless) as session:
        with pytest.warns(RuntimeWarning, match="does not verify certificates") as warned:
            wire = Wire(session)
        with pytest.raises(UntrustedCertificate):
            await wire.post(portal, b"{}", lambda: None)
        with pytest.raises(UntrustedCertificate):
            await get(wire, portal)
        await wire.close()

    assert len(warned) == 1


async def test_the_warning_points_at_whoever_makes_the_client():
    async with session_with(trust=False) as session:
        with pytest.warns(RuntimeWarning) as warned:
            BitrixChat(WebhookAuth("https://portal.example/rest/1/canary-webhook-secret/"), session=session)

    assert warned[0].filename == __file__


@pytest.mark.parametrize("is_pooled", [False, True])
async def test_a_context_that_is_loosened_later_is_not_relied_on(portal, trusting, is_pooled):
    """It is asked anew before each request, and connections that were made by it stay unused."""
    async with session_with(trust=trusting) as session:
        wire = Wire(session)
        if is_pooled:
            assert (await wire.post(portal, b"{}", lambda: None)).body == b"{}"
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        with pytest.raises(UntrustedCertificate):
            await wire.post(portal, b"{}", lambda: None)
        with pytest.raises(UntrustedCertificate):
            await get(wire, portal)
        await wire.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda session: AuthorizationServer(session=session),
        lambda session: OAuthAuth("app.1", "canary-client-secret", session=session),
    ],
    ids=["server", "strategy"],
)
async def test_the_warning_of_a_session_for_tokens_points_at_whoever_lends_it(make):
    async with session_with(trust=False) as session:
        with pytest.warns(RuntimeWarning, match="does not verify certificates") as warned:
            make(session)

    assert [warning.filename for warning in warned] == [__file__]


async def test_connections_that_the_caller_made_without_verification_are_not_used(portal):
    async with session_with(trust=False) as session:
        async with session.post(portal, data=b"{}") as response:
            assert response.status == 200
        with pytest.warns(RuntimeWarning):
            wire = Wire(session)
        with pytest.raises(UntrustedCertificate):
            await wire.post(portal, b"{}", lambda: None)


async def test_a_client_secret_goes_to_nobody_who_proves_nothing(portal, careless):
    async with session_with(trust=careless) as session:
        with pytest.warns(RuntimeWarning, match="does not verify certificates"):
            authorization = AuthorizationServer(str(portal.origin()), session)
        with pytest.raises(TokenRefreshFailed, match="Certificate"):
            await authorization.refresh("app.1", "canary", "canary")


async def test_a_callers_own_authority_is_trusted_without_a_warning(portal, trusting):
    async with session_with(trust=trusting) as session:
        wire = Wire(session)
        assert (await wire.post(portal, b"{}", lambda: None)).body == b"{}"
        assert await get(wire, portal) == b"{}"


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_pinned_certificate_stays_pinned(authority, is_right):
    certificate = authority.issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    fingerprint = aiohttp.Fingerprint(sha256(der if is_right else b"another").digest())

    async with server(answering(b"{}"), tls=context) as url, session_with(trust=fingerprint) as session:
        wire = Wire(session)
        if is_right:
            assert (await wire.post(url, b"{}", lambda: None)).body == b"{}"
        else:
            with pytest.raises(UntrustedCertificate, match="another fingerprint"):
                await wire.post(url, b"{}", lambda: None)


class Tunnel:
    """A proxy that takes CONNECT and passes on what it cannot read."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await whole_request(reader))
        host, _, port = self.heads[-1].split()[1].decode().partition(":")
        there, onward = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            await asyncio.gather(self._pass(reader, onward), self._pass(there, writer))
        finally:
            onward.close()
            with contextlib.suppress(OSError):
                await onward.wait_closed()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            target.write(data)
        target.close()


def by_session_option(proxy: URL) -> dict[str, object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return {"proxy": proxy, "proxy_auth": aiohttp.BasicAuth("service", PROXY_PASSWORD)}


def by_header(proxy: URL) -> dict[str, object]:
    return {"proxy": proxy, "headers": {"Proxy-Authorization": f"Bearer {PROXY_PASSWORD}"}}


@pytest.mark.parametrize("how", [by_session_option, by_header])
@pytest.mark.filterwarnings("ignore:The 'proxy_auth' parameter is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
async def test_a_proxys_password_reaches_the_proxy_and_not_the_portal_behind_it(authority, trusting, how):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    heads: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await whole_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")

    tunnel = Tunnel()
    async with (
        server(script, tls=context) as url,
        server(tunnel) as proxy,
        session_with(trust=trusting, **how(proxy.origin())) as session,
    ):
        wire = Wire(session)
        await wire.post(url, b"{}", lambda: None)
        await get(wire, url)
        await wire.close()

    assert [head.split()[0] for head in tunnel.heads] == [b"CONNECT", b"CONNECT"]
    assert all(b"Proxy-Authorization: " in head for head in tunnel.heads)
    assert [head.split()[0] for head in heads] == [b"POST", b"GET"]
    assert not any(b"proxy-authorization" in head.lower() for head in heads)
