"""`imbot.v2.Chat.Message.*`: what bots write and react to, and what some kinds of bots may read."""

import pytest

KEYS = [f"5e0d1c2b-3a49-4f68-9c7{digit}-1b2c3d4e5f60" for digit in "abc"]
SEND = "imbot.v2.Chat.Message.send"


@pytest.fixture
async def bot(ask):
    return await ask.bot()


@pytest.fixture
async def chat(ask, portal, bot):
    """A chat of the bot and of user 2."""
    answer = await ask("imbot.v2.Chat.add", bot | {"fields": {"userIds": [2], "title": "Plans"}})
    return portal.chats[answer.result["chat"]["id"]]


@pytest.fixture
def write(ask, bot, chat):
    """Write as the bot, and return the message."""

    async def write(text="Hello", **fields):
        params = bot | {"dialogId": chat.dialog_id, "fields": {"message": text} | fields}
        message_id = (await ask(SEND, params)).result["id"]
        return next(message for message in chat.messages if message.id == message_id)

    return write


@pytest.fixture
def boris(portal):
    return portal.add_webhook(user_id=2)


@pytest.fixture
async def said_by_boris(ask, chat, boris):
    sent = await ask("im.message.add", {"DIALOG_ID": chat.dialog_id, "MESSAGE": "Hello bot"}, base=boris)
    return next(message for message in chat.messages if message.id == sent.result)


async def test_a_bots_message_carries_what_was_sent_with_it(write):
    first = await write()
    message = await write(
        "Look", attach=[{"MESSAGE": "x"}], keyboard=[{"TEXT": "Go"}], urlPreview="N", replyId=first.id
    )
    assert message.params == {
        "ATTACH": [{"BLOCKS": [{"MESSAGE": "x"}]}],
        "KEYBOARD": [{"TEXT": "Go"}],
        "URL_PREVIEW": "N",
        "REPLY_ID": first.id,
    }


async def test_fields_have_two_spellings(write):
    assert (await write("", MESSAGE="no", message=None, ATTACH=[{"MESSAGE": "x"}])).text == "no"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "EMPTY_MESSAGE"),
        ({"message": "x", "attach": [{"NOISE": 1}]}, "ATTACH_ERROR"),
        ({"message": "x", "attach": [{"MESSAGE": "x" * 60_000}]}, "ATTACH_ERROR"),
        ({"message": "x", "keyboard": "[]"}, "KEYBOARD_ERROR"),
        ({"message": "x", "replyId": 9999}, "REPLY_ERROR"),
        ({"forwardIds": {"not a uuid": 1}}, "WRONG_UUID"),
        ({"forwardIds": dict.fromkeys(map(str, range(101)), 1)}, "TOO_MANY_MESSAGES"),
        ({"forwardIds": {KEYS[0]: 9999}}, "MESSAGE_NOT_FOUND"),
        ({"forwardIds": "7"}, "100"),
    ],
)
async def test_what_a_bot_cannot_send_is_refused(ask, bot, chat, fields, code):
    before = chat.last_message_id
    assert (await ask(SEND, bot | {"dialogId": chat.dialog_id, "fields": fields})).error == (400, code)
    assert chat.last_message_id == before


async def test_messages_are_forwarded_under_their_uuids_once(ask, portal, bot, said_by_boris):
    params = bot | {"dialogId": "3", "fields": {"forwardIds": {KEYS[0]: said_by_boris.id}}}
    answers = [(await ask(SEND, params)).result for _ in range(2)]
    private = portal.chats[max(portal.chats)]
    copied = private.messages[-1]
    assert answers == [{"id": None, "uuidMap": {KEYS[0]: copied.id}}] * 2
    assert (len(private.messages), copied.text, copied.author) == (1, "Hello bot", bot["botId"])
    assert (copied.forward.message_id, copied.forward.author, copied.forward.chat_id) == (
        said_by_boris.id,
        2,
        said_by_boris.chat_id,
    )


async def test_a_bot_forwards_only_what_it_may_read(ask, bot, portal):
    foreign = (await ask("im.message.add", {"DIALOG_ID": 2, "MESSAGE": "private"})).result
    sent = await ask(SEND, bot | {"dialogId": "3", "fields": {"forwardIds": {KEYS[0]: foreign}}})
    assert sent.error == (400, "MESSAGE_ACCESS_DENIED")


async def test_only_messages_that_came_about_are_counted(ask, portal, bot, chat):
    keyed = bot | {"dialogId": chat.dialog_id, "fields": {"message": "Once", "templateId": KEYS[1]}}
    for _ in range(3):
        await ask(SEND, keyed)
    assert portal.bots[bot["botId"]].counts["Message"] == 1


async def test_a_system_message_of_an_application_bears_its_name(ask, portal):
    fields = {"code": "app_bot", "properties": {"name": "App"}}
    registered = (await ask.with_token("imbot.v2.Bot.register", {"fields": fields})).result
    params = {"botId": registered["bot"]["id"], "dialogId": "2", "fields": {"message": "Done", "system": "Y"}}
    await ask.with_token(SEND, params)
    message = portal.chats[max(portal.chats)].messages[-1]
    assert (message.system, message.byline, message.text) == (True, 0, "[b]Application[/b]\nDone")


async def test_a_bot_changes_its_own_messages(ask, bot, write):
    message = await write("Helo", keyboard=[{"TEXT": "Go"}])
    changed = bot | {"messageId": message.id, "fields": {"message": "Hello", "keyboard": "N", "urlPreview": "N"}}
    assert (await ask("imbot.v2.Chat.Message.update", changed)).result == {"result": True}
    assert (message.text, message.params) == ("Hello", {"URL_PREVIEW": "N", "IS_EDITED": "Y"})
    await ask("imbot.v2.Chat.Message.update", bot | {"messageId": message.id, "fields": {"urlPreview": "Y"}})
    assert message.params == {"IS_EDITED": "Y"}


async def test_an_empty_text_deletes_a_bots_message(ask, bot, chat, write):
    message = await write()
    await ask("imbot.v2.Chat.Message.update", bot | {"messageId": message.id, "fields": {"message": ""}})
    assert message not in chat.messages


async def test_a_bot_changes_nobody_elses_messages(ask, bot, said_by_boris):
    update = bot | {"messageId": said_by_boris.id, "fields": {"message": "Mine"}}
    assert (await ask("imbot.v2.Chat.Message.update", update)).error == (400, "MESSAGE_ACCESS_DENIED")
    assert (await ask("imbot.v2.Chat.Message.update", update | {"messageId": 9999})).error == (
        400,
        "MESSAGE_NOT_FOUND",
    )
    assert (await ask("imbot.v2.Chat.Message.update", bot | {"messageId": said_by_boris.id})).error == (400, "100")
    assert (await ask("imbot.v2.Chat.Message.update", bot)).error == (400, "100")


async def test_a_bot_deletes_what_it_wrote_or_manages(ask, bot, chat, write, said_by_boris):
    for message in (await write(), said_by_boris):
        delete = bot | {"messageId": message.id, "complete": True}
        assert (await ask("imbot.v2.Chat.Message.delete", delete)).result == {"result": True}
    assert [message.text for message in chat.messages if not message.system] == []


async def test_a_plain_member_is_told_yes_although_nothing_is_deleted(ask, bot, chat, said_by_boris):
    await ask("imbot.v2.Chat.setOwner", bot | {"dialogId": chat.dialog_id, "userId": 2})
    answer = await ask("imbot.v2.Chat.Message.delete", bot | {"messageId": said_by_boris.id})
    assert answer.result == {"result": True}
    assert said_by_boris in chat.messages


@pytest.mark.parametrize(("complete", "traces"), [("N", 1), ("Y", 0)])
async def test_a_message_that_was_read_goes_only_completely(ask, bot, said_by_boris, complete, traces):
    chat = ask.portal.chats[said_by_boris.chat_id]
    await ask("imbot.v2.Chat.Message.read", bot | {"dialogId": chat.dialog_id})
    await ask("imbot.v2.Chat.Message.delete", bot | {"messageId": said_by_boris.id, "complete": complete})
    assert chat.messages.count(said_by_boris) == traces


@pytest.mark.parametrize("method", ["get", "getContext"])
async def test_an_ordinary_bot_reads_no_messages(ask, bot, said_by_boris, method):
    answer = await ask(f"imbot.v2.Chat.Message.{method}", bot | {"messageId": said_by_boris.id})
    assert answer.error == (400, "BOT_TYPE_NOT_ALLOWED")


@pytest.fixture
async def supervisor(ask):
    return await ask.bot("supervisor", type="supervisor")


@pytest.fixture
async def talk(ask, portal, supervisor, boris):
    """Five messages of two people before a supervisor bot."""
    chat_id = (await ask("im.chat.add", {"USERS": [2, supervisor["botId"]]})).result
    params = {"DIALOG_ID": f"chat{chat_id}"}
    speakers = (None, boris, None, boris, None)
    return [
        (await ask("im.message.add", params | {"MESSAGE": f"No. {number}"}, base=base)).result
        for number, base in enumerate(speakers)
    ]


async def test_a_supervisor_reads_a_message_in_both_spellings(ask, supervisor, talk):
    shown = (await ask("imbot.v2.Chat.Message.get", supervisor | {"messageId": talk[1]})).result
    message = shown["message"]
    assert (message["id"], message["text"], message["authorId"], message["author_id"]) == (talk[1], "No. 1", 2, 2)
    assert message["chatId"] == message["chat_id"]
    assert (message["forward"], message["params"], message["uuid"], message["isSystem"]) == (None, [], None, False)
    assert (message["unread"], message["viewed"], message["viewedByOthers"]) == (True, False, True)
    assert shown["user"]["id"] == 2


async def test_the_context_is_cut_on_both_sides(ask, supervisor, talk):
    params = supervisor | {"messageId": talk[2], "range": 1}
    shown = (await ask("imbot.v2.Chat.Message.getContext", params)).result
    assert [message["id"] for message in shown["messages"]] == talk[1:4]
    assert ([user["id"] for user in shown["users"]], shown["hasPrevPage"], shown["hasNextPage"]) == ([2, 1], True, True)
    whole = (await ask("imbot.v2.Chat.Message.getContext", params | {"range": 999})).result
    assert {message["id"] for message in whole["messages"]} >= set(talk)
    assert (whole["hasPrevPage"], whole["hasNextPage"]) == (False, False)


async def test_a_supervisor_reads_only_where_it_is(ask, supervisor, said_by_boris):
    params = supervisor | {"messageId": said_by_boris.id}
    assert (await ask("imbot.v2.Chat.Message.getContext", params)).error == (400, "MESSAGE_ACCESS_DENIED")
    assert (await ask("imbot.v2.Chat.Message.get", params | {"messageId": 9999})).error == (400, "MESSAGE_NOT_FOUND")


async def test_a_bot_reads_up_to_a_message(ask, supervisor, talk, portal):
    chat = portal.chats[max(portal.chats)]
    read = supervisor | {"dialogId": chat.dialog_id}
    assert (await ask("imbot.v2.Chat.Message.read", read | {"messageId": talk[1]})).result == {
        "chatId": chat.id,
        "lastId": talk[1],
        "counter": 3,
        "viewedMessages": talk[:2],
    }
    rest = (await ask("imbot.v2.Chat.Message.read", read)).result
    assert (rest["lastId"], rest["counter"], rest["viewedMessages"]) == (talk[-1], 0, talk[2:])
    assert (await ask("imbot.v2.Chat.Message.read", read | {"messageId": 9999})).error == (400, "MESSAGE_NOT_FOUND")
    assert (await ask("imbot.v2.Chat.Message.read", read | {"messageId": "last"})).error == (400, "100")


async def test_a_bot_reacts_once_with_each_reaction(ask, bot, said_by_boris):
    react = bot | {"messageId": said_by_boris.id, "reaction": "faceWithTearsOfJoy"}
    assert (await ask("imbot.v2.Chat.Message.Reaction.add", react)).result == {"result": True}
    assert (await ask("imbot.v2.Chat.Message.Reaction.add", react)).error == (400, "REACTION_ALREADY_SET")
    assert (await ask("imbot.v2.Chat.Message.Reaction.add", react | {"reaction": "fire"})).result == {"result": True}
    assert said_by_boris.reactions == {"FACE_WITH_TEARS_OF_JOY": [bot["botId"]], "FIRE": [bot["botId"]]}
    assert (await ask("imbot.v2.Chat.Message.Reaction.delete", react)).result == {"result": True}
    assert list(said_by_boris.reactions) == ["FIRE"]
    assert (await ask("imbot.v2.Chat.Message.Reaction.delete", react)).error == (400, "REACTION_NOT_FOUND")


@pytest.mark.parametrize("action", ["add", "delete"])
async def test_an_unknown_reaction_is_not_found(ask, bot, said_by_boris, action):
    method = f"imbot.v2.Chat.Message.Reaction.{action}"
    react = bot | {"messageId": said_by_boris.id, "reaction": "applause"}
    assert (await ask(method, react)).error == (400, "REACTION_NOT_FOUND")
    assert (await ask(method, bot | {"messageId": said_by_boris.id})).error == (400, "100")


async def test_reactions_of_bots_and_likes_of_people_are_one(ask, bot, chat, said_by_boris):
    await ask("imbot.v2.Chat.Message.Reaction.add", bot | {"messageId": said_by_boris.id, "reaction": "like"})
    await ask("im.message.like", {"MESSAGE_ID": said_by_boris.id}, base=ask.portal.add_webhook(user_id=2))
    assert said_by_boris.reactions == {"LIKE": [bot["botId"], 2]}
