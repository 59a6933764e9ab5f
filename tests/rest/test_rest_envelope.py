"""What came back becomes an answer, or the error whose outcome the evidence supports."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat import errors
from bitrix_chat.errors import Outcome, RestError, UnexpectedAnswer
from bitrix_chat.rest.envelope import open_envelope


def opened(status, content):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return open_envelope("im.chat.add", status, body)


def failure(status, content):
    with pytest.raises(errors.BitrixError) as caught:
        opened(status, content)
    return caught.value


def told(status, content):
    """Return the status that an answer had or its error tells."""
    try:
        opened(status, content)
    except errors.BitrixError as error:
        return error.status
    return status


class TestAnswers:
    @pytest.mark.parametrize(
        "result", [1417, "dnd", True, False, None, 0, "", [], [1], {}, {"result": True}, {"error": "mine"}, 1.5]
    )
    def test_any_result_is_an_answer(self, result):
        response = opened(200, {"result": result, "time": {"duration": 0.25}})
        assert response.result == result
        assert response.time.duration == 0.25

    @pytest.mark.parametrize("paging", [{"next": 50, "total": 120}, {"next": "50", "total": "120"}])
    def test_paging_is_read_beside_the_result(self, paging):
        response = opened(200, {"result": [], **paging})
        assert (response.next, response.total) == (50, 120)

    @pytest.mark.parametrize("value", [None, "", "many", [], {}])
    def test_paging_that_is_no_number_is_none(self, value):
        response = opened(200, {"result": 1, "next": value, "total": value})
        assert (response.next, response.total) == (None, None)

    def test_paging_beyond_any_number_is_none(self):
        response = opened(200, b'{"result": 1, "next": 1e999, "total": NaN}')
        assert (response.next, response.total) == (None, None)

    @pytest.mark.parametrize("time", [None, [], "soon", 5])
    def test_a_time_that_is_no_object_is_empty(self, time):
        assert opened(200, {"result": 1, "time": time}).raw_time == {}

    def test_a_missing_time_is_empty(self):
        assert opened(201, {"result": 1}).raw_time == {}

    def test_a_byte_order_mark_is_passed_over(self):
        assert opened(200, b'\xef\xbb\xbf{"result": 1}').result == 1

    def test_escaped_text_is_read_plain(self):
        assert opened(200, rb'{"result": "a\/b\u003Cc\u003E"}').result == "a/b<c>"

    @pytest.mark.parametrize("empty", [None, "", False, [], {}])
    def test_an_empty_error_beside_a_result_is_none(self, empty):
        assert opened(200, {"result": 1, "error": empty}).result == 1


class TestRefusals:
    @pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503, 302])
    def test_the_code_decides_whatever_the_status(self, status):
        error = failure(status, {"error": "ACCESS_DENIED", "error_description": "Access denied"})
        assert type(error) is errors.AccessDenied
        assert (error.code, error.status, error.method) == ("ACCESS_DENIED", status, "im.chat.add")
        assert str(error) == "im.chat.add: ACCESS_DENIED: Access denied"
        assert error.outcome is Outcome.REFUSED

    def test_an_error_wins_over_a_result(self):
        assert failure(200, {"result": 5, "error": "BOT_NOT_FOUND", "error_description": "x"}).code == "BOT_NOT_FOUND"

    @pytest.mark.parametrize("code", ["expired_token", "EXPIRED_TOKEN", "Expired_Token"])
    def test_codes_of_any_case_are_known_and_kept_as_written(self, code):
        error = failure(401, {"error": code})
        assert type(error) is errors.ExpiredToken
        assert error.code == code
        assert error.outcome is Outcome.REFUSED_TEMPORARY

    @pytest.mark.parametrize(("code", "kind"), [("100", "WrongArgument"), (100, "WrongArgument"), (0, "WrongArgument")])
    def test_numbers_are_codes(self, code, kind):
        error = failure(400, {"error": code, "error_description": "Could not find value"})
        assert type(error).__name__ == kind
        assert error.code == str(code)

    @pytest.mark.parametrize(
        ("status", "outcome"),
        [(200, Outcome.REFUSED), (400, Outcome.REFUSED), (499, Outcome.REFUSED), (500, Outcome.UNKNOWN),
         (503, Outcome.UNKNOWN)],
    )  # fmt: skip
    def test_a_code_nobody_listed_is_a_plain_refusal_below_500_and_unknown_from_there(self, status, outcome):
        error = failure(status, {"error": "NO_SUCH_CODE", "error_description": "Menu"})
        assert type(error) is RestError
        assert error.code == "NO_SUCH_CODE"
        assert error.outcome is outcome

    @pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER", "WRONG_ENCODING"])
    def test_a_failure_inside_the_portal_leaves_the_outcome_unknown(self, code):
        assert failure(200, {"error": code}).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize("code", ["QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT"])
    def test_a_limit_is_a_refusal_for_now(self, code):
        assert failure(503, {"error": code}).outcome is Outcome.REFUSED_TEMPORARY

    @pytest.mark.parametrize("description", [None, "", 0])
    def test_a_description_may_be_missing(self, description):
        error = failure(401, {"error": "insufficient_scope", "error_description": description})
        assert str(error) == "im.chat.add: insufficient_scope"

    def test_extra_keys_pass(self):
        assert failure(400, {"error": "ERROR_ARGUMENT", "argument": "ID", "more": []}).code == "ERROR_ARGUMENT"

    @pytest.mark.parametrize(
        ("error", "code", "description"),
        [
            ({"code": "BOT_NOT_FOUND", "message": "Bot not found"}, "BOT_NOT_FOUND", "Bot not found"),
            ({"code": 100, "message": None}, "100", ""),
            ({"validation": []}, "", ""),
        ],
    )
    def test_an_error_object_is_read(self, error, code, description):
        refused = failure(400, {"error": error})
        assert (refused.code, refused.description) == (code, description)

    @pytest.mark.parametrize("error", [["x"], 1.5])
    def test_an_error_of_an_odd_type_is_an_error_without_a_code(self, error):
        refused = failure(400, {"error": error, "error_description": "odd"})
        assert (type(refused), refused.code, refused.description) == (RestError, "", "odd")


class TestNoAnswers:
    @pytest.mark.parametrize("status", [200, 400, 403, 429, 500, 502, 504])
    @pytest.mark.parametrize(
        ("body", "what"),
        [
            (b"<html><h1>Bad Gateway</h1></html>", "HTML"),
            (b"\n  <!DOCTYPE html>", "HTML"),
            (b"", "an empty body"),
            (b" \r\n", "an empty body"),
            (b'{"result": 14', "no JSON"),
            (b"Fatal error", "no JSON"),
            (b"\xff\xfe\xfa", "no JSON"),
            (b"[" * 200_000, "no JSON"),
            (b'{"result": ' + b"9" * 5000 + b"}", "no JSON"),
            (b"[]", "JSON without `result` or `error`"),
            (b"5", "JSON without `result` or `error`"),
            (b"NaN", "JSON without `result` or `error`"),
            (b"{}", "JSON without `result` or `error`"),
            (b'{"error": ""}', "JSON without `result` or `error`"),
        ],
        ids=lambda value: repr(value)[:24],
    )
    def test_what_is_no_envelope_leaves_the_outcome_unknown(self, status, body, what):
        error = failure(status, body)
        assert type(error) is UnexpectedAnswer
        assert error.outcome is Outcome.UNKNOWN
        assert str(error) == f"im.chat.add: HTTP {status} with {what}"
        assert error.status == status

    def test_null_is_no_envelope(self):
        assert type(failure(200, b"null")) is UnexpectedAnswer

    @pytest.mark.parametrize("status", [400, 500])
    def test_a_result_with_an_error_status_is_no_answer(self, status):
        assert type(failure(status, {"result": 5})) is UnexpectedAnswer

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"result": 1}', b"[]"])
    def test_a_redirect_that_leads_nowhere_proves_nothing(self, status, body):
        error = failure(status, body)
        assert type(error) is UnexpectedAnswer
        assert error.status == status
        assert error.outcome is Outcome.UNKNOWN

    def test_nothing_of_the_body_is_repeated(self):
        assert "canary" not in str(failure(500, b"<html>canary"))

    @settings(deadline=None)
    @given(st.integers(200, 599), st.binary(max_size=60))
    def test_any_bytes_are_an_answer_or_an_error_of_ours(self, status, body):
        assert told(status, body) == status

    @settings(deadline=None)
    @given(
        st.integers(200, 599),
        st.dictionaries(
            st.sampled_from(["result", "error", "error_description", "next", "total", "time"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
                max_leaves=5,
            ),
        ),
    )
    def test_any_envelope_is_an_answer_or_an_error_of_ours(self, status, content):
        assert told(status, content) == status
