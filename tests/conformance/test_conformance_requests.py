"""Every documented request can be said in our words and comes out as it stands on the page."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.reference import Reference, ref
from tests.conformance.catalogue import examples, numbered_examples, parameters
from tests.conformance.deviations import expected
from tests.conformance.samples import PNG
from tests.conformance.signatures import flat, outcome
from tests.conformance.tree import client

IMAGE = base64.b64encode(PNG).decode()
REFERENCE = re.compile(r"\$result\[([^\]]+)\]((?:\[[^\]]+\])*)")


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _body(method: str, number: int) -> dict[str, Any]:
    body: Mapping[str, Any] = examples(method, "request")[number]["body"] or {}
    # Where the page cuts an image by three dots, a whole one stands in for it.
    return {name: IMAGE if name == "AVATAR" else value for name, value in body.items() if name != "auth"}


@pytest.mark.parametrize("request_example", numbered_examples("request"), ids="{0[0]}-{0[1]}".format)
def test_every_request_example_comes_out_as_it_stands(request_example, conforms):
    method, number = request_example
    body = _body(method, number)
    made = _batch(body) if method == "batch" else outcome(method, flat(method, body))
    found = set(_differences(number, made, body))
    conforms(found, {what for what in expected("requests", method) if what.startswith(f"example {number}:")})


def _differences(number: int, made: Call[Any] | Exception, body: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(made, Call):
        yield f"example {number}: refused with {type(made).__name__}"
    elif _as_json(made.request.params) != _as_json(body):
        yield f"example {number}: sent otherwise"


def _batch(body: Mapping[str, Any]) -> Call[Any] | Exception:
    b24, calls = client(), {}
    for name, command in body["cmd"].items():
        method, _, query = command.partition("?")
        params = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        calls[name] = b24.call(method, {key: _reference(text, calls) for key, text in params.items()})
        assert calls[name].request
    try:
        return b24.batch(calls, halt=bool(body["halt"]))
    except InvalidParameter as refusal:
        return refusal


def _reference(text: str, calls: Mapping[str, Call[Any]]) -> Reference | str:
    if not (found := REFERENCE.fullmatch(text)):
        return text
    reference = ref(calls[found[1]])
    for key in re.findall(r"\[([^\]]+)\]", found[2]):
        reference = reference[key]
    return reference


@pytest.mark.parametrize("place", numbered_examples("fragment"), ids="{0[0]}-{0[1]}".format)
def test_every_fragment_is_part_of_a_request(place):
    method, number = place
    fragment = examples(method, "fragment")[number]["body"]
    made = outcome(method, flat(method, fragment))
    assert isinstance(made, Call), made
    assert fragment.items() <= made.request.params.items()


def test_a_batch_holds_as_many_commands_as_documented():
    most = parameters("batch")["cmd"].says["max_items"]
    b24 = client()
    calls = [b24.call("app.info") for _ in range(most + 1)]
    assert all(call.request for call in calls)
    assert len(b24.batch(calls[:most]).request.params["cmd"]) == most
    with pytest.raises(InvalidParameter, match=str(most)):
        b24.batch(calls)
