"""The fields of `im.chat.add` as people pass them."""

import pytest

from bitrix_chat import InvalidParameter, Safety
from bitrix_chat.cli.chat_fields import EXAMPLE, chat_fields
from bitrix_chat.testing.scripted import ScriptedTransport

PIXEL = EXAMPLE["AVATAR"]


@pytest.fixture
def b24():
    return ScriptedTransport().client()


def test_every_field_is_sent_under_the_portals_name(b24):
    fields = {
        "TYPE": "OPEN",
        "TITLE": "New",
        "DESCRIPTION": "About",
        "COLOR": "GREEN",
        "MESSAGE": "Hello",
        "USERS": [10, 1],
        "AVATAR": PIXEL,
        "OWNER_ID": 1,
        "ENTITY_TYPE": "ORDER",
        "ENTITY_ID": "7",
        "COPILOT_MAIN_ROLE": "copilot_assistant",
    }
    assert chat_fields(b24, fields).params == fields


def test_a_chat_is_created_by_a_request_that_is_never_repeated_blindly(b24):
    request = chat_fields(b24, {"TITLE": "New"}).call(b24).request
    assert (request.method, request.params, request.safety) == ("im.chat.add", {"TITLE": "New"}, Safety.CREATE)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"title": "New", "Users": [1]}, {"TITLE": "New", "USERS": [1]}),
        ({"COLOR": "lightBlue"}, {"COLOR": "LIGHT_BLUE"}),
        ({"COLOR": "#4ba984"}, {"COLOR": "MINT"}),
        ({"TYPE": "open"}, {"TYPE": "OPEN"}),
        ({"USERS": ["10", 1]}, {"USERS": [10, 1]}),
        ({"USERS": "[10, 1]"}, {"USERS": [10, 1]}),
        ({"ENTITY_ID": 1663}, {"ENTITY_ID": "1663"}),
        ({"TITLE": 2026}, {"TITLE": "2026"}),
    ],
)
def test_what_the_portal_would_misread_is_sent_as_it_was_meant(b24, given, sent):
    assert chat_fields(b24, given).params == sent


def test_empty_fields_are_not_given(b24):
    empty = {name: type(value)() for name, value in EXAMPLE.items()}
    assert chat_fields(b24, empty | {"OWNER_ID": None}).params == {}


def test_what_the_portal_ignores_is_sent_and_named(b24):
    chat = chat_fields(b24, {"TITLE": "New", "owner_id": 1, "MANAGERS": [1], "Colour": "RED"})
    assert chat.params == {"TITLE": "New", "OWNER_ID": 1, "MANAGERS": [1], "Colour": "RED"}
    assert chat.ignored == ("OWNER_ID", "MANAGERS", "Colour")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"COLOR": "ORANGE"}, "`COLOR`"),
        ({"COLOR": 5}, "`COLOR`"),
        ({"TYPE": "CHANNEL"}, "`TYPE`"),
        ({"AVATAR": "17"}, "`AVATAR`"),
        ({"AVATAR": 17}, "`AVATAR`"),
        ({"AVATAR": "aGVsbG8="}, "`AVATAR`"),
        ({"AVATAR": f"data:image/png;base64,{PIXEL}"}, "`AVATAR`"),
        ({"USERS": [1, 0]}, r"`USERS\[1\]`"),
        ({"USERS": [True]}, r"`USERS\[0\]`"),
        ({"USERS": 1}, "`USERS`"),
        ({"USERS": "all"}, "`USERS`"),
        ({"TITLE": "x" * 256}, "`TITLE`"),
        ({"TITLE": ["x"]}, "`TITLE`"),
        ({"ENTITY_TYPE": "x" * 51}, "`ENTITY_TYPE`"),
        ({"ENTITY_ID": "x" * 256}, "`ENTITY_ID`"),
        ({"TITLE": "a", "title": "b"}, "`TITLE`"),
    ],
)
def test_what_the_portal_would_drop_is_refused_by_its_name(b24, fields, name):
    with pytest.raises(InvalidParameter, match=name):
        chat_fields(b24, fields)
