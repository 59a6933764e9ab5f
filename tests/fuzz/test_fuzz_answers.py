"""Whatever a portal answers, reading it gives a value or an error of ours."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import BitrixError, Outcome, UnexpectedAnswer
from tests.fuzz.answer_decoders import Decode, decoders, models_of
from tests.fuzz.json_strategies import ANY_JSON, answer, damaged, deep, effort

DECODERS = [pytest.param(decode, id=name) for name, decode in decoders().items() if models_of(decode)]


def unread(decode: Decode, raw: Any) -> UnexpectedAnswer | None:
    """Read an answer; what cannot be read has to say that its method ran, and keep what it answered."""
    try:
        decode(raw)
    except BitrixError as error:
        refusal = error
    else:
        return None
    assert isinstance(refusal, UnexpectedAnswer)
    assert refusal.outcome is Outcome.DONE
    assert refusal.result is raw
    return refusal


@pytest.mark.parametrize("decode", DECODERS)
@effort()
@given(st.data())
def test_every_decoder_reads_its_answer_or_refuses_it_as_ours_however_it_is_damaged(decode, data):
    valid = st.one_of(*(answer(model) for model in models_of(decode)))

    unread(decode, data.draw(damaged(valid) | ANY_JSON))


@effort(8)
@given(
    ANY_JSON
    | st.tuples(st.sampled_from(["[", '{"a":', '{"chat":']), st.integers(1, 900))
    .map(lambda some: deep(*some))
    .map(json.loads)
)
def test_no_decoder_falls_over_json_of_any_shape_and_depth(raw):
    for decode in decoders().values():
        unread(decode, raw)


def test_the_valid_answers_of_this_suite_are_read():
    """Else the suite would only ever fuzz the refusals."""
    read: dict[str, int] = {}

    @effort(2)
    @given(st.data(), st.sampled_from(sorted(name for name, decode in decoders().items() if models_of(decode))))
    def look(data, name):
        valid = st.one_of(*(answer(model) for model in models_of(decoders()[name])))
        read[name] = read.get(name, 0) + (unread(decoders()[name], data.draw(valid)) is None)

    look()
    assert sum(map(bool, read.values())) > len(read) / 2
