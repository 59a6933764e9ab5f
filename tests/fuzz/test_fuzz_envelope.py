"""Whatever bytes come back under whatever status, they are an answer or an error of ours."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import BitrixError, Outcome, RestError, Time
from bitrix_chat.rest.envelope import open_envelope
from bitrix_chat.rest.request import Response
from tests.fuzz.json_strategies import ANY_JSON, LEAVES, damaged, deep, effort

STATUSES = st.sampled_from([200, 200, 204, 301, 302, 400, 401, 403, 404, 429, 500, 502, 503]) | st.integers(100, 599)
TIMES = st.fixed_dictionaries({}, optional=dict.fromkeys(("start", "duration", "operating", "date_start"), LEAVES))
VALID = st.one_of(
    st.fixed_dictionaries({"result": ANY_JSON, "time": TIMES}, optional={"next": LEAVES, "total": LEAVES}),
    st.fixed_dictionaries({"error": LEAVES, "error_description": LEAVES}),
    st.fixed_dictionaries({"error": st.fixed_dictionaries({"code": ANY_JSON, "message": ANY_JSON})}),
)


def opened(status: int, body: bytes) -> Response | BitrixError:
    try:
        return open_envelope("im.chat.add", status, body)
    except BitrixError as error:
        refusal = error
    assert refusal.method == "im.chat.add"
    assert str(refusal)
    return refusal


@effort(8)
@given(STATUSES, st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_an_error_of_ours(status, body):
    opened(status, body)


@effort(16)
@given(STATUSES, damaged(VALID) | ANY_JSON)
def test_any_json_is_an_answer_or_an_error_of_ours(status, content):
    answer = opened(status, json.dumps(content).encode())

    if isinstance(answer, Response):
        assert isinstance(answer.time, Time)
        assert isinstance(answer.next, int | None)
    elif not isinstance(answer, RestError):
        assert answer.outcome is Outcome.UNKNOWN


@effort(8)
@given(
    STATUSES,
    st.sampled_from(["[", '{"a":', '{"result":', '{"error":', '{"error":{"code":', '{"error":{"message":']),
    st.integers(1, 3000),
)
def test_json_that_nests_as_deeply_as_it_likes_is_an_answer_or_an_error_of_ours(status, opening, depth):
    opened(status, deep(opening, depth).encode())


@effort(8)
@given(STATUSES, st.sampled_from(["code", "message"]), st.sampled_from(["[", '{"a":']), st.integers(1, 3000))
def test_an_error_that_nests_deeply_is_an_error_of_ours(status, key, opening, depth):
    body = f'{{"error":{{"code":"X","{key}":{deep(opening, depth)}}}}}'

    opened(status, body.encode())


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_a_result_of_any_depth_that_was_read_can_be_shown_and_compared(opening):
    for depth in range(1, 3000, 97):
        answer = opened(200, f'{{"result":{deep(opening, depth)}}}'.encode())
        assert repr(answer)
