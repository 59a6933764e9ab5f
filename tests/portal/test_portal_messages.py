"""`im.message.*`: what a person writes, changes, takes back, likes and shares."""

import json

import pytest

BUTTONS = {"BUTTONS": [{"TEXT": "Yes", "COMMAND": "vote"}, {"TYPE": "NEWLINE"}, {"LINK": "no text"}]}


@pytest.fixture
async def chat(ask, portal):
    """A chat of the administrator and of users 2 and 3."""
    return portal.chats[(await ask("im.chat.add", {"TITLE": "Plans", "USERS": [2, 3]})).result]


@pytest.fixture
def write(ask, chat):
    """Write into the chat, and return the message."""

    async def write(text="Hello", base=None, **params):
        sent = await ask("im.message.add", {"DIALOG_ID": chat.dialog_id, "MESSAGE": text} | params, base=base)
        return next(message for message in chat.messages if message.id == sent.result)

    return write


@pytest.fixture
def boris(portal):
    return portal.add_webhook(user_id=2)


@pytest.fixture
def stranger(portal):
    return portal.add_webhook(user_id=9)


async def test_a_message_carries_what_was_sent_with_it(write):
    first = await write()
    message = await write(
        "Look",
        ATTACH=[{"MESSAGE": "Details"}, {"NOISE": 1}],
        KEYBOARD=json.dumps(BUTTONS),
        MENU={"ITEMS": [{"TEXT": "More", "LINK": "https://bots.example"}]},
        URL_PREVIEW="N",
        REPLY_ID=first.id,
    )
    assert message.params == {
        "ATTACH": [{"BLOCKS": [{"MESSAGE": "Details"}]}],
        "KEYBOARD": [{"TEXT": "Yes", "COMMAND": "vote"}, {"TYPE": "NEWLINE"}],
        "MENU": [{"TEXT": "More", "LINK": "https://bots.example"}],
        "URL_PREVIEW": "N",
        "REPLY_ID": first.id,
    }


async def test_an_attachment_needs_no_text(write):
    message = await write("", ATTACH={"COLOR_TOKEN": "alert", "BLOCKS": [{"DELIMITER": {"SIZE": 100}}]})
    assert message.params["ATTACH"] == [{"COLOR_TOKEN": "alert", "BLOCKS": [{"DELIMITER": {"SIZE": 100}}]}]


async def test_a_system_message_is_nobodys(ask, chat, write):
    message = await write("Door opened", SYSTEM="Y")
    shown = (await ask("im.dialog.messages.get", {"DIALOG_ID": chat.dialog_id, "LIMIT": 1})).result
    assert (message.author, shown["messages"][0]["author_id"], shown["users"]) == (1, 0, [])


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"MESSAGE": " "}, 400, "MESSAGE_EMPTY"),
        ({"DIALOG_ID": None}, 400, "PARAMS_ERROR"),
        ({"DIALOG_ID": "0"}, 400, "USER_ID_EMPTY"),
        ({"DIALOG_ID": "chat0"}, 400, "CHAT_ID_EMPTY"),
        ({"DIALOG_ID": "someone"}, 400, "DIALOG_ID_EMPTY"),
        ({"DIALOG_ID": 9999}, 400, "USER_NOT_FOUND"),
        ({"DIALOG_ID": "chat9999"}, 403, "ACCESS_ERROR"),
        ({"ATTACH": [{"NOISE": 1}]}, 400, "ATTACH_ERROR"),
        ({"ATTACH": "no JSON"}, 400, "ATTACH_ERROR"),
        ({"ATTACH": [{"MESSAGE": "x" * 60_000}]}, 400, "ATTACH_OVERSIZE"),
        ({"KEYBOARD": {"BUTTONS": [{"LINK": "x"}]}}, 400, "KEYBOARD_ERROR"),
        ({"MENU": [7]}, 400, "MENU_ERROR"),
        ({"REPLY_ID": 9999}, 403, "REPLY_ACCESS_ERROR"),
    ],
)
async def test_a_message_that_cannot_be_sent_is_refused(ask, chat, params, status, code):
    before = len(chat.messages)
    whole = {"DIALOG_ID": chat.dialog_id, "MESSAGE": "Hi"} | params
    assert (await ask("im.message.add", whole)).error == (status, code)
    assert len(chat.messages) == before


async def test_one_replies_within_a_chat(ask, write):
    message = await write()
    sent = await ask("im.message.add", {"DIALOG_ID": "2", "MESSAGE": "Hi", "REPLY_ID": message.id})
    assert sent.error == (403, "REPLY_FROM_OTHER_CHAT_ERROR")


async def test_a_guest_writes_to_nobody_they_cannot_see(ask, portal):
    guest = portal.add_webhook(user_id=portal.extranet_user_id)
    assert (await ask("im.message.add", {"DIALOG_ID": 2, "MESSAGE": "Hi"}, base=guest)).error == (403, "ACCESS_ERROR")


async def test_a_chat_may_be_named_by_its_number(ask, chat):
    sent = await ask("im.message.add", {"CHAT_ID": chat.id, "MESSAGE": "Hi"})
    assert sent.result == chat.last_message_id


async def test_ones_own_message_can_be_changed(ask, write):
    message = await write("Helo", KEYBOARD=BUTTONS, ATTACH=[{"MESSAGE": "x"}])
    changes = {"MESSAGE": "Hello", "KEYBOARD": "N", "URL_PREVIEW": "N"}
    assert (await ask("im.message.update", {"MESSAGE_ID": message.id} | changes)).result is True
    assert message.text == "Hello"
    assert message.params == {"ATTACH": [{"BLOCKS": [{"MESSAGE": "x"}]}], "URL_PREVIEW": "N", "IS_EDITED": "Y"}


async def test_a_change_may_go_unmarked_and_leave_the_text(ask, write):
    message = await write()
    await ask("im.message.update", {"MESSAGE_ID": message.id, "ATTACH": [{"MESSAGE": "x"}], "IS_EDITED": "N"})
    assert (message.text, list(message.params)) == ("Hello", ["ATTACH"])


async def test_an_empty_text_deletes_the_message_unless_it_has_an_attachment(ask, chat, write):
    bare, attached = await write(), await write(ATTACH=[{"MESSAGE": "x"}])
    for message in (bare, attached):
        assert (await ask("im.message.update", {"MESSAGE_ID": message.id, "MESSAGE": ""})).result is True
    assert bare not in chat.messages
    assert (attached in chat.messages, attached.text) == (True, "")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"ATTACH": [1]}, "ATTACH_ERROR"),
        ({"KEYBOARD": [1]}, "KEYBOARD_ERROR"),
        ({"MENU": [1]}, "menu_ERROR"),
        ({"MENU": [{"TEXT": "x" * 60_000}]}, "MENU_OVERSIZE"),
        ({"KEYBOARD": [{"TEXT": "x" * 60_000}]}, "KEYBOARD_OVERSIZE"),
    ],
)
async def test_a_change_is_refused_by_its_code(ask, write, params, code):
    message = await write()
    assert (await ask("im.message.update", {"MESSAGE_ID": message.id} | params)).error == (400, code)


@pytest.mark.parametrize("method", ["im.message.update", "im.message.delete"])
async def test_no_other_member_may_touch_a_message(ask, write, boris, method):
    message = await write()
    assert (await ask(method, {"MESSAGE_ID": message.id, "MESSAGE": "x"}, base=boris)).error == (
        403,
        "CANT_EDIT_MESSAGE",
    )
    assert (await ask(method, {"MESSAGE_ID": 9999, "MESSAGE": "x"})).error == (403, "CANT_EDIT_MESSAGE")
    assert (await ask(method, {"MESSAGE_ID": "x"})).error == (400, "MESSAGE_ID_ERROR")


async def test_who_manages_a_chat_deletes_any_message_and_changes_none_but_their_own(ask, chat, write):
    system = await write(SYSTEM="Y")
    assert (await ask("im.message.update", {"MESSAGE_ID": system.id, "MESSAGE": "x"})).error == (
        403,
        "CANT_EDIT_MESSAGE",
    )
    assert (await ask("im.message.delete", {"MESSAGE_ID": system.id})).result is True
    assert system not in chat.messages


async def test_a_message_that_nobody_read_is_gone_when_it_is_deleted(ask, chat, write):
    before = chat.last_message_id
    message = await write()
    assert (await ask("im.message.delete", {"message_id": message.id})).result is True
    assert message not in chat.messages
    assert chat.last_message_id == before
    assert (await ask("im.message.delete", {"MESSAGE_ID": message.id})).error == (403, "CANT_EDIT_MESSAGE")


async def test_a_message_that_was_read_leaves_a_trace(ask, chat, write, boris):
    message = await write(ATTACH=[{"MESSAGE": "x"}])
    await ask("im.dialog.read", {"DIALOG_ID": chat.dialog_id}, base=boris)
    await ask("im.message.delete", {"MESSAGE_ID": message.id})
    assert (message in chat.messages, message.params) == (True, {"IS_DELETED": "Y"})
    assert message.text != "Hello"


async def test_a_like_can_be_given_and_taken_back_once(ask, write, boris):
    message = await write()
    like = {"MESSAGE_ID": message.id}
    assert (await ask("im.message.like", like | {"ACTION": "plus"}, base=boris)).result is True
    assert (await ask("im.message.like", like | {"ACTION": "plus"}, base=boris)).error == (400, "WITHOUT_CHANGES")
    assert message.reactions == {"LIKE": [2]}
    assert (await ask("im.message.like", like, base=boris)).result is True
    assert message.reactions == {}
    assert (await ask("im.message.like", like | {"ACTION": "minus"}, base=boris)).error == (400, "WITHOUT_CHANGES")
    assert (await ask("im.message.like", like, base=boris)).result is True
    assert message.reactions == {"LIKE": [2]}


async def test_a_message_out_of_reach_cannot_be_liked(ask, write, stranger):
    message = await write()
    assert (await ask("im.message.like", {"MESSAGE_ID": message.id}, base=stranger)).error == (400, "WITHOUT_CHANGES")
    assert (await ask("im.message.like")).error == (400, "MESSAGE_ID_ERROR")


@pytest.mark.parametrize("kind", ["TASK", "POST", "CALEND"])
async def test_something_made_of_a_message_is_announced(ask, chat, write, kind):
    message = await write()
    params = {"MESSAGE_ID": message.id, "DIALOG_ID": chat.dialog_id, "TYPE": kind}
    assert (await ask("im.message.share", params)).result is True
    assert chat.messages[-1].id > message.id
    assert chat.messages[-1].system


async def test_a_chat_made_of_a_message_quotes_it_to_the_same_people(ask, portal, chat, write):
    message = await write("Shall we?")
    await ask("im.message.share", {"MESSAGE_ID": message.id, "DIALOG_ID": chat.dialog_id, "TYPE": "CHAT"})
    made = portal.chats[max(portal.chats)]
    assert (made.id > chat.id, set(made.members)) == (True, {1, 2, 3})
    assert "Shall we?" in made.messages[-1].text


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"MESSAGE_ID": 0}, (400, "MESSAGE_ID_ERROR")),
        ({"DIALOG_ID": "x"}, (400, "DIALOG_ID_EMPTY")),
        ({"DIALOG_ID": "chat999"}, (403, "ACCESS_ERROR")),
        ({"TYPE": "POEM"}, (400, "PARAMS_ERROR")),
        ({"MESSAGE_ID": 9999}, (400, "PARAMS_ERROR")),
    ],
)
async def test_what_cannot_be_shared_is_refused(ask, chat, write, params, error):
    message = await write()
    whole = {"MESSAGE_ID": message.id, "DIALOG_ID": chat.dialog_id, "TYPE": "TASK"} | params
    assert (await ask("im.message.share", whole)).error == error


async def test_a_button_runs_a_command_of_a_bot_in_the_chat(ask, portal, chat, write):
    bot = await ask.bot()
    await ask("imbot.v2.Command.register", bot | {"fields": {"command": "vote", "title": {"en": "Vote"}}})
    message = await write()
    press = {"MESSAGE_ID": message.id, "BOT_ID": bot["botId"], "COMMAND": "vote"}
    assert (await ask("im.message.command", press)).error == (400, "PARAMS_ERROR")
    await ask("im.chat.user.add", {"CHAT_ID": chat.id, "USERS": [bot["botId"]]})
    assert (await ask("im.message.command", press)).result is True
    assert portal.bots[bot["botId"]].counts["Command"] == 1
    assert (await ask("im.message.command", press | {"COMMAND": "sing"})).error == (400, "PARAMS_ERROR")
    assert (await ask("im.message.command", press | {"COMMAND": ""})).error == (400, "COMMAND_ERROR")
    assert (await ask("im.message.command", press | {"BOT_ID": ""})).error == (400, "BOT_ID_ERROR")
    assert (await ask("im.message.command", press | {"MESSAGE_ID": ""})).error == (400, "MESSAGE_ID_ERROR")
