"""An error outlives its process: what the journal keeps of it becomes the same error again."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import errors
from bitrix_chat.bulk import errors as of_bulk
from bitrix_chat.bulk.stored_errors import error_as_json, error_from_json
from bitrix_chat.errors import AccessDenied, BitrixError, DeadlineExceeded, OutcomeUnknown, UntrustedRedirect
from bitrix_chat.outcomes import Outcome

CLASSES = [
    kind
    for module in (errors, of_bulk)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, BitrixError)
]
SHOWN = ("description", "method", "code", "status", "outcome")

texts = st.text()


@given(
    st.sampled_from(CLASSES),
    texts,
    st.fixed_dictionaries(
        {
            "method": st.none() | texts,
            "code": st.none() | texts,
            "status": st.none() | st.integers(100, 599),
            "outcome": st.sampled_from(Outcome),
        }
    ),
)
def test_every_error_of_the_package_comes_back_as_it_was(kind, description, given):
    error = kind(description, **given)

    again = error_from_json(error_as_json(error))

    assert type(again) is kind
    assert [getattr(again, name) for name in SHOWN] == [getattr(error, name) for name in SHOWN]
    assert (str(again), again.args) == (str(error), error.args)


def test_when_and_where_a_request_of_unknown_outcome_left_is_kept():
    error = OutcomeUnknown("it may have run", method="im.chat.add")
    error.marker, error.host = "deal-7", "portal.example"
    error.sent_at = datetime(2026, 8, 11, 15, 28, 50, 123456, tzinfo=UTC)

    again = error_from_json(error_as_json(error))

    assert (again.marker, again.host, again.sent_at) == ("deal-7", "portal.example", error.sent_at)
    assert str(again) == str(error)


def test_what_other_classes_tell_besides_is_kept():
    late = DeadlineExceeded("not sent")
    late.retry_at = datetime(2026, 8, 11, tzinfo=UTC)
    moved = UntrustedRedirect("moved")
    moved.location = "bots.example"
    reused = of_bulk.KeyReused("another spec")
    reused.key = "deal-7"

    assert error_from_json(error_as_json(late)).retry_at == late.retry_at
    assert error_from_json(error_as_json(moved)).location == "bots.example"
    assert error_from_json(error_as_json(reused)).key == "deal-7"


def test_what_may_hold_secrets_is_not_kept():
    error = errors.UnexpectedAnswer("no chat id")
    error.result = {"token": "canary"}
    error.__cause__ = ValueError("canary")

    assert "canary" not in error_as_json(error)


def test_an_error_of_the_users_own_comes_back_as_the_class_that_it_refines():
    class VetoedError(AccessDenied):
        """Raised by a hook."""

    again = error_from_json(error_as_json(VetoedError("not on Sundays", code="VETO")))

    assert type(again) is AccessDenied
    assert str(again) == "VETO: not on Sundays"


def test_a_namesake_of_the_users_own_is_not_taken_for_ours():
    namesake = type("AccessDenied", (errors.NotFound,), {})

    assert type(error_from_json(error_as_json(namesake("x")))) is errors.NotFound


def test_a_class_of_a_later_version_is_shown_with_all_that_can_be_read():
    again = error_from_json('{"error":"QuotaOfTheMoon","code":"MOON","description":"too far","outcome":"REFUSED"}')

    assert type(again) is BitrixError
    assert str(again) == "MOON: too far"
    assert again.outcome is Outcome.REFUSED


@pytest.mark.parametrize("text", ["", "not JSON", "[]", "null", '"text"', "{}", '{"description": 7}', "[" * 100_000])
def test_what_nobody_of_us_has_written_is_shown_as_it_is_and_may_have_run(text):
    again = error_from_json(text)

    assert type(again) is BitrixError
    assert (again.description[:1999], again.outcome) == (text[:1999], Outcome.UNKNOWN)


def test_of_a_long_text_two_thousand_characters_are_kept_and_read():
    long = "x" * 5000
    again = error_from_json(error_as_json(AccessDenied(long, code=long)))

    assert again.description == again.code == "x" * 1999 + "…"
    assert len(error_as_json(AccessDenied(long, code=long))) < 5000
    for text in (long, json.dumps({"description": long}), json.dumps({"code": long})):
        assert len(error_from_json(text).description) == 2000


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)
names = st.sampled_from([*SHOWN, "error", "marker", "host", "location", "sent_at", "retry_at"])


@given(st.dictionaries(names, json_values | st.sampled_from(["OutcomeUnknown", "Outcome", "2026-01-01", "DONE"])))
def test_whatever_the_file_says_an_error_can_be_made_of_it_and_kept_again(kept):
    again = error_from_json(json.dumps(kept))

    assert isinstance(again, BitrixError)
    assert isinstance(again.outcome, Outcome)
    assert type(error_from_json(error_as_json(again))) is type(again)


def test_a_moment_without_an_offset_is_taken_as_utc():
    again = error_from_json('{"error":"OutcomeUnknown","description":"x","sent_at":"2026-08-11T15:00:00"}')

    assert again.sent_at == datetime(2026, 8, 11, 15, tzinfo=UTC)
