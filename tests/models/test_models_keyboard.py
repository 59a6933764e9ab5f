"""Keyboards are written as the portal wants them and refused where it would drop a button."""

import types

import attrs
import pytest

from bitrix_chat.errors import InvalidParameter, Outcome
from bitrix_chat.models.attachment import Attachment, ColorToken, GridRow
from bitrix_chat.models.bb_code import bold
from bitrix_chat.models.keyboard import (
    Button,
    ButtonAction,
    ButtonContext,
    ButtonDisplay,
    Keyboard,
    NewLine,
    keyboard_wire,
)
from bitrix_chat.models.menu import Menu
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.reference import ref
from bitrix_chat.rest.request import Request
from bitrix_chat.testing import ScriptedTransport

OPEN = Button("Open", link="https://shop.example/")
HELP = Button("Help", command="help", command_params="1")


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda part: Keyboard([{"TEXT": "Open", "APP_ID": part}]), "keyboard"),
        (lambda part: keyboard_wire([OPEN, {"TEXT": "Open", "APP_ID": part}]), "keyboard"),
        (lambda part: Menu([{"TEXT": "Open", "APP_ID": part}]), "menu"),
        (lambda part: Attachment([{"MESSAGE": part}]), "attach"),
    ],
)
def test_a_reference_beside_builders_is_refused(build, name):
    part = ref(Call(Request("x.y"), lambda raw: raw, ScriptedTransport()))
    assert part.call.request
    assert refusal(build, part) == f"a reference cannot stand in `{name}` that is made of builders"


def refusal(function, *args, **kwargs):
    with pytest.raises(InvalidParameter) as caught:
        function(*args, **kwargs)
    assert caught.value.outcome is Outcome.NOT_SENT
    return str(caught.value)


def test_a_keyboard_is_written_in_the_full_form():
    assert Keyboard([OPEN, NewLine(), HELP], bot_id=7).to_wire() == {
        "BOT_ID": 7,
        "BUTTONS": [
            {"TEXT": "Open", "LINK": "https://shop.example/"},
            {"TYPE": "NEWLINE"},
            {"TEXT": "Help", "COMMAND": "help", "COMMAND_PARAMS": "1"},
        ],
    }


def test_every_field_of_a_button_has_its_key():
    button = Button(
        "Pay", command="/pay", command_params="12", context="mobile", disabled=True, block=True, display="line",
        width=90,
        background_color="#0AF", background_color_token="ALERT", text_color="#ffffff",
        disabled_background_color="#123456", disabled_text_color="#abc",
    )  # fmt: skip
    assert button.to_wire() == {
        "TEXT": "Pay", "COMMAND": "/pay", "COMMAND_PARAMS": "12", "CONTEXT": "MOBILE", "DISABLED": "Y", "BLOCK": "Y",
        "DISPLAY": "LINE", "WIDTH": 90, "BG_COLOR": "#0AF", "BG_COLOR_TOKEN": "alert", "TEXT_COLOR": "#ffffff",
        "OFF_BG_COLOR": "#123456", "OFF_TEXT_COLOR": "#abc",
    }  # fmt: skip


def test_false_is_written_and_what_was_not_given_is_not():
    assert Button("A", link="/", disabled=False, block=False).to_wire() == {
        "TEXT": "A",
        "LINK": "/",
        "DISABLED": "N",
        "BLOCK": "N",
    }


def test_words_become_members_and_plain_text_on_the_wire():
    button = Button(
        bold("A"), action="put", action_value="x", context="all", display=ButtonDisplay.BLOCK,
        background_color_token="base",
    )  # fmt: skip
    assert (button.action, button.context, button.background_color_token) == (
        ButtonAction.PUT,
        ButtonContext.ALL,
        ColorToken.BASE,
    )
    assert {type(value) for value in button.to_wire().values()} == {str}


@pytest.mark.parametrize(
    ("action", "value"),
    [("PUT", "/find "), ("SEND", "yes"), ("COPY", "X-1"), ("CALL", "+49 (30) 123-45"), ("CALL", "112"),
     ("DIALOG", "chat5"), ("DIALOG", "5")],
)  # fmt: skip
def test_an_action_carries_its_value(action, value):
    assert Button("A", action=action, action_value=value).to_wire() == {
        "TEXT": "A",
        "ACTION": action,
        "ACTION_VALUE": value,
    }


def test_an_application_is_opened_with_its_parameters():
    assert Button("A", app_id=3, app_params="x=1").to_wire() == {"TEXT": "A", "APP_ID": 3, "APP_PARAMS": "x=1"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "one of `link`, `command`, `action` and `app_id` has to be given"),
        ({"link": "/", "command": "a"}, "`link`, `command` are given together, but the portal keeps only one of them"),
        ({"action": "PUT"}, "`action` is given without `action_value`"),
        ({"link": "/", "action_value": "x"}, "`action_value` is given without `action`"),
        ({"link": "/", "command_params": "x"}, "`command_params` is given without `command`"),
        ({"link": "/", "app_params": "x"}, "`app_params` is given without `app_id`"),
        ({"link": "/", "block": True}, "`block` is given without `command`, where the portal ignores it"),
        ({"link": "shop.example"}, "`link` starts with none of http://, https:// and / (a path on the portal)"),
        ({"link": "HTTPS://shop.example"}, "`link` starts with none of http://, https:// and / (a path on the portal)"),
        ({"link": "javascript:x"}, "`link` starts with none of http://, https:// and / (a path on the portal)"),
        ({"link": 5}, "`link` is int, not text"),
        ({"command": " "}, "`command` is empty"),
        ({"app_id": 0}, "`app_id` is 0, not a whole number above zero"),
        ({"app_id": True}, "`app_id` is True, not a whole number above zero"),
        ({"action": "FLY", "action_value": "x"}, "`action` is 'FLY', not one of PUT, SEND, COPY, CALL, DIALOG"),
        ({"action": "PUT", "action_value": " "}, "`action_value` is empty"),
        ({"action": "CALL", "action_value": "call me"}, "`action_value` of CALL has to be a phone number"),
        ({"action": "CALL", "action_value": "+"}, "`action_value` of CALL has to be a phone number"),
        ({"action": "CALL", "action_value": "1" * 41}, "`action_value` of CALL has to be a phone number"),
        ({"action": "DIALOG", "action_value": "chat0"},
         "`action_value` of DIALOG has to be 'chat5', or '5' for a user"),
        ({"link": "/", "context": "TABLET"}, "`context` is 'TABLET', not one of MOBILE, DESKTOP, ALL"),
        ({"link": "/", "display": 5}, "`display` is 5, not one of LINE, BLOCK"),
        ({"link": "/", "disabled": "N"}, "`disabled` is 'N', not True or False"),
        ({"link": "/", "width": 1.5}, "`width` is of type float, not a whole number above zero"),
        ({"link": "/", "text_color": "red"}, "`text_color` is 'red', not a HEX colour such as '#29619b' or '#fff'"),
        ({"link": "/", "background_color": "#12345"},
         "`background_color` is '#12345', not a HEX colour such as '#29619b' or '#fff'"),
        ({"link": "/", "background_color_token": "x" * 41},
         "`background_color_token` is of type str, not one of primary, secondary, alert, base"),
    ],
)  # fmt: skip
def test_a_button_that_the_portal_would_drop_or_change_is_refused(fields, message):
    assert refusal(Button, "A", **fields) == message


@pytest.mark.parametrize(("text", "message"), [(" ", "`text` is empty"), (None, "`text` is NoneType, not text")])
def test_a_button_without_text_is_refused(text, message):
    assert refusal(Button, text, link="/") == message


@pytest.mark.parametrize(
    ("buttons", "message"),
    [
        ([], "`buttons` is empty"),
        ([NewLine()], "`buttons` has no button"),
        ([OPEN, "Open"], "`buttons[1]` is str, not Button, NewLine or a dict"),
        ("Open", "`buttons` is str, not a list"),
        ({"TEXT": "Open"}, "`buttons` is dict, not a list"),
        (OPEN, "`buttons` is Button, not a list"),
        ([Button("A" * 60_000, link="/")], "`keyboard` has 60036 characters as JSON, the portal takes 60000"),
    ],
)
def test_what_makes_no_keyboard_is_refused(buttons, message):
    assert refusal(Keyboard, buttons) == message


def test_a_keyboard_may_be_as_long_as_the_portal_takes():
    assert Keyboard([Button("Ж" * 59_964, link="/")]).buttons[0].link == "/"


def test_a_button_in_a_keyboard_may_be_plain_json():
    raw = types.MappingProxyType({"TEXT": "Help", "FUNCTION": "x"})
    assert Keyboard(button for button in (raw, OPEN)).to_wire()["BUTTONS"] == [dict(raw), OPEN.to_wire()]


def test_builders_are_frozen_and_comparable():
    assert Keyboard([OPEN]) == Keyboard([Button("Open", link="https://shop.example/")])
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        OPEN.text = "Close"


@pytest.mark.parametrize(
    "raw",
    [None, "N", "", '{"BUTTONS": []}', [], [{"TEXT": "A", "LINK": "x"}], {"BOT_ID": 7, "BUTTONS": [{"TEXT": "A"}]}],
)
def test_plain_json_passes_unchanged(raw):
    assert keyboard_wire(raw, bot_id=9) == raw


def test_plain_json_passes_as_the_types_that_json_has():
    assert keyboard_wire(({"TEXT": "A"},)) == [{"TEXT": "A"}]
    assert type(keyboard_wire(types.MappingProxyType({"BUTTONS": []}))) is dict


def test_a_list_of_builders_is_a_keyboard():
    expected = {"BUTTONS": [OPEN.to_wire(), {"TYPE": "NEWLINE"}, {"TEXT": "A", "LINK": "/"}]}
    assert keyboard_wire([OPEN, NewLine(), {"TEXT": "A", "LINK": "/"}]) == expected
    assert keyboard_wire((OPEN, NewLine(), {"TEXT": "A", "LINK": "/"})) == expected


def test_the_sending_bot_is_filled_in_where_the_keyboard_names_none():
    assert keyboard_wire([HELP], bot_id=7)["BOT_ID"] == 7
    assert keyboard_wire(Keyboard([HELP]), bot_id=7)["BOT_ID"] == 7
    assert keyboard_wire(Keyboard([HELP], bot_id=8), bot_id=7)["BOT_ID"] == 8
    assert keyboard_wire(Keyboard([HELP], bot_id=8))["BOT_ID"] == 8


def test_a_command_that_no_bot_would_get_is_refused():
    message = "`keyboard` has a button with a command, which the portal drops without its `bot_id`"
    assert refusal(keyboard_wire, [OPEN, HELP]) == message
    assert refusal(keyboard_wire, Keyboard([HELP])) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "`keyboard` is int, not a builder, a list, a dict or text"),
        (OPEN, "`keyboard` is Button, not a builder, a list, a dict or text"),
        ([GridRow("A")], "`buttons[0]` is GridRow, not Button, NewLine or a dict"),
    ],
)
def test_what_is_no_keyboard_in_any_form_is_refused(value, message):
    assert refusal(keyboard_wire, value) == message


@pytest.mark.parametrize("bot_id", [0, "7"])
def test_a_bot_id_is_a_positive_number(bot_id):
    assert "not a whole number above zero" in refusal(Keyboard, [HELP], bot_id=bot_id)
