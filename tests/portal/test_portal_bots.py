"""`imbot.v2.*`: bots, their tokens, and the chats they create."""

import base64

import pytest

from bitrix_chat.enums import Color
from bitrix_chat.portal import PortalPolicy

GIF = base64.b64encode(b"GIF89a\x10\0\x10\0").decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0\0\x04\0\0\xff\xc0\0\x11\x08\0\x10\0\x10\x03").decode()


@pytest.fixture
async def bot(ask):
    return await ask.bot()


@pytest.fixture
def add(ask, bot):
    """Create a chat of the bot and return its state on the portal."""

    async def create(**fields):
        shown = (await ask("imbot.v2.Chat.add", bot | {"fields": fields})).result
        return ask.portal.chats[shown["chat"]["id"]]

    return create


async def test_a_chat_is_answered_as_an_object_in_the_adapters_order(ask, bot):
    fields = {"title": "Support", "color": "mint", "userIds": [1, 2], "description": "Ask here"}
    result = (await ask("imbot.v2.Chat.add", bot | {"fields": fields})).result
    assert list(result) == ["recentConfig", "users", "copilot", "messagesAutoDeleteConfigs", "callInfo", "chat"]
    chat = result["chat"]
    assert list(chat)[:4] == ["avatar", "color", "description", "dialogId"]
    assert (chat["color"], chat["name"], chat["dialogId"]) == ("#4ba984", "Support", f"chat{chat['id']}")
    assert (chat["type"], chat["messageType"], chat["role"]) == ("chat", "C", "owner")
    assert (chat["parentChatId"], chat["parentMessageId"], chat["textFieldEnabled"]) == (0, 0, True)
    assert isinstance(chat["lastMessageViews"], str)
    assert chat["entityLink"] == []
    assert chat["userCounter"] == 3
    assert chat["messageCount"] == 4, "greeting, banner, who was added, and the description"
    assert chat["managerList"] == [bot["botId"]]


async def test_users_holds_the_bot_alone(ask, bot):
    result = (await ask("imbot.v2.Chat.add", bot | {"fields": {"userIds": [1, 2, 3]}})).result
    assert [user["id"] for user in result["users"]] == [bot["botId"]]
    assert result["users"][0]["type"] == "bot"
    assert result["users"][0]["phones"] is False


async def test_fields_may_be_absent(ask, bot, portal):
    shown = (await ask("imbot.v2.Chat.add", bot)).result["chat"]
    assert portal.chats[shown["id"]].members == {bot["botId"]}


async def test_each_field_has_two_spellings(add, bot):
    chat = await add(TITLE="Upper", USER_IDS=["2", 3], OWNER_ID=2, ENTITY_TYPE="MY_THING", ENTITY_ID="7", COLOR="RED")
    assert (chat.title, chat.owner, chat.color) == ("Upper", 2, Color.RED)
    assert (chat.entity_type, chat.entity_id) == ("MY_THING", "7")
    assert chat.members == {2, 3, bot["botId"]}
    assert (await add(title="camel", TITLE="Upper")).title == "camel"
    assert (await add(Title="neither")).title != "neither"


@pytest.mark.parametrize("color", ["LIGHT_BLUE", "light_blue", "lightBlue"])
async def test_a_colour_has_three_spellings(add, color):
    assert (await add(color=color)).color == Color.LIGHT_BLUE


@pytest.mark.parametrize("color", ["orange", "#ff0000", "light-blue", ""])
async def test_an_unknown_colour_leaves_the_choice_to_the_portal(add, color):
    assert len({(await add(color=color)).color for _ in range(12)}) > 1


async def test_the_first_message_is_never_posted(add):
    chat = await add(message="Welcome", entityType="CRM", entityId="7")
    assert chat.messages == []


async def test_unknown_users_are_dropped_and_the_bot_is_always_in(add, bot, portal):
    users = [1, "2", 0, -1, "x", 9999, *portal.inactive_user_ids]
    assert (await add(userIds=users)).members == {1, 2, bot["botId"]}


async def test_another_owner_leaves_the_bot_a_plain_member(ask, bot, add):
    chat = await add(ownerId=2)
    assert (chat.owner, chat.managers, chat.members) == (2, [2], {2, bot["botId"]})
    shown = (await ask("imbot.v2.Chat.get", bot | {"dialogId": chat.dialog_id})).result
    assert shown["chat"]["role"] == "member"


@pytest.mark.parametrize("joins", [False, True])
async def test_an_owner_who_does_not_exist_is_no_error(serve, joins):
    ask = await serve(policy=PortalPolicy(unknown_owner_joins=joins))
    bot = await ask.bot()
    chat = (await ask("imbot.v2.Chat.add", bot | {"fields": {"ownerId": 9999}})).result["chat"]
    assert chat["owner"] == 9999
    assert (9999 in ask.portal.chats[chat["id"]].members) is joins


@pytest.mark.parametrize(("kind", "stored"), [("open", "open"), ("OPEN", "chat"), ("channel", "chat")])
async def test_only_the_exact_word_opens_a_chat(add, kind, stored):
    assert (await add(type=kind)).type == stored


@pytest.mark.parametrize(
    ("avatar", "kept"), [(GIF, True), (JPEG, True), ("not base64 of an image", False), (f"data:;base64,{GIF}", False)]
)
async def test_an_avatar_that_is_no_image_is_dropped(add, avatar, kept):
    assert (await add(avatar=avatar)).avatar is kept


async def test_an_avatar_may_name_a_file(ask, bot, add, portal):
    image, text = portal.add_file("image/png"), portal.add_file("text/plain")
    assert (await add(avatar=str(image))).avatar is True
    for wrong in (text, 9999):
        refused = await ask("imbot.v2.Chat.add", bot | {"fields": {"avatar": wrong}})
        assert refused.error == (400, "WRONG_PARAMETER")
    assert (await add(AVATAR="9999")).avatar is True, "the filter does not know this spelling"


@pytest.mark.parametrize(
    "fields", [{"userIds": 5}, {"userIds": "1,2"}, {"color": 7}, {"avatar": ["a.png", GIF]}, {"title": ["x"]}]
)
async def test_a_wrong_type_inside_the_fields_is_a_php_error(ask, bot, portal, fields):
    assert (await ask("imbot.v2.Chat.add", bot | {"fields": fields})).error == (400, "0")
    assert not portal.chats


async def test_fields_that_are_no_array_are_refused_by_the_binder(ask, bot):
    refused = await ask("imbot.v2.Chat.add", bot | {"fields": "title"})
    assert refused.error == (400, "100")
    assert "{fields}" in refused.body["error_description"]


@pytest.mark.parametrize("fields", [{"entityType": "T" * 51}, {"entityId": "I" * 256}])
async def test_an_entity_too_long_is_refused(ask, bot, portal, fields):
    assert (await ask("imbot.v2.Chat.add", bot | {"fields": fields})).error == (400, "CREATION_ERROR")
    assert not portal.chats


async def test_the_entity_names_the_type_and_is_found_by_im_chat_get(ask, bot):
    fields = {"entityType": "MY_THING", "entityId": "7"}
    chat = (await ask("imbot.v2.Chat.add", bot | {"fields": fields})).result["chat"]
    assert (chat["type"], chat["entityType"]) == ("myThing", "MY_THING")
    found = await ask("im.chat.get", {"ENTITY_TYPE": "MY_THING", "ENTITY_ID": "7"})
    assert found.result == {"ID": chat["id"]}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "BOT_TOKEN_NOT_SPECIFIED"),
        ({"botToken": "t"}, "BOT_ID_REQUIRED"),
        ({"botToken": "t", "botId": "abc"}, "BOT_ID_REQUIRED"),
        ({"botToken": "t", "botId": 9999}, "BOT_NOT_FOUND"),
        ({"botToken": "t", "botId": "its own"}, "BOT_OWNERSHIP_ERROR"),
    ],
)
async def test_the_bot_is_checked_in_this_order(ask, bot, params, code):
    if params.get("botId") == "its own":
        params = params | {"botId": bot["botId"]}
    assert (await ask("imbot.v2.Chat.add", params)).error == (400, code)


async def test_the_bots_own_parameters_have_two_spellings(ask, bot):
    params = {"BOT_ID": str(bot["botId"]), "BOT_TOKEN": bot["botToken"]}
    assert (await ask("imbot.v2.Chat.add", params)).result["chat"]
    assert (await ask("imbot.v2.Chat.add", {"BOT_ID": bot["botId"], "CLIENT_ID": bot["botToken"]})).result


async def test_an_application_needs_no_bot_token(ask, bot):
    registered = await ask.with_token(
        "imbot.v2.Bot.register", {"fields": {"code": "app_bot", "properties": {"name": "App"}}}
    )
    bot_id = registered.result["bot"]["id"]
    assert (await ask.with_token("imbot.v2.Chat.add", {"botId": bot_id})).result["chat"]["owner"] == bot_id
    foreign = await ask.with_token("imbot.v2.Chat.add", bot)
    assert foreign.error == (400, "BOT_OWNERSHIP_ERROR")


async def test_a_guest_may_not_create_chats(ask, bot, portal):
    guest = portal.add_webhook(user_id=portal.extranet_user_id)
    assert (await ask("imbot.v2.Chat.add", bot, base=guest)).error == (400, "ACCESS_DENIED")


async def test_a_code_registered_again_answers_the_bot_there_is(ask, bot):
    again = await ask(
        "imbot.v2.Bot.register",
        {"fields": {"code": "helper", "botToken": bot["botToken"], "properties": {"name": "Other"}}},
    )
    assert again.result["bot"]["id"] == bot["botId"]
    assert again.result["users"][0]["name"] == "Helper"
    taken = await ask(
        "imbot.v2.Bot.register", {"fields": {"code": "helper", "botToken": "another", "properties": {"name": "Other"}}}
    )
    assert taken.error == (400, "BOT_CODE_ALREADY_TAKEN")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"botToken": ""}, "BOT_TOKEN_NOT_SPECIFIED"),
        ({"botToken": "t" * 41}, "BOT_TOKEN_INVALID_LENGTH"),
        ({"code": " "}, "BOT_CODE_REQUIRED"),
        ({"properties": {"lastName": "x"}}, "BOT_PROPERTIES_REQUIRED"),
        ({"type": "human"}, "BOT_INVALID_TYPE"),
        ({"eventMode": "telepathy"}, "BOT_INVALID_EVENT_MODE"),
        ({"eventMode": "webhook"}, "BOT_WEBHOOK_URL_REQUIRED"),
        ({"eventMode": "webhook", "webhookUrl": "ftp://a.example"}, "BOT_INVALID_CALLBACK"),
        ({"eventMode": "webhook", "webhookUrl": "https://localhost/x"}, "BOT_INVALID_CALLBACK"),
    ],
)
async def test_a_registration_is_refused_by_its_code(ask, portal, fields, code):
    whole = {"code": "new", "botToken": "t", "properties": {"name": "New"}} | fields
    assert (await ask("imbot.v2.Bot.register", {"fields": whole})).error == (400, code)
    assert not portal.bots


async def test_a_registration_without_fields_is_refused_by_the_binder(ask):
    assert (await ask("imbot.v2.Bot.register")).error == (400, "100")


async def test_only_the_owner_sees_how_a_bot_works(ask, bot):
    mine = (await ask("imbot.v2.Bot.get", bot)).result["bot"]
    theirs = (await ask("imbot.v2.Bot.get", {"code": "helper", "botToken": "another"})).result["bot"]
    assert mine["eventMode"] == "fetch"
    assert "eventMode" not in theirs
    assert (await ask("imbot.v2.Bot.get", {"botToken": "t"})).error == (400, "PARAMS_REQUIRED")
    assert (await ask("imbot.v2.Bot.get", {"botToken": "t", "botId": 5})).error == (400, "BOT_NOT_FOUND")


async def test_bots_are_listed_in_pages_inside_the_result(ask):
    for code in "abc":
        await ask.bot(code)
    await ask.bot("foreign", token="another")
    page = (await ask("imbot.v2.Bot.list", {"botToken": "secret-of-bot", "limit": 2})).result
    assert ([bot["code"] for bot in page["bots"]], page["hasNextPage"]) == (["a", "b"], True)
    rest = (await ask("imbot.v2.Bot.list", {"botToken": "secret-of-bot", "offset": "2"})).result
    assert ([bot["code"] for bot in rest["bots"]], rest["hasNextPage"]) == (["c"], False)
    assert (await ask("imbot.v2.Bot.list", {"botToken": "t", "limit": "many"})).error == (400, "100")


async def test_a_removed_bot_is_gone(ask, bot):
    assert (await ask("imbot.v2.Bot.unregister", bot)).result == {"result": True}
    assert (await ask("imbot.v2.Chat.add", bot)).error == (400, "BOT_NOT_FOUND")


async def test_the_revision_needs_no_bot(ask):
    assert set((await ask("imbot.v2.Revision.get")).result) == {"rest", "web", "mobile", "desktop"}


async def test_a_bot_sees_its_own_chats_only(ask, bot):
    other = await ask.bot("other", token="another")
    chat = (await ask("imbot.v2.Chat.add", bot)).result["chat"]
    assert (await ask("imbot.v2.Chat.get", bot | {"dialogId": chat["dialogId"]})).result["chat"]["id"] == chat["id"]
    assert (await ask("imbot.v2.Chat.get", other | {"dialogId": chat["dialogId"]})).error == (400, "ACCESS_DENIED")
    assert (await ask("imbot.v2.Chat.get", bot | {"dialogId": "chat999"})).error == (400, "CHAT_NOT_FOUND")
    assert (await ask("imbot.v2.Chat.get", bot)).error == (400, "100")
    assert (await ask("imbot.v2.Chat.get", bot | {"dialogId": ["chat2"]})).error == (400, "100")


async def test_a_bot_sends_messages(ask, bot, portal):
    chat = (await ask("imbot.v2.Chat.add", bot)).result["chat"]
    dialog = bot | {"dialogId": chat["dialogId"]}
    sent = (await ask("imbot.v2.Chat.Message.send", dialog | {"fields": {"message": "Hello"}})).result
    assert sent == {"id": portal.chats[chat["id"]].last_message_id, "uuidMap": []}
    key = "3f1e2d4c-5b6a-4789-8abc-def012345678"
    keyed = dialog | {"fields": {"message": "Once", "templateId": key}}
    answers = [(await ask("imbot.v2.Chat.Message.send", keyed)).result for _ in range(2)]
    assert answers[0] == answers[1] == {"id": sent["id"] + 1, "uuidMap": {key: sent["id"] + 1}}
    assert (await ask("imbot.v2.Chat.Message.send", dialog | {"fields": {}})).error == (400, "EMPTY_MESSAGE")
    private = await ask("imbot.v2.Chat.Message.send", bot | {"dialogId": "2", "fields": {"message": "x" * 20_001}})
    assert portal.chats[max(portal.chats)].messages[-1].text.endswith("x (...)")
    assert private.result["id"]
