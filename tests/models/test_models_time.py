"""The portal's account of a request's time, any part of which may be missing or odd."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat.models.time import Time

NUMBERS = ("start", "finish", "duration", "processing", "operating", "operating_reset_at")


def test_a_whole_account_is_read():
    raw = {
        "start": 1_900_000_000,
        "finish": 1_900_000_000.75,
        "duration": "0.75",
        "processing": 0,
        "date_start": "2030-03-17T19:46:40+02:00",
        "date_finish": "2030-03-17T19:46:41+02:00",
        "operating": 0.25,
        "operating_reset_at": "1900000600",
        "new": [],
    }
    assert Time.of(raw) == Time(
        start=1_900_000_000.0,
        finish=1_900_000_000.75,
        duration=0.75,
        processing=0.0,
        date_start="2030-03-17T19:46:40+02:00",
        date_finish="2030-03-17T19:46:41+02:00",
        operating=0.25,
        operating_reset_at=1_900_000_600.0,
    )


def test_nothing_is_required():
    assert Time.of({}) == Time()


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value", [None, "", "soon", True, False, [], {}, float("nan"), float("inf"), "nan", "-inf", 10**400]
)
def test_what_is_no_number_of_seconds_is_missing(name, value):
    assert getattr(Time.of({name: value}), name) is None


@pytest.mark.parametrize("value", [None, 5, [], {}, True])
def test_a_date_that_is_no_text_is_missing(value):
    assert Time.of({"date_start": value, "date_finish": value}) == Time()


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NUMBERS), st.integers() | st.floats() | st.text() | st.none()))
def test_any_account_is_read(raw):
    assert isinstance(Time.of(raw), Time)
