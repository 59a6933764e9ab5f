"""Address and token are put to a request as it leaves, and neither is ever said."""

import contextlib
import logging
import traceback
from typing import Any

import pytest

from bitrix_chat.auth import Credentials
from bitrix_chat.errors import BotNotOwned, ConnectionLost, InvalidParameter, RestError
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.reference import ref
from bitrix_chat.rest.request import Request
from bitrix_chat.testing import ScriptedTransport
from bitrix_chat.transport.signing import Signing
from bitrix_chat.transport.wire import Reply

SECRET, TOKEN, BOT = "canarywebhook", "canary-access-token", "canary-bot-token"
WEBHOOK = Credentials(f"https://acme.bitrix24.example/rest/1/{SECRET}/")
OAUTH = Credentials("https://acme.bitrix24.example/rest/", TOKEN)


class FakeWire:
    """Answers every post with one reply and remembers what was posted."""

    def __init__(self, reply: Reply | Exception) -> None:
        self.reply = reply
        self.posted: list[tuple[str, bytes]] = []

    async def post(self, url: Any, body: bytes, on_write: Any) -> Reply:
        self.posted.append((str(url), body))
        on_write()
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


class Fixed:
    def __init__(self, credentials: Credentials) -> None:
        self.current = credentials

    async def credentials(self) -> Credentials:
        return self.current

    async def renew(self, rejected: Credentials) -> Credentials:
        return rejected


def signing(credentials: Credentials, reply: Reply | Exception) -> tuple[Signing, FakeWire]:
    wire = FakeWire(reply)
    return Signing(Fixed(credentials), wire), wire  # type: ignore[arg-type]


async def test_a_webhook_goes_into_the_address_and_a_token_into_the_body():
    reply = Reply(200, b'{"result":1}')
    for credentials, url, body in (
        (WEBHOOK, f"https://acme.bitrix24.example/rest/1/{SECRET}/im.chat.add", b'{"TITLE":"A"}'),
        (OAUTH, "https://acme.bitrix24.example/rest/im.chat.add", b'{"TITLE":"A","auth":"canary-access-token"}'),
    ):
        layer, wire = signing(credentials, reply)
        signed = await layer.sign(Request("im.chat.add", {"TITLE": "A"}))

        response = await layer.send(signed, lambda: None)

        assert wire.posted == [(url, body)]
        assert response.result == 1
        assert await layer.endpoint() == credentials.endpoint


@pytest.mark.parametrize("error", [Reply(400, b'{"error":"BOT_OWNERSHIP_ERROR","error_description":"not %s"}')])
async def test_a_secret_that_the_portal_repeats_is_masked(error):
    description = f"{BOT} {SECRET} {TOKEN}".encode()
    for credentials, left in ((WEBHOOK, TOKEN), (OAUTH, SECRET)):
        layer, _ = signing(credentials, Reply(400, error.body.replace(b"%s", description)))
        signed = await layer.sign(Request("imbot.v2.Chat.add", {"botToken": BOT, "fields": {"title": "A"}}))

        with pytest.raises(BotNotOwned) as caught:
            await layer.send(signed, lambda: None)

        said = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.args)
        assert {BOT, SECRET, TOKEN} & {word for word in (BOT, SECRET, TOKEN) if word in said} == {left}
        assert str(caught.value).startswith("imbot.v2.Chat.add: BOT_OWNERSHIP_ERROR: not ***")


async def test_no_repr_shows_address_token_or_parameters():
    layer, _ = signing(OAUTH, Reply(200, b'{"result":1}'))
    request = Request("imbot.v2.Chat.add", {"botToken": BOT, "fields": {"title": "canary title"}})

    said = repr(await layer.sign(request)) + repr(request) + repr(OAUTH) + repr(WEBHOOK)

    assert "canary" not in said
    assert "imbot.v2.Chat.add" in said


async def test_an_exchange_is_one_debug_line_without_values(caplog):
    caplog.set_level(logging.DEBUG, "bitrix_chat")
    for credentials, reply in ((WEBHOOK, Reply(200, b'{"result":1}')), (OAUTH, ConnectionLost("cut"))):
        layer, _ = signing(credentials, reply)
        signed = await layer.sign(Request("imbot.v2.Chat.add", {"botToken": BOT, "fields": {"title": "canary title"}}))
        with contextlib.suppress(ConnectionLost):
            await layer.send(signed, lambda: None)

    first, second = caplog.messages
    assert first.startswith("acme.bitrix24.example imbot.v2.Chat.add(botToken, fields): HTTP 200 in 0.")
    assert "ConnectionLost (unknown)" in second
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("half \ud83d", "half of a surrogate pair"),
        (float("nan"), "not finite"),
        (b"bytes", "holds bytes"),
        ({1, 2}, "holds set"),
    ],
)
async def test_what_json_cannot_say_is_refused_because_the_portal_would_run_without_any_parameter(value, fault):
    layer, wire = signing(WEBHOOK, Reply(200, b'{"result":1}'))

    with pytest.raises(InvalidParameter, match=fault):
        await layer.sign(Request("im.chat.add", {"TITLE": value}))

    assert wire.posted == []


async def test_endless_nesting_is_refused():
    layer, _ = signing(WEBHOOK, Reply(200, b'{"result":1}'))
    circle: list[Any] = []
    circle.append(circle)

    with pytest.raises(InvalidParameter, match="nested too deeply"):
        await layer.sign(Request("im.chat.add", {"TITLE": circle}))


async def test_a_reference_outside_a_batch_is_refused():
    layer, _ = signing(WEBHOOK, Reply(200, b'{"result":1}'))
    call: Call[int] = ScriptedTransport().client().im.chat.add(title="A")

    with pytest.raises(InvalidParameter, match="only inside a batch"):
        await layer.sign(Request("im.chat.get", {"DIALOG_ID": ref(call)}))
    call.close()


async def test_credentials_that_a_batchs_errors_repeat_are_masked():
    body = b'{"result":{"result":[],"result_error":{"c0":{"error":"X","error_description":"%s %s"}}}}'
    for credentials in (WEBHOOK, OAUTH):
        secret = credentials.token or SECRET
        layer, _ = signing(credentials, Reply(200, body % (secret.encode(), BOT.encode())))
        signed = await layer.sign(Request("batch", {"cmd": {"c0": f"imbot.v2.Chat.get?botToken={BOT}"}}))

        response = await layer.send(signed, lambda: None)

        assert response.result["result_error"]["c0"]["error_description"] == "*** ***"


async def test_a_secret_in_an_error_code_is_masked():
    layer, _ = signing(WEBHOOK, Reply(400, b'{"error":"%s"}' % SECRET.encode()))

    with pytest.raises(RestError) as caught:
        await layer.send(await layer.sign(Request("profile")), lambda: None)

    assert SECRET not in str(caught.value)
    assert caught.value.code == "***"
