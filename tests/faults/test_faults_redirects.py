"""Rows 48 and 49: a renamed portal is followed to where that was agreed, and no secret goes anywhere else.

The portal stands at `https://acme.bitrix24.com:<port>`: its certificate has that name, and the resolver of the
caller's session knows it, and every other name, as this machine. Whoever else listens here counts what reaches them.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bitrix_chat import (
    BitrixChat,
    BitrixError,
    DeadlineExceeded,
    OAuthAuth,
    Outcome,
    Token,
    UntrustedRedirect,
    WebhookAuth,
)
from bitrix_chat.portal import Fault, Portal
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.transport.raw_servers import server

OLD: Final = "acme.bitrix24.com"
NEW: Final = "acme-new.bitrix24.com"
ON_PREMISE: Final = "portal.example"
STATUSES: Final = (301, 302, 307, 308)


class _ThisMachine(AbstractResolver):
    """Knows every name as this machine, and remembers what it was asked for."""

    def __init__(self):
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family=socket.AF_INET) -> list[ResolveResult]:
        self.asked.append(host)
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Hold nothing to let go of."""


class Stranger:
    """Listens, answers nothing, and counts."""

    def __init__(self):
        self.connections = 0
        self.received = b""

    async def __call__(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        self.connections += 1
        while piece := await reader.read(65536):
            self.received += piece


class Cloud:
    """A portal by its names, and a session that finds it there."""

    def __init__(self, portal: Portal, session: aiohttp.ClientSession, resolver: _ThisMachine):
        self.portal = portal
        self.resolver = resolver
        self._session = session
        self.port = urlsplit(portal.url).port

    def at(self, host: str) -> str:
        return f"https://{host}:{self.port}"

    def webhook_path(self) -> str:
        return urlsplit(self.portal.webhook_url).path

    def client(self, host: str = OLD, *, oauth: bool = False, **options: Any) -> BitrixChat:
        """Return a client of the portal by one of its names, by webhook or as an application."""
        auth = self._application(host) if oauth else WebhookAuth(self.at(host) + self.webhook_path())
        return BitrixChat(auth, session=self._session, **options)

    def _application(self, host: str) -> OAuthAuth:
        grant = self.portal.oauth
        token = Token(grant.access_token, grant.refresh_token, f"{self.at(host)}/rest/")
        return OAuthAuth(grant.client_id, grant.client_secret, token, authorization_server=self.portal.url)


def _certified(portal: Portal, *names: str) -> ssl.SSLContext:
    """Let the portal's own authority certify names, and return what trusts it."""
    authority = portal._certificates
    assert authority is not None
    authority._certificate = authority._authority.issue_cert(*names)
    return portal.ssl_context()


@asynccontextmanager
async def cloud() -> AsyncIterator[Cloud]:
    portal, resolver = Portal(plan=PortalPlan.UNLIMITED, tls=True), _ThisMachine()
    trust = _certified(portal, OLD, NEW, ON_PREMISE)
    connector = aiohttp.TCPConnector(ssl=trust, resolver=resolver)
    async with portal, aiohttp.ClientSession(connector=connector) as session:
        yield Cloud(portal, session, resolver)


@row(48, fault="renamed within the cloud", expected="REFUSED_TEMPORARY -> DONE", executions=1)
@pytest.mark.parametrize("key", [None, "shelf-1"], ids=["no key", "key"])
@pytest.mark.parametrize("oauth", [False, True], ids=["webhook", "application"])
@on_virtual_clock
async def test_a_portal_renamed_within_the_cloud_is_followed_by_a_post_and_kept(seen: Seen, oauth, key: str | None):
    moves: list[tuple[str, str]] = []
    before: list[Outcome] = []

    async def look(_: object) -> None:
        before.append(call.outcome)

    async with cloud() as acme:
        acme.portal.rename(acme.at(NEW))
        async with acme.client(oauth=oauth, departing=look, on_move=lambda *hosts: moves.append(hosts)) as b24:
            call = b24.im.chat.add(title="Shelf", key=key, key_is_new=key is not None)
            chat_id = await call
            first, acme.resolver.asked = acme.resolver.asked, []
            await b24.profile()

            (chat,) = acme.portal.chats.values()
            assert (chat.id, chat.title) == (chat_id, "Shelf")  # its parameters came along: it was a POST
            assert [received.status for received in acme.portal.requests] == [302, 200, 200]
            assert moves == [(f"{OLD}:{acme.port}", f"{NEW}:{acme.port}")]
            assert (set(first), OLD in acme.resolver.asked) == ({OLD, NEW}, False)
            assert before[0] is Outcome.NOT_SENT
            seen(before[1], call.outcome, executions=acme.portal.executions["im.chat.add"])


@row(48, fault="renamed, and the call fails there", expected="REFUSED", executions=0)
@on_virtual_clock
async def test_an_address_is_kept_only_once_a_call_succeeded_there(seen: Seen):
    moves: list[tuple[str, str]] = []
    async with cloud() as acme, acme.client(on_move=lambda *hosts: moves.append(hosts)) as b24:
        acme.portal.rename(acme.at(NEW))
        acme.portal.faults.add(Fault(method="im.chat.add", status=400, body={"error": "WRONG_REQUEST"}))
        with pytest.raises(BitrixError, match="WRONG_REQUEST") as raised:
            await b24.im.chat.add(title="Shelf")
        executed = acme.portal.executions["im.chat.add"]
        assert moves == []

        acme.portal.rename(None)
        hits = acme.portal.hits
        await b24.im.chat.add(title="Shelf")
        assert acme.portal.hits == hits + 1  # it went to the old address, and was served there
        assert moves == []
        seen(raised.value, executions=executed)


@row(48, fault="renamed, on this machine", expected="DONE", executions=1)
@pytest.mark.parametrize("status", STATUSES)
@on_virtual_clock
async def test_a_move_outside_the_cloud_is_followed_where_the_caller_accepts_it(seen: Seen, status: int):
    asked: list[tuple[str, str]] = []

    def accept(*hosts: str) -> bool:
        asked.append(hosts)
        return True

    async with Portal(plan=PortalPlan.UNLIMITED) as portal, portal.client(accept_move=accept) as b24:
        elsewhere = portal.webhook_url.replace("127.0.0.1", "localhost")
        portal.faults.add(Fault(status=status, headers={"Location": f"{elsewhere}im.chat.add"}))
        call = b24.im.chat.add(title="Shelf")
        assert await call in portal.chats

        assert [chat.title for chat in portal.chats.values()] == ["Shelf"]
        assert asked == [(urlsplit(portal.url).netloc, urlsplit(elsewhere).netloc)]
        seen(call.outcome, executions=portal.executions["im.chat.add"])


LOCATIONS: Final = {
    "another host": "https://stranger.example:{evil}{path}",
    "another host, without a scheme": "//stranger.example:{evil}{path}",
    "a name that begins like ours": "https://acme.bitrix24.com.stranger.example:{evil}{path}",
    "our name as a path": "https://stranger.example/acme.bitrix24.com:{evil}{path}",
    "a cloud's name one level deeper": "https://stranger.acme.bitrix24.com:{evil}{path}",
    "a site of the cloud's builder": "https://acme.bitrix24.site:{evil}{path}",
    "the cloud's bare domain": "https://bitrix24.com:{evil}{path}",
    "a letter that looks like ours": "https://acme.bitrix24.c\u043em:{evil}{path}",
    "plain http": "http://acme-new.bitrix24.com:{evil}{path}",
    "plain http to the same host": "http://acme.bitrix24.com:{evil}{path}",
    "an IPv4 address": "https://127.0.0.1:{evil}{path}",
    "an IPv4 address as a number": "https://2130706433:{evil}{path}",
    "an IPv6 address": "https://[::ffff:127.0.0.1]:{evil}{path}",
    "plain http to this machine": "http://localhost:{evil}{path}",
    "the same host, another port": "https://acme.bitrix24.com:{evil}{path}",
    "another cloud host, another port": "https://acme-new.bitrix24.com:{evil}{path}",
    "a user name of our host": "https://acme.bitrix24.com@stranger.example:{evil}{path}",
    "a user name for a cloud host": "https://shelf@acme-new.bitrix24.com:{evil}{path}",
    "a backslash before the host": "https://stranger.example:{evil}\\@acme-new.bitrix24.com{path}",
    "a tab within the name": "https://acme-new.bitrix24.com\t.stranger.example:{evil}{path}",
    "itself": "https://acme.bitrix24.com:{port}{path}",
    "itself, without a host": "{path}",
    "another path of a cloud host": "https://acme-new.bitrix24.com:{port}/login/",
    "no host": "https:///rest/",
    "no port": "https://acme-new.bitrix24.com:shelf{path}",
    "another scheme": "ftp://acme-new.bitrix24.com:{evil}{path}",
    "a script": "javascript:alert(1)",
}


async def assert_refused(acme: Cloud, b24: BitrixChat, location: str, status: int) -> UntrustedRedirect:
    """Have a creation answered with a redirect, and assert that the caller hears of it and no request follows."""
    fault = Fault(method="im.chat.add", status=status, headers={"Location": location})
    acme.portal.faults.add(fault)
    hits, call = acme.portal.hits, b24.im.chat.add(title="Shelf")
    with pytest.raises(UntrustedRedirect) as raised:
        await call
    await asyncio.sleep(3)
    assert acme.portal.hits == hits + 1
    assert call.outcome is raised.value.outcome
    assert raised.value.method == "im.chat.add"
    return raised.value


@row(49, fault="redirect", expected="REFUSED", executions=0)
@pytest.mark.parametrize("case", LOCATIONS)
@on_virtual_clock
async def test_nothing_reaches_an_address_that_was_not_agreed(seen: Seen, case: str):
    stranger = Stranger()
    async with cloud() as acme, server(stranger) as evil:
        for oauth, root in ((False, acme.webhook_path()), (True, "/rest/")):
            async with acme.client(oauth=oauth) as b24:
                location = LOCATIONS[case].format(evil=evil.port, port=acme.port, path=f"{root}im.chat.add")
                error = await assert_refused(acme, b24, location, 308)
        assert set(acme.resolver.asked) == {OLD}
        assert (stranger.connections, stranger.received) == (0, b"")
        seen(error, executions=acme.portal.executions["im.chat.add"])


@row(49, fault="redirect of every status", expected="REFUSED", executions=0)
@pytest.mark.parametrize("status", STATUSES)
@on_virtual_clock
async def test_a_redirect_is_refused_by_every_status_and_named_by_its_host(seen: Seen, status: int):
    stranger = Stranger()
    async with cloud() as acme, server(stranger) as evil, acme.client() as b24:
        location = f"https://stranger.example:{evil.port}{acme.webhook_path()}im.chat.add"
        error = await assert_refused(acme, b24, location, status)
        assert error.location == "stranger.example"
        assert "nothing was sent there" in str(error)
        assert stranger.connections == 0
        seen(error, executions=acme.portal.executions["im.chat.add"])


@row(49, fault="redirect of a portal outside the cloud", expected="REFUSED", executions=0)
@pytest.mark.parametrize("host", [NEW, "new.portal.example"])
@on_virtual_clock
async def test_a_portal_outside_the_cloud_moves_nowhere_unasked(seen: Seen, host: str):
    stranger = Stranger()
    async with cloud() as acme, server(stranger) as evil, acme.client(ON_PREMISE) as b24:
        error = await assert_refused(acme, b24, f"https://{host}:{evil.port}{acme.webhook_path()}im.chat.add", 302)
        assert "which nobody has agreed to" in str(error)
        assert stranger.connections == 0
        seen(error, executions=acme.portal.executions["im.chat.add"])


@row(49, fault="redirects in a circle", expected="REFUSED", executions=0)
@on_virtual_clock
async def test_a_circle_of_redirects_is_left_after_the_first(seen: Seen):
    async with cloud() as acme, acme.client(accept_move=lambda *_: True) as b24:
        for host in (NEW, OLD, NEW, OLD):
            location = f"{acme.at(host)}{acme.webhook_path()}im.chat.add"
            acme.portal.faults.add(Fault(method="im.chat.add", status=302, headers={"Location": location}))
        with pytest.raises(UntrustedRedirect, match="redirects once more") as raised:
            await b24.im.chat.add(title="Shelf")
        assert acme.portal.hits == 2
        seen(raised.value, executions=acme.portal.executions["im.chat.add"])


@row(49, fault="redirect that the caller accepts by mistake", expected="REFUSED_TEMPORARY", executions=0)
@on_virtual_clock
async def test_without_a_certificate_an_accepted_host_gets_a_handshake_and_no_secret(seen: Seen):
    """It also shows that a stranger does count what reaches it."""
    stranger = Stranger()
    async with cloud() as acme, server(stranger) as evil:
        async with acme.client(accept_move=lambda *_: True, timeout=5) as b24:
            location = f"https://stranger.example:{evil.port}{acme.webhook_path()}im.chat.add"
            acme.portal.faults.add(Fault(method="im.chat.add", status=302, headers={"Location": location}))
            call = b24.im.chat.add(title="Shelf")
            with pytest.raises(DeadlineExceeded) as raised:
                await call
        assert stranger.connections > 0
        assert b"emulated" not in stranger.received
        seen(raised.value, executions=acme.portal.executions["im.chat.add"])
