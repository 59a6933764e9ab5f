"""`imbot.v2.Command.*`: registering slash commands, and answering them."""

import pytest


@pytest.fixture
async def bot(ask):
    return await ask.bot()


@pytest.fixture
def register(ask, bot):
    async def register(name="vote", **fields):
        return await ask(
            "imbot.v2.Command.register", bot | {"fields": {"command": name, "title": {"en": "T"}} | fields}
        )

    return register


@pytest.fixture
async def vote(register):
    return (await register()).result["command"]


async def test_a_command_is_registered_with_a_slash(bot, register):
    shown = (await register("/vote", common=True, extranetSupport="Y")).result
    assert shown == {
        "command": {
            "id": shown["command"]["id"],
            "botId": bot["botId"],
            "command": "/vote",
            "common": True,
            "hidden": False,
            "extranetSupport": True,
        }
    }


async def test_a_name_registered_again_answers_the_command_there_is(register, vote):
    assert (await register("/vote", common=True)).result["command"] == vote


async def test_the_fields_may_still_stand_alone(ask, bot):
    flat = bot | {"command": "vote", "title": {"en": "Vote"}}
    assert (await ask("imbot.v2.Command.register", flat)).result["command"]["command"] == "/vote"
    assert (await ask("imbot.v2.Command.register", bot)).error == (400, "100")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"command": ["vote"]}, "COMMAND_NAME_INVALID"),
        ({"command": 7}, "COMMAND_NAME_INVALID"),
        ({"command": " / "}, "COMMAND_REQUIRED"),
        ({"command": "sing", "title": {}}, "COMMAND_TITLE_REQUIRED"),
        ({"command": "sing", "title": {"en": ""}}, "COMMAND_TITLE_REQUIRED"),
    ],
)
async def test_a_command_is_refused_by_its_code(ask, bot, fields, code):
    whole = {"title": {"en": "Sing"}} | fields
    assert (await ask("imbot.v2.Command.register", bot | {"fields": whole})).error == (400, code)


async def test_a_hidden_command_needs_no_title(register):
    assert (await register("secret", title=None, hidden=True)).result["command"]["hidden"] is True


async def test_the_list_has_flags_as_letters_and_the_portals_own_commands(ask, bot, register):
    await register("vote", title={"de": "Waehlen", "en": "Vote"}, params={"en": "[name]"}, extranetSupport=True)
    commands = (await ask("imbot.v2.Command.list", bot)).result["commands"]
    own = commands[-1]
    assert own == {
        "id": own["id"],
        "botId": bot["botId"],
        "command": "/vote",
        "title": "Vote",
        "params": "[name]",
        "common": "N",
        "extranet": "Y",
        "category": "Helper",
        "context": "",
    }
    assert {"/me", "/loud"} <= {command["command"] for command in commands[:-1]}
    assert not any(isinstance(command["id"], int) for command in commands[:-1])


async def test_a_null_text_deletes_a_translation(ask, bot, register):
    command = (await register(title={"en": "Vote", "de": "Waehlen"})).result["command"]
    update = bot | {"commandId": command["id"], "fields": {"title": {"en": None}, "common": True}}
    assert (await ask("imbot.v2.Command.update", update)).result["command"] == command | {"common": True}
    assert (await ask("imbot.v2.Command.list", bot)).result["commands"][-1]["title"] == "Waehlen"


async def test_a_command_can_be_renamed_to_a_free_name(ask, bot, register, vote):
    await register("sing")
    update = bot | {"commandId": vote["id"]}
    renamed = await ask("imbot.v2.Command.update", update | {"fields": {"command": "/elect"}})
    assert renamed.result["command"]["command"] == "/elect"
    for name, code in [
        ("sing", "COMMAND_ALREADY_EXISTS"),
        ("", "COMMAND_NAME_EMPTY"),
        ([], "COMMAND_NAME_INVALID"),
    ]:
        assert (await ask("imbot.v2.Command.update", update | {"fields": {"command": name}})).error == (400, code)
    assert (await ask("imbot.v2.Command.update", update | {"fields": {"title": "T"}})).error == (
        400,
        "COMMAND_TITLE_INVALID",
    )
    assert (await ask("imbot.v2.Command.update", update)).error == (400, "100")


@pytest.mark.parametrize("method", ["update", "unregister", "answer"])
async def test_a_command_of_another_bot_is_not_found(ask, vote, method):
    other = await ask.bot("other")
    params = other | {"commandId": vote["id"], "fields": {}, "messageId": 1, "dialogId": "2"}
    assert (await ask(f"imbot.v2.Command.{method}", params)).error == (400, "COMMAND_NOT_FOUND")


async def test_a_removed_command_is_gone_and_its_id_is_not_used_again(ask, bot, register, vote):
    remove = bot | {"commandId": vote["id"]}
    assert (await ask("imbot.v2.Command.unregister", remove)).result == {"result": True}
    assert (await ask("imbot.v2.Command.unregister", remove)).error == (400, "COMMAND_NOT_FOUND")
    assert (await register()).result["command"]["id"] > vote["id"]


async def test_a_bot_answers_where_it_is_no_member(ask, bot, portal, vote):
    chat = portal.chats[(await ask("im.chat.add", {"TITLE": "Plans"})).result]
    asked = (await ask("im.message.add", {"DIALOG_ID": chat.dialog_id, "MESSAGE": "/vote"})).result
    answer = bot | {"commandId": vote["id"], "messageId": asked, "dialogId": chat.dialog_id}
    fields = {"message": "Yes", "keyboard": [{"TEXT": "No"}]}
    assert (await ask("imbot.v2.Command.answer", answer | {"fields": fields})).result == {"result": True}
    posted = chat.messages[-1]
    assert (posted.author, posted.text, posted.params) == (bot["botId"], "Yes", {"KEYBOARD": [{"TEXT": "No"}]})
    failed = (400, "COMMAND_ANSWER_FAILED")
    assert (await ask("imbot.v2.Command.answer", answer)).error == failed
    assert (await ask("imbot.v2.Command.answer", answer | {"fields": fields, "messageId": 9999})).error == failed
    assert (await ask("imbot.v2.Command.answer", answer | {"fields": fields, "dialogId": "2"})).error == failed
    assert (await ask("imbot.v2.Command.answer", answer | {"fields": fields, "dialogId": "chat999"})).error == (
        400,
        "CHAT_NOT_FOUND",
    )
