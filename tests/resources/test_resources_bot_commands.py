"""Slash commands: exact requests, translations and their removal, and what the portal would refuse."""

import pytest

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.keyboard import Button, Keyboard
from bitrix_chat.rest.request import Request, Safety

OF_THE_BOT = {"botId": 456, "botToken": "canary-token"}
TITLE = {"en": "Show the weather", "fr": "La meteo"}


def test_register_says_everything(bot):
    call = bot.command.register(
        "weather", title=TITLE, params={"en": "city"}, common=True, hidden=False, extranet_support=True
    )
    fields = {
        "command": "weather",
        "title": TITLE,
        "params": {"en": "city"},
        "common": True,
        "hidden": False,
        "extranetSupport": True,
    }
    assert call.request == Request("imbot.v2.Command.register", {**OF_THE_BOT, "fields": fields}, Safety.IDEMPOTENT)
    assert call.decode({"command": {"id": "42", "command": "/weather"}}).command.id == 42


def test_a_hidden_command_needs_no_title(bot):
    fields = bot.command.register("weather", hidden=True).request.params["fields"]
    assert fields == {"command": "weather", "hidden": True}


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"command": ""}, "`command` is empty"),
        ({"title": None}, "`title` is needed for a command that is not hidden"),
        ({"title": None, "hidden": False}, "`title` is needed for a command that is not hidden"),
        ({"title": "Weather"}, "`title` is str, not a map from language codes to texts"),
        ({"title": {}}, "`title` is empty, not a map from language codes to texts"),
        ({"title": {"": "Weather"}}, "`a language of title` is empty"),
        ({"title": {"en": ""}}, r"`title\[en\]` is empty"),
        ({"title": {"en": None}}, r"`title\[en\]` is empty"),
        ({"title": {"en": 5}}, r"`title\[en\]` is int, not text"),
        ({"params": {"en": None}}, r"`params\[en\]` is empty"),
        ({"common": "Y"}, "`common` is 'Y', but it is True or False"),
        ({"hidden": 0}, "`hidden` is 0, but it is True or False"),
        ({"extranet_support": 1}, "`extranet_support` is 1, but it is True or False"),
    ],
)
def test_a_command_that_the_portal_would_not_take(bot, arguments, fault):
    given = {"command": "weather", "title": TITLE, **arguments}
    with pytest.raises(InvalidParameter, match=fault):
        bot.command.register(given.pop("command"), **given)


def test_update_says_everything_and_removes_by_null(bot):
    call = bot.command.update(
        42,
        command="rain",
        title={"en": "Show the rain", "fr": None},
        params={"en": None},
        common=False,
        hidden=True,
        extranet_support=False,
    )
    fields = {
        "command": "rain",
        "title": {"en": "Show the rain", "fr": None},
        "params": {"en": None},
        "common": False,
        "hidden": True,
        "extranetSupport": False,
    }
    params = {**OF_THE_BOT, "commandId": 42, "fields": fields}
    assert call.request == Request("imbot.v2.Command.update", params, Safety.IDEMPOTENT)
    assert call.decode({"command": {"id": 42, "hidden": "Y"}}).command.hidden is True


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({}, "nothing is given: `command`, `title`, `params`, `common`, `hidden`, `extranet_support`, at least one"),
        ({"command": ""}, "`command` is empty"),
        ({"title": {"en": ""}}, r"`title\[en\]` is empty"),
    ],
)
def test_a_change_that_the_portal_would_not_take(bot, arguments, fault):
    with pytest.raises(InvalidParameter, match=fault):
        bot.command.update(42, **arguments)


def test_what_is_not_given_stays(bot):
    assert bot.command.update(42, hidden=False).request.params["fields"] == {"hidden": False}


def test_unregister_names_the_command(bot):
    call = bot.command.unregister(42)
    assert call.request == Request("imbot.v2.Command.unregister", {**OF_THE_BOT, "commandId": 42}, Safety.IDEMPOTENT)
    assert call.decode({"result": True}) is True


def test_answer_says_everything_and_is_never_repeated(bot):
    call = bot.command.answer(
        42,
        "Rain",
        message_id=77,
        dialog_id="chat5",
        attach=[{"MESSAGE": "block"}],
        keyboard=Keyboard([Button("Again", command="rain")]),
        system=False,
        url_preview=True,
    )
    fields = {
        "message": "Rain",
        "attach": [{"MESSAGE": "block"}],
        "keyboard": {"BOT_ID": 456, "BUTTONS": [{"TEXT": "Again", "COMMAND": "rain"}]},
        "system": False,
        "urlPreview": True,
    }
    params = {**OF_THE_BOT, "commandId": 42, "messageId": 77, "dialogId": "chat5", "fields": fields}
    assert call.request == Request("imbot.v2.Command.answer", params, Safety.CREATE)
    assert call.decode({"result": True}) is True


@pytest.mark.parametrize("arguments", [{}, {"message": ""}, {"keyboard": [{"TEXT": "?"}]}])
def test_an_answer_of_nothing_is_refused(bot, arguments):
    with pytest.raises(InvalidParameter, match="there is no answer: `message` or `attach` is needed"):
        bot.command.answer(42, message_id=77, dialog_id="chat5", **arguments)


@pytest.mark.parametrize(
    ("raw", "commands"),
    [
        ([], []),
        ({"commands": []}, []),
        ({"commands": [{"id": 42, "extranet": "Y", "common": "N"}]}, [(42, True)]),
        ({"commands": {"3": {"id": 42, "extranet": "Y"}}}, [(42, True)]),
        ({"commands": [{"id": "42", "extranetSupport": True}]}, [(42, True)]),
        ({"commands": [{"id": 42, "extranet": "N", "extranetSupport": True}]}, [(42, True)]),
        ({"commands": [{"id": "me", "command": "/me"}, {"id": None}]}, [("me", False), (None, False)]),
    ],
)
def test_list_reads_both_spellings_and_the_portals_own_commands(bot, raw, commands):
    call = bot.command.list()
    assert call.request == Request("imbot.v2.Command.list", OF_THE_BOT, Safety.SAFE)
    listed = call.decode(raw or {})
    assert [(command.id, command.extranet_support) for command in listed.commands] == commands


@pytest.mark.parametrize("raw", [{"commands": ["help"]}, {"commands": "help"}])
def test_commands_that_cannot_be_read_are_left_out(bot, raw):
    call = bot.command.list()
    assert call.request
    assert call.decode(raw).commands == []


@pytest.mark.parametrize("raw", ["help", 5])
def test_a_list_of_something_else_is_no_list(bot, raw):
    call = bot.command.list()
    assert call.request
    with pytest.raises(Exception, match=r"imbot\.v2\.Command\.list: done, but the answer has an unexpected shape"):
        call.decode(raw)
