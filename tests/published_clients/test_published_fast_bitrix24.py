"""fast-bitrix24, the best known client of the community: everything it can, it sends by batch."""

import aiohttp
import pytest

from bitrix_chat.portal import Plan, Portal


@pytest.fixture
async def portal():
    async with Portal(plan=Plan.STANDARD) as portal:
        yield portal


@pytest.fixture
def client(portal):
    from fast_bitrix24 import BitrixAsync

    return BitrixAsync(portal.webhook_url, verbose=False)


@pytest.fixture
async def bot(client):
    fields = {"code": "fast_bot", "botToken": "t", "properties": {"name": "Fast"}}
    registered = await client.call("imbot.v2.Bot.register", {"fields": fields})
    return {"botId": registered["order0000000000"]["bot"]["id"], "botToken": "t"}


async def test_a_bot_creates_chats_by_batch(client, bot, portal):
    """Method names keep their capitals inside a batch, where the portal finds them.

    The client answers its batches as they come back, in no promised order.
    """
    items = [bot | {"fields": {"title": f"T {number}", "userIds": [1, 2]}} for number in range(60)]
    created = await client.call("imbot.v2.Chat.add", items)
    assert {answer["chat"]["name"] for answer in created} == {f"T {number}" for number in range(60)}
    assert all(chat.members == {1, 2, bot["botId"]} for chat in portal.chats.values())
    assert portal.executions["imbot.v2.Chat.add"] == 60
    assert [received.method for received in portal.requests] == ["batch"] * 3


async def test_a_person_creates_chats(client, portal):
    first = await client.call("im.chat.add", {"TITLE": "One & only", "USERS": [2]})
    more = await client.call("im.chat.add", [{"TITLE": f"T {number}"} for number in range(3)])
    assert list(portal.chats) == [first, *more]
    assert portal.chats[first].title == "One & only"


async def test_a_batch_of_its_callers_own_refers_to_earlier_results(client, portal):
    commands = {"c": "im.chat.add?TITLE=Plans", "m": "im.message.add?DIALOG_ID=chat$result[c]&MESSAGE=Hi"}
    answered = await client.call_batch({"halt": 0, "cmd": commands})
    assert portal.chats[answered["c"]].messages[-1].text == "Hi"


async def test_a_failed_command_raises(client):
    from fast_bitrix24.server_response import ErrorInServerResponseException

    with pytest.raises(ErrorInServerResponseException, match="BOT_NOT_FOUND"):
        await client.call("imbot.v2.Chat.add", [{"botId": 9999, "botToken": "t"}])


async def test_a_legacy_method_can_be_called_raw(client, portal):
    answered = await client.call("im.chat.add", {"TITLE": "Raw"}, raw=True)
    assert portal.chats[answered["result"]].title == "Raw"


async def test_a_v2_method_called_raw_is_not_found(client, bot, portal):
    """The client writes method names in lower case, and the portal's controllers insist on their capitals."""
    with pytest.raises(aiohttp.ClientResponseError) as caught:
        await client.call("imbot.v2.Chat.add", bot, raw=True)
    assert caught.value.status == 404
    assert portal.requests[-1].method == "imbot.v2.chat.add"
    assert not portal.chats


async def test_an_application_brings_its_token_and_renews_it(portal):
    from fast_bitrix24 import BitrixAsync

    async def renewed():
        grant = portal.oauth
        params = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
        params |= {"client_id": grant.client_id, "client_secret": grant.client_secret}
        url = f"{portal.authorization_server}/oauth/token/"
        async with aiohttp.ClientSession() as session, session.get(url, params=params) as response:
            return (await response.json())["access_token"]

    client = BitrixAsync(portal.oauth.client_endpoint, token_func=renewed, verbose=False)
    first = await client.call("im.chat.add", {"TITLE": "First"})
    portal.expire_tokens()
    second = await client.call("im.chat.add", {"TITLE": "Second"})
    assert list(portal.chats) == [first, second]
    assert [received.status for received in portal.requests] == [200, 401, 200]
    assert len(portal.token_requests) == 2
