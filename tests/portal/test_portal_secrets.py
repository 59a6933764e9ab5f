"""Every secret of the emulator can be told wherever it turns up, and none can be guessed."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from bitrix_chat.portal.secrets import new_secret

RECOGNISABLE = re.compile(r"emulated[0-9a-f]{12,}")


@pytest.mark.parametrize("kind", ["client_secret", "access_token", "refresh_token"])
async def test_what_an_application_holds_is_recognisable(portal, kind):
    assert RECOGNISABLE.fullmatch(getattr(portal.oauth, kind))


async def test_a_renewed_pair_is_recognisable_too(portal, session):
    held = portal.oauth
    form = {"grant_type": "refresh_token", "refresh_token": held.refresh_token}
    form |= {"client_id": held.client_id, "client_secret": held.client_secret}
    async with session.post(portal.authorization_server + "/oauth/token/", data=form) as response:
        renewed = await response.json()
    assert RECOGNISABLE.fullmatch(renewed["access_token"])
    assert renewed["access_token"] != held.access_token
    assert RECOGNISABLE.fullmatch(renewed["refresh_token"])


async def test_webhooks_and_codes_are_recognisable(portal):
    for url in (portal.webhook_url, portal.add_webhook()):
        assert RECOGNISABLE.fullmatch(url.split("/")[-2])
    assert RECOGNISABLE.fullmatch(portal.authorize())


async def test_a_signed_link_holds_a_recognisable_signature(ask):
    bot = await ask.bot()
    chat = (await ask("imbot.v2.Chat.add", bot)).result["chat"]
    fields = {"name": "notes.txt", "content": "bm90ZXM="}
    sent = await ask("imbot.v2.File.upload", bot | {"dialogId": chat["dialogId"], "fields": fields})
    link = (await ask("imbot.v2.File.download", bot | {"fileId": sent.result["file"]["id"]})).result["downloadUrl"]
    token = parse_qs(urlsplit(link).query)["token"][0]
    assert RECOGNISABLE.fullmatch(token.rpartition("|")[2])


def test_no_two_secrets_are_alike():
    assert len({new_secret(12) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("length", [12, 13])
def test_a_secret_has_as_many_digits_as_wanted(length):
    assert re.fullmatch(rf"emulated[0-9a-f]{{{length}}}", new_secret(length))
