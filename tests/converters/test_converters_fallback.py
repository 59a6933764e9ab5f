"""A cosmetic oddity does not cost an answer: what has a default falls back to it, what is required is refused."""

import copy
import logging

import attrs
import pytest

from bitrix_chat.converters import CAMEL_ANSWERS, UPPER_ANSWERS, camel_case, decoder
from bitrix_chat.errors import UnexpectedAnswer
from bitrix_chat.models.chat import Chat, ChatInfo
from bitrix_chat.models.counters import Counters, CounterTotals
from bitrix_chat.models.disk import CommittedFiles
from bitrix_chat.models.event import EventPage
from bitrix_chat.models.file import File
from bitrix_chat.models.user import User

read_chat = decoder(CAMEL_ANSWERS, Chat, "x.y")
read_info = decoder(CAMEL_ANSWERS, ChatInfo, "x.y")
OPTIONAL = [field.name for field in attrs.fields(Chat) if field.default is not attrs.NOTHING]


@pytest.mark.parametrize("absent", [None, [], {}])
def test_what_is_absent_in_any_of_phps_ways_is_the_default(absent, caplog):
    caplog.set_level(logging.DEBUG, "bitrix_chat")
    raw = {camel_case(name): absent for name in OPTIONAL if name not in ("permissions", "restrictions", "entity_link")}
    assert read_chat({"id": 5, **raw}) == Chat(id=5)
    assert caplog.records == []


@pytest.mark.parametrize("absent", [False, ""])
def test_a_number_is_not_lost_with_its_answer(absent):
    assert read_chat({"id": 5, "messageCount": absent, "counter": absent, "owner": absent}) == Chat(id=5)


def test_false_is_an_answer_to_yes_or_no():
    for said in (False, ""):
        assert read_chat({"id": 5, "textFieldEnabled": said}).text_field_enabled is False


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize("odd", [7.5, True, "canary", ["canary"], {"canary": "canary"}])
def test_no_optional_field_costs_the_answer(name, odd):
    assert read_info({"chat": {"id": 5, camel_case(name): odd}}).chat.id == 5


def test_a_field_that_falls_back_leaves_the_others_and_is_logged_without_its_value(caplog):
    caplog.set_level(logging.DEBUG, "bitrix_chat")
    assert read_chat({"id": 5, "name": "Roof", "dateCreate": "canary"}) == Chat(id=5, name="Roof")
    (record,) = caplog.records
    assert (record.name, record.levelno, record.exc_info) == ("bitrix_chat", logging.DEBUG, None)
    assert record.getMessage() == "left out what cannot be read of Chat.date_create"


def test_an_object_that_cannot_be_read_is_the_default_of_its_field():
    assert decoder(UPPER_ANSWERS, Counters, "x.y")({"TYPE": 7, "CHAT": {"5": 1}}) == Counters(
        type=CounterTotals(), chat={5: 1}
    )


@pytest.mark.parametrize("users", [[{"id": 1}, {"id": "x"}, {"id": 3}], {"1": {"id": 1}, "2": 7, "3": {"id": 3}}])
def test_of_a_list_what_can_be_read_is_kept(users):
    assert read_info({"chat": {"id": 5}, "users": users}) == ChatInfo(chat=Chat(id=5), users=[User(id=1), User(id=3)])


@pytest.mark.parametrize("files", [{"7": {"id": 7}, "8": {}, "x": {"id": 9}}])
def test_of_a_map_what_can_be_read_is_kept(files):
    read = decoder(UPPER_ANSWERS, CommittedFiles, "x.y")
    assert read({"FILES": files, "MESSAGE_ID": 3}) == CommittedFiles(files={7: File(id=7)}, message_id=3)


def test_a_fault_in_what_is_required_is_named_beside_one_that_is_not():
    with pytest.raises(UnexpectedAnswer) as caught:
        read_info({"chat": {"id": "x", "isNew": "maybe"}, "users": 7})
    assert str(caught.value).endswith("shape: invalid value for type, expected int @ result.chat.id")


@pytest.mark.parametrize("events", [[{"eventId": 9}, {"eventId": "x"}], 7])
def test_an_event_is_never_left_out_since_it_would_be_acknowledged(events):
    with pytest.raises(UnexpectedAnswer, match=r"result\.events"):
        decoder(CAMEL_ANSWERS, EventPage, "x.y")({"events": events, "nextOffset": 12})


@pytest.mark.parametrize("again", [lambda error: error, copy.copy, copy.deepcopy])
def test_what_could_not_be_read_is_kept_by_the_error_and_not_shown(again):
    raw = {"chat": {"id": None, "name": "canary"}}
    with pytest.raises(UnexpectedAnswer) as caught:
        read_info(raw)
    error = again(caught.value)
    assert error.result == raw
    assert "canary" not in f"{error} {error!r}"


def test_an_answer_without_a_result_keeps_none():
    assert UnexpectedAnswer("HTTP 502 with HTML").result is None
