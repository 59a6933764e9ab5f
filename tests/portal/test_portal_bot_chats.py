"""`imbot.v2.Chat.*` and `Bot.update`: what a bot may do to its chats and to itself."""

import base64

import pytest

GIF = base64.b64encode(b"GIF89a\x10\0\x10\0").decode()
WIDE_GIF = base64.b64encode(b"GIF89a" + (6000).to_bytes(2, "little") + b"\x10\0").decode()
DONE = {"result": True}


@pytest.fixture
async def bot(ask):
    return await ask.bot()


@pytest.fixture
async def chat(ask, bot):
    """A chat of the bot with users 1 and 2 in it."""
    fields = {"title": "Support", "color": "red", "userIds": [1, 2]}
    shown = (await ask("imbot.v2.Chat.add", bot | {"fields": fields})).result["chat"]
    return ask.portal.chats[shown["id"]]


@pytest.fixture
def act(ask, bot, chat):
    """Call a method of `imbot.v2.Chat` for the bot's chat, or for another dialog."""

    def call(method, dialog_id=None, **params):
        return ask(f"imbot.v2.Chat.{method}", bot | {"dialogId": dialog_id or chat.dialog_id} | params)

    return call


ACTIONS = {
    "update": {"fields": {"title": "x"}},
    "setOwner": {"userId": 1},
    "leave": {},
    "User.add": {"userIds": [3]},
    "User.delete": {"userId": 2},
    "User.list": {},
    "Manager.add": {"userIds": [1]},
    "Manager.delete": {"userIds": [1]},
    "InputAction.notify": {},
    "TextField.enabled": {},
}


@pytest.mark.parametrize(("method", "params"), ACTIONS.items())
async def test_every_action_checks_the_bot_the_dialog_and_the_membership(ask, act, bot, method, params):
    name = f"imbot.v2.Chat.{method}"
    assert (await ask(name, params)).error == (400, "BOT_TOKEN_NOT_SPECIFIED")
    assert (await ask(name, bot | params)).error == (400, "100")
    assert (await act(method, "chat999", **params)).error == (400, "CHAT_NOT_FOUND")
    foreign = (await ask("im.chat.add", {"USERS": [2]})).result
    assert (await act(method, f"chat{foreign}", **params)).error == (400, "ACCESS_DENIED")


@pytest.mark.parametrize("method", ["update", "setOwner", "User.add", "User.delete", "Manager.add", "Manager.delete"])
async def test_the_binder_refuses_an_action_without_its_parameter(act, method):
    assert (await act(method)).error == (400, "100")


@pytest.mark.parametrize(("method", "params"), ACTIONS.items())
async def test_every_action_answers_a_true_in_a_result(act, method, params):
    answer = (await act(method, **params)).result
    assert isinstance(answer, list) if method == "User.list" else answer == DONE


async def test_an_update_changes_what_is_given(act, chat):
    await act("update", fields={"title": " Care ", "description": "Ask", "color": "mint", "avatar": GIF})
    assert (chat.title, chat.description, chat.color, chat.avatar) == ("Care", "Ask", "mint", True)
    await act("update", fields={"title": "", "color": "orange"})
    assert (chat.title, chat.color, chat.avatar) == ("Care", "mint", True)


async def test_an_update_knows_one_spelling_and_an_image_that_is_none_takes_the_avatar_away(act, chat):
    await act("update", fields={"avatar": GIF})
    await act("update", fields={"TITLE": "Upper", "avatar": "bm8gaW1hZ2U="})
    assert (chat.title, chat.avatar) == ("Support", False)
    assert (await act("update", fields={"color": 7})).error == (400, "0")
    assert (await act("update", fields={"avatar": 9999})).error == (400, "WRONG_PARAMETER")


async def test_updating_is_for_the_owner_and_not_for_chats_of_an_entity(ask, act, bot, chat):
    entity = {"fields": {"entityType": "MY_THING", "entityId": "7"}}
    linked = (await ask("imbot.v2.Chat.add", bot | entity)).result["chat"]
    assert (await act("update", linked["dialogId"], fields={"title": "x"})).error == (400, "ACCESS_DENIED")
    await act("setOwner", userId=1)
    assert (await act("update", fields={"title": "x"})).error == (400, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("update", "WRONG_MESSAGE_TYPE"),
        ("Manager.add", "WRONG_MESSAGE_TYPE"),
        ("Manager.delete", "WRONG_MESSAGE_TYPE"),
        ("setOwner", "ACCESS_DENIED"),
        ("leave", "ACCESS_DENIED"),
        ("User.add", "ACCESS_DENIED"),
        ("User.delete", "ACCESS_DENIED"),
    ],
)
async def test_a_private_chat_is_no_group(act, method, code):
    assert (await act(method, "2", **ACTIONS[method])).error == (400, code)


async def test_the_new_owner_need_not_be_a_member(act, chat):
    await act("setOwner", userId=5)
    assert (chat.owner, chat.managers) == (5, [])
    assert (await act("setOwner", userId=1)).error == (400, "ACCESS_DENIED")


async def test_a_bot_that_leaves_makes_a_person_the_owner(act, chat):
    await act("leave")
    assert (chat.members, chat.owner, chat.managers) == ({1, 2}, 1, [1])


async def test_users_are_added_without_regard_to_who_is_in_or_unknown(act, bot, chat, portal):
    await act("User.add", userIds=["3", 1, 9999, *portal.inactive_user_ids])
    assert chat.members == {1, 2, 3, bot["botId"]}


async def test_users_are_removed_by_managers_and_the_owner_stays(act, bot, chat):
    assert (await act("User.delete", userId=9)).result == DONE
    await act("User.delete", userId=2)
    assert chat.members == {1, bot["botId"]}
    await act("setOwner", userId=1)
    assert (await act("User.delete", userId=1)).error == (400, "ACCESS_DENIED")
    chat.managers.append(bot["botId"])
    assert (await act("User.delete", userId=1)).error == (400, "ACCESS_DENIED")


async def test_a_bot_may_remove_itself(act, bot, chat):
    await act("User.delete", userId=bot["botId"])
    assert chat.members == {1, 2}


async def test_members_are_a_bare_list_in_the_order_asked_for(ask, act, bot, chat):
    async def listed(**params):
        return [user["id"] for user in (await act("User.list", **params)).result]

    bot_id = bot["botId"]
    assert await listed() == await listed(order={"id": "asc"}) == [1, 2, bot_id]
    assert await listed(order={"userId": "DESC"}) == [bot_id, 2, 1]
    await ask("im.message.add", {"DIALOG_ID": chat.dialog_id, "MESSAGE": "Hi"})
    assert await listed(order={"lastSendMessageId": "DESC"}) == [1, 2, bot_id]
    assert await listed(limit=2, order={"id": "DESC"}) == [bot_id, 2]


async def test_a_limit_out_of_range_is_fifty(serve):
    ask = await serve(users=60)
    bot = await ask.bot()
    fields = {"userIds": list(range(1, 61))}
    dialog = bot | {"dialogId": (await ask("imbot.v2.Chat.add", bot | {"fields": fields})).result["chat"]["dialogId"]}
    lengths = [
        len((await ask("imbot.v2.Chat.User.list", dialog | {"limit": limit})).result) for limit in (0, 201, 200, 3)
    ]
    assert lengths == [50, 50, 61, 3]


async def test_managers_are_members_and_the_owner_is_always_one(act, bot, chat):
    await act("Manager.add", userIds=[1, 2, 9])
    assert chat.managers == [bot["botId"], 1, 2]
    await act("Manager.delete", userIds=[2, bot["botId"]])
    assert chat.managers == [bot["botId"], 1]
    assert (await act("Manager.add", userIds=[])).error == (400, "EMPTY_USER_IDS")


async def test_an_input_action_lasts_as_long_as_told_and_ten_minutes_at_most(serve, clock):
    ask = await serve(clock=clock, sleep=clock.sleep)
    bot = await ask.bot()
    params = bot | {"dialogId": "2", "statusMessageCode": "IMBOT_AGENT_ACTION_THINKING", "duration": 30}
    await ask("imbot.v2.Chat.InputAction.notify", params)
    chat = ask.portal.chats[max(ask.portal.chats)]
    assert chat.input_actions[bot["botId"]] == ("IMBOT_AGENT_ACTION_THINKING", clock() + 30)
    await ask("imbot.v2.Chat.InputAction.notify", params | {"duration": 9999})
    assert chat.input_actions[bot["botId"]].until == clock() + 600


@pytest.mark.parametrize(("given", "enabled"), [({}, True), ({"enabled": "N"}, False), ({"enabled": False}, False)])
async def test_the_text_field_is_opened_and_closed_in_private_chats_too(act, given, enabled):
    await act("TextField.enabled", "2", **given)
    shown = (await act("get", "2")).result["chat"]
    assert (shown["textFieldEnabled"], shown["dialogId"], shown["name"]) == (enabled, "2", "Boris Adler")


async def test_a_bot_is_changed_where_something_is_given(ask, bot, portal):
    properties = {"name": "Guide", "lastName": "Bot", "color": "MINT", "avatar": GIF}
    fields = {"properties": properties, "isHidden": "Y", "backgroundId": "mint", "code": "other", "type": "personal"}
    answer = (await ask("imbot.v2.Bot.update", bot | {"fields": fields})).result
    shown, account = answer["bot"], answer["users"][0]
    assert (shown["code"], shown["type"], shown["isHidden"], shown["backgroundId"]) == ("helper", "bot", True, "mint")
    assert (account["name"], account["color"]) == ("Guide Bot", "#4ba984")
    assert account["avatar"]
    await ask("imbot.v2.Bot.update", bot | {"fields": {"backgroundId": None, "isReactionsEnabled": False}})
    changed = portal.bots[bot["botId"]]
    assert (changed.hidden, changed.background_id, changed.reactions_enabled) == (True, None, False)
    assert portal.users[changed.id].name == "Guide Bot"


async def test_a_bot_switches_between_fetching_and_a_webhook(ask, bot, portal):
    hook = {"eventMode": "webhook", "webhookUrl": "https://bots.example/hook"}
    assert (await ask("imbot.v2.Bot.update", bot | {"fields": hook})).result["bot"]["eventMode"] == "webhook"
    await ask("imbot.v2.Bot.update", bot | {"fields": {"eventMode": "fetch"}})
    changed = portal.bots[bot["botId"]]
    assert (changed.event_mode, changed.webhook_url) == ("fetch", "https://bots.example/hook")


async def test_a_rotated_token_replaces_the_old_one_at_once(ask, bot):
    await ask("imbot.v2.Bot.update", bot | {"fields": {"botToken": "newer"}})
    assert (await ask("imbot.v2.Chat.add", bot)).error == (400, "BOT_OWNERSHIP_ERROR")
    assert (await ask("imbot.v2.Chat.add", bot | {"botToken": "newer"})).status == 200


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"eventMode": "telepathy"}, "BOT_INVALID_EVENT_MODE"),
        ({"eventMode": "webhook"}, "BOT_INVALID_CALLBACK"),
        ({"webhookUrl": "ftp://bots.example"}, "BOT_INVALID_CALLBACK"),
        ({"botToken": "t" * 41}, "BOT_TOKEN_INVALID_LENGTH"),
        ({"properties": {"avatar": "bm8gaW1hZ2U="}}, "BOT_AVATAR_INCORRECT_TYPE"),
        ({"properties": {"avatar": WIDE_GIF}}, "BOT_AVATAR_INCORRECT_SIZE"),
    ],
)
async def test_a_refused_update_changes_nothing(ask, bot, portal, fields, code):
    given = {"isHidden": True} | fields
    assert (await ask("imbot.v2.Bot.update", bot | {"fields": given})).error == (400, code)
    assert portal.bots[bot["botId"]].hidden is False
    assert (await ask("imbot.v2.Bot.update", bot)).error == (400, "100")


async def test_a_bots_avatar_is_checked_when_it_is_registered_too(ask, portal):
    fields = {"code": "new", "botToken": "t", "properties": {"name": "New", "avatar": WIDE_GIF}}
    assert (await ask("imbot.v2.Bot.register", {"fields": fields})).error == (400, "BOT_AVATAR_INCORRECT_SIZE")
    assert not portal.bots


async def test_the_bot_of_an_application_has_no_token_to_rotate(ask):
    fields = {"code": "app_bot", "properties": {"name": "App"}}
    bot_id = (await ask.with_token("imbot.v2.Bot.register", {"fields": fields})).result["bot"]["id"]
    rotated = await ask.with_token("imbot.v2.Bot.update", {"botId": bot_id, "fields": {"botToken": "t"}})
    assert rotated.error == (400, "BOT_TOKEN_ROTATION_FAILED")
