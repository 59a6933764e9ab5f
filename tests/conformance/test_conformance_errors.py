"""Every documented error code means something here, and every error of the pages is raised as what it means."""

import json

import pytest

from bitrix_chat.error_codes import error_class
from bitrix_chat.errors import RestError
from bitrix_chat.rest.envelope import open_envelope
from tests.conformance.catalogue import error_codes, examples, methods, numbered_examples


@pytest.mark.parametrize("method", [*methods(), "system", "oauth"])
def test_every_documented_error_code_has_a_class(method):
    assert {code for code in error_codes(method) if error_class(code) is RestError} == set()


@pytest.mark.parametrize("error_example", numbered_examples("error"), ids="{0[0]}-{0[1]}".format)
def test_every_error_example_becomes_the_error_of_its_code_whatever_the_status(error_example):
    method, number = error_example
    body = examples(method, "error")[number]["body"]
    for status in (200, 400, 403, 500):
        with pytest.raises(RestError) as caught:
            open_envelope(method, status, json.dumps(body).encode())
        assert (caught.value.code, caught.value.description) == (body["error"], body["error_description"])
        assert type(caught.value) is error_class(body["error"]) is not RestError
