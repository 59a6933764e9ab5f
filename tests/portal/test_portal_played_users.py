"""People at the portal, played: what they type, press and call, and what bots learn of it."""

import pytest

from bitrix_chat.portal import Plan, Portal, PortalPolicy, Refusal


@pytest.fixture
async def bot(ask):
    return await ask.bot()


@pytest.fixture
def user(portal):
    return portal.user(2)


@pytest.fixture
def told(ask, bot):
    """Return what a bot was told since the last time."""
    offset = 0

    async def told(of=bot):
        nonlocal offset
        page = (await ask("imbot.v2.Event.get", of | {"offset": offset})).result
        offset = page["nextOffset"]
        return [(event["type"].removeprefix("ONIMBOTV2"), event["data"]) for event in page["events"]]

    return told


@pytest.fixture
def register(ask, bot):
    async def register(name, of=bot, **fields):
        fields = {"command": name, "title": {"en": "T"}} | fields
        return (await ask("imbot.v2.Command.register", of | {"fields": fields})).result["command"]["id"]

    return register


@pytest.fixture
async def chat_id(user, bot, told):
    """A chat of the user with the bot, which knows."""
    chat_id = await user.create_chat("Talk", [bot["botId"]])
    assert [kind for kind, _ in await told()] == ["JOINCHAT"]
    return chat_id


@pytest.fixture
def send(ask, bot):
    """Send something as the bot and return the id of the message."""

    async def send(dialog_id, **fields):
        sent = await ask("imbot.v2.Chat.Message.send", bot | {"dialogId": dialog_id, "fields": fields})
        return sent.result["id"]

    return send


async def test_what_a_user_does_is_no_request(portal, user, bot):
    hits = portal.hits
    await user.say(bot["botId"], "Hello")
    assert (portal.hits, portal.executions["im.message.add"]) == (hits, 0)


async def test_a_user_says_changes_and_deletes(portal, user, bot, told):
    message_id = await user.say(bot["botId"], "Helo", template_id="6a1c8e5e-9f0b-4b57-8f6c-0b9f6d5f1f11")
    assert portal.chats[2].messages[0].author == 2
    await user.edit(message_id, "Hello")
    await user.delete(message_id)
    assert [kind for kind, _ in await told()] == ["MESSAGEADD", "MESSAGEUPDATE", "MESSAGEDELETE"]


async def test_a_user_can_do_no_more_than_the_portal_allows(portal, user, chat_id):
    foreign = await portal.user(3).create_chat("Elsewhere")
    with pytest.raises(Refusal) as refused:
        await user.say(f"chat{foreign}", "Hello")
    assert refused.value.code == "ACCESS_ERROR"
    mine = await user.say(f"chat{chat_id}", "Mine")
    with pytest.raises(Refusal):
        await portal.user(3).edit(mine, "Theirs")
    with pytest.raises(LookupError, match="sees no message"):
        await portal.user(3).react(mine)


@pytest.mark.parametrize("who", ["bot", "dismissed", "nobody"])
async def test_only_people_who_work_here_can_be_played(portal, bot, who):
    user_id = {"bot": bot["botId"], "dismissed": portal.inactive_user_ids[0], "nobody": 9999}[who]
    with pytest.raises(ValueError, match="nobody to play"):
        portal.user(user_id)


async def test_reactions_come_and_go_once(user, send, chat_id, told):
    message_id = await send(f"chat{chat_id}", message="Done")
    assert await user.react(message_id, "redHeart") is True
    assert await user.react(message_id, "redHeart") is False
    assert await user.take_back(message_id, "redHeart") is True
    assert [(data["reaction"], data["action"]) for _, data in await told()] == [
        ("redHeart", "add"),
        ("redHeart", "delete"),
    ]
    with pytest.raises(LookupError, match="no reaction"):
        await user.react(message_id, "shrug")


async def test_a_bot_is_invited_and_a_user_leaves(portal, user, bot, told):
    chat_id = await user.create_chat("Talk")
    assert await told() == []
    await user.invite(chat_id, bot["botId"], 3)
    ((kind, data),) = await told()
    assert (kind, data["dialogId"], data["user"]["id"]) == ("JOINCHAT", f"chat{chat_id}", 2)
    await user.leave(chat_id)
    assert portal.chats[chat_id].members == {3, bot["botId"]}


class TestCommands:
    async def test_a_typed_command_is_told_instead_of_its_message(self, user, chat_id, register, told):
        command_id = await register("report")
        message_id = await user.use_command(f"chat{chat_id}", "/report a b")
        ((kind, data),) = await told()
        assert kind == "COMMANDADD"
        assert data.keys() == {"bot", "command", "message", "chat", "user", "language"}
        assert data["command"] == {"id": command_id, "command": "/report", "params": "a b", "context": "textarea"}
        assert (data["message"]["id"], data["message"]["text"]) == (message_id, "/report a b")
        assert data["bot"]["countCommand"] == 1

    async def test_a_message_may_use_commands_without_meaning_to(self, ask, bot, register, told):
        await register("report")
        await ask("im.message.add", {"DIALOG_ID": bot["botId"], "MESSAGE": "/report"})
        assert [kind for kind, _ in await told()] == ["COMMANDADD"]

    async def test_every_line_may_use_one(self, user, bot, register, told):
        await register("report")
        await register("vote")
        await user.say(bot["botId"], "Look:\n/report a\n /vote no\n/vote yes")
        assert [(data["command"]["command"], data["command"]["params"]) for _, data in await told()] == [
            ("/report", "a"),
            ("/vote", "yes"),
        ]

    @pytest.mark.parametrize("text", ["/reports", "report", "say /report", "//report", "/"])
    async def test_what_is_no_command_is_a_message(self, user, bot, register, told, text):
        await register("report")
        await user.say(bot["botId"], text)
        assert [kind for kind, _ in await told()] == ["MESSAGEADD"]
        with pytest.raises(LookupError, match="nobody offers"):
            await user.use_command(bot["botId"], text)

    async def test_a_common_command_works_where_its_bot_is_not(self, user, register, told):
        await register("report")
        await register("weather", common=True)
        chat_id = await user.create_chat("Without the bot")
        await user.use_command(f"chat{chat_id}", "/weather")
        with pytest.raises(LookupError):
            await user.use_command(f"chat{chat_id}", "/report")
        assert [data["command"]["command"] for _, data in await told()] == ["/weather"]

    async def test_a_guest_may_use_what_is_for_guests(self, ask, portal, bot, register, told):
        guest = portal.extranet_user_id
        chat_id = await portal.user(2).create_chat("Outside", [guest, bot["botId"]])
        await register("report")
        await register("help", extranetSupport=True)
        await told()
        await portal.user(guest).use_command(f"chat{chat_id}", "/help")
        with pytest.raises(LookupError):
            await portal.user(guest).use_command(f"chat{chat_id}", "/report")
        assert [kind for kind, _ in await told()] == ["COMMANDADD"]

    async def test_bots_that_share_a_name_are_all_told(self, ask, user, bot, register):
        other = await ask.bot(code="other")
        for each in (bot, other):
            await register("report", of=each)
        chat_id = await user.create_chat("Two", [bot["botId"], other["botId"]])
        await user.use_command(f"chat{chat_id}", "/report")
        for each in (bot, other):
            events = (await ask("imbot.v2.Event.get", each)).result["events"]
            assert events[-1]["type"] == "ONIMBOTV2COMMANDADD"

    async def test_bots_use_no_commands(self, ask, user, bot, register, told):
        other = await ask.bot(code="other")
        await register("report")
        chat_id = await user.create_chat("Two", [bot["botId"], other["botId"]])
        await told()
        said = {"dialogId": f"chat{chat_id}", "fields": {"message": "/report"}}
        assert (await ask("imbot.v2.Chat.Message.send", other | said)).status == 200
        assert await told() == []

    async def test_system_messages_are_told_to_no_bot(self, ask, bot, register, told):
        await register("report")
        said = {"DIALOG_ID": bot["botId"], "SYSTEM": "Y"}
        for text in ("/report", "Hello"):
            assert (await ask("im.message.add", said | {"MESSAGE": text})).status == 200
        assert await told() == []

    async def test_users_learn_of_the_message_all_the_same(self, ask, user, chat_id, register, portal):
        await register("report")
        await ask("im.v2.Event.subscribe", base=portal.add_webhook(2))
        await user.use_command(f"chat{chat_id}", "/report")
        events = (await ask("im.v2.Event.get", base=portal.add_webhook(2))).result["events"]
        assert [event["type"] for event in events] == ["ONIMV2MESSAGEADD"]

    async def test_commands_go_with_their_bot(self, ask, user, bot, register):
        await register("weather", common=True)
        await ask("imbot.v2.Bot.unregister", bot)
        chat_id = await user.create_chat("Talk")
        await user.say(f"chat{chat_id}", "/weather")
        with pytest.raises(LookupError):
            await user.use_command(f"chat{chat_id}", "/weather")


KEYBOARD = [
    {"TEXT": "Yes", "COMMAND": "vote", "COMMAND_PARAMS": "yes"},
    {"TYPE": "NEWLINE"},
    {"TEXT": "Site", "LINK": "https://portal.example/"},
    {"TEXT": "Say it", "ACTION": "SEND", "ACTION_VALUE": "I say it"},
    {"TEXT": "Copy", "ACTION": "COPY", "ACTION_VALUE": "x"},
    {"TEXT": "Later", "COMMAND": "vote", "DISABLED": "Y"},
]


class TestButtons:
    @pytest.fixture
    async def message_id(self, send, chat_id, register):
        await register("vote")
        return await send(f"chat{chat_id}", message="Vote", keyboard=KEYBOARD)

    @pytest.mark.parametrize("button", ["Yes", 0])
    async def test_a_button_uses_a_command_upon_its_message(self, user, message_id, told, button):
        await user.press(message_id, button)
        ((kind, data),) = await told()
        assert (kind, data["command"]["params"], data["command"]["context"]) == ("COMMANDADD", "yes", "keyboard")
        assert (data["message"]["id"], data["user"]["id"]) == (message_id, 2)

    async def test_the_method_behind_the_button_does_the_same(self, ask, portal, bot, message_id, told):
        pressed = {"MESSAGE_ID": message_id, "BOT_ID": bot["botId"], "COMMAND": "vote", "COMMAND_PARAMS": "no"}
        assert (await ask("im.message.command", pressed, base=portal.add_webhook(2))).result is True
        ((_, data),) = await told()
        assert (data["command"]["command"], data["command"]["params"]) == ("/vote", "no")

    async def test_a_button_may_speak_for_the_user(self, portal, user, message_id, chat_id):
        await user.press(message_id, "Say it")
        last = portal.chats[chat_id].messages[-1]
        assert (last.text, last.author) == ("I say it", 2)

    @pytest.mark.parametrize(
        ("button", "why"), [("Site", "opens a page"), ("Copy", "does nothing"), ("Later", "is disabled")]
    )
    async def test_what_the_bot_never_learns_is_refused(self, user, message_id, told, button, why):
        with pytest.raises(ValueError, match=why):
            await user.press(message_id, button)
        assert await told() == []

    @pytest.mark.parametrize("button", ["No", 5, -1])
    async def test_a_button_must_be_there(self, user, message_id, button):
        with pytest.raises(LookupError, match="Yes"):
            await user.press(message_id, button)

    @pytest.mark.usefixtures("message_id")
    async def test_a_keyboard_may_name_its_bot(self, user, bot, chat_id, told):
        keyboard = {"BOT_ID": bot["botId"], "BUTTONS": KEYBOARD}
        mine = await user.say(f"chat{chat_id}", "Mine", keyboard=keyboard)
        await user.press(mine, "Yes")
        assert [kind for kind, _ in await told()] == ["COMMANDADD"]

    async def test_a_command_that_is_gone_is_refused_by_the_portal(self, ask, user, bot, message_id):
        await ask("imbot.v2.Command.unregister", bot | {"commandId": 1})
        with pytest.raises(Refusal) as refused:
            await user.press(message_id, "Yes")
        assert refused.value.code == "PARAMS_ERROR"

    async def test_an_item_of_a_menu_has_its_own_context(self, portal, user, bot, register, told):
        await register("vote")
        menu = [{"TEXT": "Yes", "COMMAND": "vote", "BOT_ID": bot["botId"]}]
        message_id = await portal.user(3).say(bot["botId"], "Vote", menu=menu)
        await told()
        await portal.user(3).choose(message_id, "Yes")
        ((_, data),) = await told()
        assert data["command"]["context"] == "menu"


async def test_a_context_is_told_with_the_private_chat(user, bot, told, portal):
    await user.open_context(bot["botId"], {"source": "link", "entityId": 164, "tags": ["a"], "nothing": None})
    await user.open_context(bot["botId"], {})
    (kind, first), (_, second) = await told()
    assert (kind, first["dialogId"], first["chat"]["type"]) == ("CONTEXTGET", "2", "private")
    assert first["context"] == {"source": "link", "entityId": 164, "tags": ["a"], "nothing": None}
    assert second["context"] == [], "an empty map is a list"
    with pytest.raises(LookupError, match="no bot"):
        await user.open_context(3, {})


async def test_a_first_private_talk_may_count_as_joining(serve):
    ask = await serve(policy=PortalPolicy(private_joins=True))
    bot = await ask.bot()
    for text in ("Hello", "Again"):
        await ask.portal.user(2).say(bot["botId"], text)
    await ask.portal.user(2).say(3, "No bot here")
    events = (await ask("imbot.v2.Event.get", bot)).result["events"]
    assert [event["type"] for event in events] == [
        "ONIMBOTV2JOINCHAT",
        "ONIMBOTV2MESSAGEADD",
        "ONIMBOTV2MESSAGEADD",
    ]
    assert (events[0]["data"]["dialogId"], events[0]["data"]["user"]["id"]) == ("2", 2)


async def test_a_portal_that_does_not_run_can_be_prepared():
    portal = Portal(plan=Plan.UNLIMITED)
    chat_id = await portal.user(1).create_chat("Before the start", [2])
    assert portal.chats[chat_id].members == {1, 2}
