"""Every documented answer becomes ours with nothing lost, be it an example or made of the tables."""

import json
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from bitrix_chat.models.time import Time
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.envelope import open_envelope
from tests.conformance import answers
from tests.conformance.catalogue import entity, examples, methods, numbered_examples, pages
from tests.conformance.comparison import lost
from tests.conformance.deviations import expected
from tests.conformance.samples import least
from tests.conformance.signatures import call
from tests.conformance.tree import client


def _call(method: str, variant: dict[str, Any]) -> Call[Any]:
    made = call(method, {**least(method), **variant})
    assert made.request.method == method
    return made


def _found(made: Call[Any], raw: Any) -> set[str]:
    try:
        value = made.decode(raw)
    except Exception as error:  # noqa: BLE001  # a finding, whatever it is
        return {f"refused: {error}"}
    return set(lost(raw, value))


def _variants(method: str) -> Iterator[dict[str, Any]]:
    """Yield what an answer's form depends on: the values of USER_DATA, where it is a parameter."""
    named = [param["name"] for param in pages()[method]["params"] if param["name"] == "USER_DATA"]
    yield from ({name: value} for name in named for value in ("Y",))
    if not named:
        yield {}


@pytest.mark.parametrize("response_example", numbered_examples("response", "batch"), ids="{0[0]}-{0[1]}".format)
def test_every_answer_of_the_pages_is_read_and_nothing_in_it_is_lost(response_example, conforms):
    method, number = response_example
    example = examples(method, "response")[number]
    response = open_envelope(method, 200, json.dumps(example["body"]).encode())
    assert {name: getattr(response.time, name) for name in example["body"]["time"]} == example["body"]["time"]
    found = _found(_call(method, example.get("variant", {})), response.result)
    conforms(found, expected("answers", method))


@pytest.mark.parametrize("method", methods("batch"))
@pytest.mark.parametrize("make", [answers.full, answers.sparse], ids=["full", "sparse"])
def test_an_answer_with_every_field_of_the_tables_is_read_and_nothing_in_it_is_lost(method, make, conforms):
    raw = make(method)
    found = set().union(*(_found(_call(method, variant), raw) for variant in _variants(method)))
    conforms(found, expected("tables" if make is answers.full else "sparse", method))


@pytest.mark.parametrize("number", range(len(numbered_examples("response")) and len(examples("batch", "response"))))
def test_every_batch_answer_comes_apart_by_its_names(number):
    body = examples("batch", "response")[number]["body"]
    parts = {name: part for name, part in body["result"].items() if part}
    names = dict.fromkeys([*parts.get("result", {}), *parts.get("result_error", {})])
    b24 = client()
    batch = b24.batch({name: b24.call("app.info") for name in names})
    assert batch.request
    for result in batch.decode(body["result"]):
        if result.name in parts.get("result", {}):
            assert result.unwrap() == parts["result"][result.name]
        else:
            assert result.error.code == parts["result_error"][result.name]["error"]


def test_time_has_every_documented_field():
    documented = {field["name"] for field in entity("general.Time")["fields"]}
    assert documented == {field.name for field in attrs.fields(Time)}
