"""The official Python SDK talks to the emulator as to any portal: over https, through requests."""

import pytest

from bitrix_chat.portal import Plan, Portal, PortalPolicy


@pytest.fixture
def portal(tmp_path, monkeypatch):
    policy = PortalPolicy(https_required=True)
    with Portal(plan=Plan.UNLIMITED, tls=True, policy=policy).in_thread() as portal:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(portal.ca_file(tmp_path / "ca.pem")))
        yield portal


@pytest.fixture
def client(portal):
    from b24pysdk import BitrixWebhook, Client

    secret = portal.webhook_url.removeprefix(f"{portal.url}/rest/").strip("/")
    return Client(BitrixWebhook(domain=portal.url.removeprefix("https://"), webhook_token=secret))


@pytest.fixture
def bot(client):
    fields = {"code": "sdk_bot", "botToken": "t", "properties": {"name": "SDK"}}
    registered = client.imbot.v2.bot.register(fields)
    return {"bot_id": registered.result["bot"]["id"], "bot_token": "t"}


def test_a_bot_creates_a_chat(client, bot, portal):
    created = client.imbot.v2.chat.add(**bot, fields={"title": "Plans / 1", "color": "mint", "userIds": [1, 2]})
    chat = portal.chats[created.result["chat"]["id"]]
    assert (chat.title, chat.color, chat.members) == ("Plans / 1", "mint", {1, 2, bot["bot_id"]})
    assert created.time.duration >= 0
    assert portal.requests[-1].user_agent.startswith("b24-python-sdk")


def test_a_person_creates_a_chat_and_finds_it_by_its_entity(client, portal):
    created = client.im.chat.add(title="Deal", users=[2], entity_type="CRM", entity_id="DEAL|7", message="Hi")
    assert portal.chats[created.result].messages[-1].text == "Hi"
    assert client.im.chat.get(entity_type="CRM", entity_id="DEAL|7").result == {"ID": created.result}


@pytest.mark.parametrize("keyed", [False, True])
def test_chats_are_created_by_batch(client, bot, portal, keyed):
    calls = {
        f"c{number}": client.imbot.v2.chat.add(**bot, fields={"title": f"T & {number}", "userIds": [1]})
        for number in range(50)
    }
    hits = portal.hits
    answered = client.call_batch(calls if keyed else list(calls.values())).result
    chats = answered.result.values() if keyed else answered.result
    assert [chat["chat"]["name"] for chat in chats] == [f"T & {number}" for number in range(50)]
    assert portal.hits == hits + 1


def test_an_error_reaches_the_caller_by_its_code(client, bot):
    from b24pysdk.errors import BitrixAPIError

    with pytest.raises(BitrixAPIError) as caught:
        _ = client.imbot.v2.chat.add(bot_id=9999, bot_token=bot["bot_token"], fields={}).result
    assert caught.value.error == "BOT_NOT_FOUND"


def test_a_failed_command_stands_beside_the_others(client, bot):
    calls = {
        "bad": client.imbot.v2.chat.add(bot_id=9999, bot_token=bot["bot_token"], fields={}),
        "good": client.im.chat.add(title="Good"),
    }
    answered = client.call_batch(calls).result
    assert list(answered.result) == ["good"]
    assert answered.result_error["bad"]["error"] == "BOT_NOT_FOUND"


def test_an_application_calls_with_its_access_token(portal):
    from b24pysdk import BitrixApp, BitrixToken, Client

    grant = portal.oauth
    token = BitrixToken(
        domain=portal.url.removeprefix("https://"),
        auth_token=grant.access_token,
        refresh_token=grant.refresh_token,
        bitrix_app=BitrixApp(client_id=grant.client_id, client_secret=grant.client_secret),
    )
    created = Client(token).im.chat.add(title="App")
    assert portal.chats[created.result].title == "App"
    assert portal.requests[-1].transport == "oauth"


def test_the_sdk_learns_the_new_host_of_a_moved_portal(portal, monkeypatch):
    """It would go on at that host, and drops the port, which a real portal does not have."""
    from b24pysdk import BitrixWebhook, Client
    from b24pysdk.errors import BitrixResponse302JSONDecodeError

    monkeypatch.setattr(BitrixWebhook, "_AUTO_CHANGED_DOMAIN", False)
    secret = portal.webhook_url.removeprefix(f"{portal.url}/rest/").strip("/")
    client = Client(BitrixWebhook(domain=portal.url.removeprefix("https://"), webhook_token=secret))
    portal.rename("https://renamed.example")
    with pytest.raises(BitrixResponse302JSONDecodeError) as caught:
        _ = client.im.chat.add(title="Moved").result
    assert caught.value.new_domain == "renamed.example"
    assert not portal.chats
