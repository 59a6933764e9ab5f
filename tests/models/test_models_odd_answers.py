"""JSON inside texts, ids among other things, and links without an address."""

import pytest

from bitrix_chat.converters import CAMEL_ANSWERS, SNAKE_ANSWERS, UPPER_ANSWERS, decoder
from bitrix_chat.errors import UnexpectedAnswer
from bitrix_chat.models.chat import Chat, Entity
from bitrix_chat.models.command import Command
from bitrix_chat.models.counters import Counters
from bitrix_chat.models.file import DownloadLink, ViewerAttributes
from bitrix_chat.models.json_text import elements_of, from_text, ids_of
from bitrix_chat.models.notification import Notification
from bitrix_chat.resources.im.chat import ChatResource
from bitrix_chat.resources.im.notify_add import added

UNREADABLE = ["[{", "{'a': 1}", "[" * 100_000, "7", '"seven"', "null"]


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_text_that_is_not_the_promised_json_is_absent(text):
    assert decoder(CAMEL_ANSWERS, Chat, "x")({"id": 5, "lastMessageViews": text}) == Chat(id=5)
    assert decoder(CAMEL_ANSWERS, ViewerAttributes, "x")({"actions": text}) == ViewerAttributes()
    assert decoder(SNAKE_ANSWERS, Notification, "x")({"id": 5, "notify_buttons": text}) == Notification(id=5)


def test_what_is_no_text_passes_as_it_is():
    assert from_text([1]) == [1]
    assert from_text("[1]") == [1]


def test_a_map_by_index_is_the_list_of_its_values():
    assert elements_of({"0": "a", "2": "b"}) == elements_of(["a", "b"]) == ["a", "b"]
    assert elements_of("ab") == elements_of(None) == []


def test_only_ids_are_ids():
    assert ids_of([7, "8", None, "", True, "x", [], 1.5]) == [7, 8]


def test_odd_ids_are_left_out():
    chat = decoder(SNAKE_ANSWERS, Chat, "x")
    assert chat({"id": 5, "mute_list": [31, None, ""]}).mute_list == [31]
    assert chat({"id": 5, "mute_list": {"31": True, "32": None, "x": True}}).mute_list == [31]
    assert decoder(UPPER_ANSWERS, Counters, "x")({"CHAT_UNREAD": [15, None], "CHAT": {"16": None}}) == Counters(
        chat_unread=[15]
    )


@pytest.mark.parametrize("raw", [{}, {"downloadUrl": ""}, {"downloadUrl": " "}, {"downloadUrl": None}, [], None])
def test_a_link_without_an_address_is_no_link(raw):
    with pytest.raises(UnexpectedAnswer):
        decoder(CAMEL_ANSWERS, DownloadLink, "x")(raw)


def test_a_link_has_its_address():
    link = decoder(CAMEL_ANSWERS, DownloadLink, "x")({"downloadUrl": "https://portal.example/f"})
    assert link.url == "https://portal.example/f"


def test_a_command_without_parameters_may_say_so_with_a_list():
    assert decoder(CAMEL_ANSWERS, Command, "x")({"id": 42, "params": []}) == Command(id=42)


@pytest.mark.parametrize(("raw", "found"), [({"ID": 0}, None), ({"ID": "0"}, None), (None, None), ({"ID": "5"}, 5)])
def test_a_chat_of_the_number_zero_was_not_found(raw, found):
    call = ChatResource(None).get(Entity("HOUSE", "7"))
    assert call.request
    assert call.decode(raw) == found


@pytest.mark.parametrize(("raw", "told"), [(False, None), (None, None), ("", None), ("7", 7)])
def test_a_notification_that_reached_nobody_has_no_id(raw, told):
    assert added("im.notify")(raw) == told


def test_an_odd_id_of_a_notification_is_an_unexpected_answer():
    with pytest.raises(UnexpectedAnswer):
        added("im.notify")([])
