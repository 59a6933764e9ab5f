"""What the requests say is what a portal hears, over real sockets, by webhook and by token."""

import contextlib

import pytest

from bitrix_chat import AccessTokenAuth, BitrixChat, RestError, WebhookAuth
from tests.conformance.catalogue import examples
from tests.conformance.signatures import call, flat

HEARD = ("imbot.v2.Chat.add", "imbot.v2.Chat.TextField.enabled", "im.chat.add", "im.chat.mute")


@pytest.mark.parametrize("transport", ["webhook", "oauth"])
@pytest.mark.parametrize("name", HEARD)
async def test_a_portal_hears_the_body_of_the_page(name, transport, portal, unlimited):
    (body,) = [example["body"] for example in examples(name, "request") if example["transport"] == transport]
    auth = WebhookAuth(portal.webhook_url)
    if transport == "oauth":
        auth = AccessTokenAuth(portal.oauth.client_endpoint, portal.oauth.access_token)
        body = {**body, "auth": portal.oauth.access_token}
    async with BitrixChat(auth, limiter=unlimited, retry=None, allow_insecure_loopback=True) as b24:
        with contextlib.suppress(RestError):  # the page's bot and chat are not here, as the portal says after hearing
            await call(name, flat(name, {key: value for key, value in body.items() if key != "auth"}), b24)
    (heard,) = portal.requests
    assert (heard.method, heard.transport, heard.params) == (name, transport, body)
