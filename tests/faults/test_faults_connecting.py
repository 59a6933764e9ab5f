"""Rows of the matrix in which the connection never comes to be, or ends without a word."""

import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bitrix_chat import OutcomeUnknown, PortalUnreachable, WebhookAuth
from bitrix_chat.portal import Portal
from bitrix_chat.testing import on_virtual_clock
from tests.faults.matrix import Seen, row
from tests.faults.proxy import Proxy
from tests.faults.trouble import Moment, Trouble


class _Nameless(AbstractResolver):
    """Knows no name at all."""

    def __init__(self):
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family=socket.AF_INET) -> list[ResolveResult]:
        self.asked += 1
        raise OSError(socket.EAI_NONAME, "Name or service not known")

    async def close(self) -> None:
        """Hold nothing to let go of."""


@row(1, fault="no such name", expected="NOT_SENT", executions=0)
@on_virtual_clock
async def test_a_name_that_does_not_resolve_is_asked_for_five_times_at_most(seen: Seen):
    resolver = _Nameless()
    connector = aiohttp.TCPConnector(resolver=resolver)
    async with Portal() as portal, aiohttp.ClientSession(connector=connector) as session:
        webhook = WebhookAuth("https://portal.example/rest/1/canary0123456789/")
        async with portal.client(webhook, session=session) as b24:
            with pytest.raises(PortalUnreachable, match=r"portal\.example") as raised:
                await b24.im.chat.add(title="Shelf")
        assert 1 < resolver.asked <= 5
        seen(raised.value, executions=portal.hits)


@row(2, fault="connection refused", expected="NOT_SENT", executions=0)
@on_virtual_clock
async def test_a_refused_connection_sends_nothing(seen: Seen):
    async with Portal() as portal:
        async with Proxy(portal.url) as proxy:
            closed = proxy.url_of(portal.webhook_url)
        async with portal.client(WebhookAuth(closed)) as b24:
            with pytest.raises(PortalUnreachable, match=r"127\.0\.0\.1") as raised:
                await b24.im.chat.add(title="Shelf")
        seen(raised.value, executions=portal.executions["im.chat.add"])


@row(9, fault="reset after the whole body", expected="UNKNOWN", executions=1)
async def test_a_reset_after_the_whole_body_is_never_repeated_without_a_key(portal: Portal, proxy: Proxy, seen: Seen):
    proxy.add(Trouble(moment=Moment.REQUEST))
    async with portal.client(WebhookAuth(proxy.url_of(portal.webhook_url))) as b24:
        with pytest.raises(OutcomeUnknown) as raised:
            await b24.im.chat.add(title="Shelf")
    assert raised.value.method == "im.chat.add"
    seen(raised.value, executions=portal.executions["im.chat.add"])
