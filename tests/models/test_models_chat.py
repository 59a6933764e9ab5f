"""What the portal writes of a chat in several forms is read as one."""

import pytest

from bitrix_chat.converters import CAMEL_ANSWERS, SNAKE_ANSWERS, decoder
from bitrix_chat.models.chat import Chat, MessageViews, PublicLink

read_camel = decoder(CAMEL_ANSWERS, Chat, "imbot.v2.Chat.get")
read_snake = decoder(SNAKE_ANSWERS, Chat, "im.dialog.get")


@pytest.mark.parametrize(
    ("raw", "ids"),
    [([31, "32"], [31, 32]), ({"31": True, "32": "N", "33": "Y"}, [31, 33]), ([], []), ({}, []), (None, [])],
)
def test_who_muted_it_is_a_list_or_keys(raw, ids):
    assert read_snake({"id": 12, "mute_list": raw}).mute_list == ids


@pytest.mark.parametrize(
    "raw",
    [
        {"message_id": "700", "first_viewers": [{"user_id": 31}], "count_of_viewers": 2},
        {"messageId": 700, "firstViewers": [{"user_id": 31}], "countOfViewers": "2"},
        '{"messageId": 700, "firstViewers": [{"user_id": 31}], "countOfViewers": 2}',
    ],
)
def test_who_saw_it_is_an_object_or_a_text(raw):
    views = MessageViews(message_id=700, first_viewers=({"user_id": 31},), count_of_viewers=2)
    assert read_snake({"id": 12, "last_message_views": raw}).last_message_views == views


@pytest.mark.parametrize("raw", ["", "[]", [], {}, None, False])
def test_nobody_saw_it(raw):
    assert read_camel({"id": 12, "lastMessageViews": raw}).last_message_views is None


@pytest.mark.parametrize(
    ("raw", "link"),
    [
        ("https://portal.example/online/x", PublicLink(link="https://portal.example/online/x")),
        (
            {"code": "x", "link": "https://portal.example/online/x"},
            PublicLink(code="x", link="https://portal.example/online/x"),
        ),
        ({"code": None, "link": "y"}, PublicLink(link="y")),
        ("", None),
        ([], None),
        (None, None),
    ],
)
def test_the_address_for_guests_is_a_text_or_an_object(raw, link):
    assert read_camel({"id": 12, "public": raw}).public == link


def test_a_chat_names_its_colour():
    assert read_camel({"id": 12, "color": "#4ba984"}).color_name == "mint"
