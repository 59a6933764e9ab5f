"""What is kept of an event that nobody could handle: readable later, and opening nothing."""

import json

import pytest

from bitrix_chat.events.dead_letters import error_line, error_text, letter_of
from bitrix_chat.events.types import UnknownEvent
from bitrix_chat.testing import message_added

SECRET = "emulated" + "5e" * 12


def raised(text):
    try:
        _fail(text)
    except LookupError as error:
        return error


def _fail(text):
    hidden = f"{SECRET} in a variable"
    raise LookupError(text or hidden)


def test_an_event_is_kept_as_json():
    letter = letter_of(message_added("Hello", chat_id=9))
    assert json.loads(json.dumps(letter)) == letter
    assert (letter["type"], letter["data"]["chat"]["id"]) == ("ONIMBOTV2MESSAGEADD", 9)
    assert letter["date"].startswith("2031-05-06T07:08:09")


def test_an_event_of_strange_data_is_kept_too():
    letter = letter_of(UnknownEvent(type="ONNEW", raw={7: ({1, 2}, b"x"), "n": None, "deep": {"list": [1.5, True]}}))
    assert json.loads(json.dumps(letter))["data"]["deep"] == {"list": [1.5, True]}
    assert letter["date"] is None


def test_a_traceback_tells_places_but_no_variables():
    text = error_text(raised("no luck"))
    assert "in _fail" in text
    assert text.rstrip().endswith("LookupError: no luck")
    assert "in a variable" not in text.replace('f"{SECRET} in a variable"', "")


@pytest.mark.parametrize(
    "said",
    [
        f"with {SECRET}",
        "https://portal.example/rest/1/5e5e5e5e5e5e/im.chat.add",
        "/rest/17/5e5e5e5e5e5e?auth=1",
        "{'access_token': '5e5e5e5e5e5e', 'n': 1}",
        '{"refresh_token":"5e5e5e5e5e5e"}',
        "application_token=5e5e5e5e5e5e&x=1",
        "botToken: 5e5e5e5e5e5e",
    ],
)
def test_what_opens_something_is_masked_wherever_it_stands(said):
    for text in (error_text(raised(said), [SECRET]), error_line(raised(said), [SECRET])):
        assert "5e5e5e" not in text
        assert "***" in text


def test_the_errors_behind_an_error_are_masked_likewise():
    error = LookupError("outer")
    error.__cause__ = KeyError(SECRET)
    text = error_text(error, [SECRET])
    assert "KeyError: '***'" in text
    assert SECRET not in text


def test_a_long_text_keeps_its_end():
    text = error_text(raised("x" * 50_000 + "end"))
    assert len(text) <= 20_000
    assert text.rstrip().endswith("end")
    assert len(error_line(raised("x" * 50_000))) <= 500


def test_one_line_is_one_line():
    assert error_line(raised("first\nsecond")) == "LookupError: first"
