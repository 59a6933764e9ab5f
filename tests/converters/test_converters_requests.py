"""What Python says, as each dialect wants to hear it."""

import pytest

from bitrix_chat.converters import CAMEL_REQUESTS, UPPER_REQUESTS, wire
from bitrix_chat.rest.literal import NULL, Verbatim


@pytest.mark.parametrize("dialect", [CAMEL_REQUESTS, UPPER_REQUESTS])
def test_json_in_its_wire_form_is_left_alone_in_every_dialect(dialect):
    blocks = [{"DELIMITER": True}, {"USER": {"NAME": "A", "LINK": None}}]
    assert wire(dialect, {"ATTACH": Verbatim.of(blocks)}) == {"ATTACH": blocks}
    assert wire(dialect, {"ATTACH": Verbatim.of(None)}) == {}


@pytest.mark.parametrize("dialect", [CAMEL_REQUESTS, UPPER_REQUESTS])
def test_what_is_not_given_is_left_out_and_what_is_to_be_removed_is_null(dialect):
    assert wire(dialect, {"title": {"en": NULL, "de": None, "fr": "Aide"}}) == {"title": {"en": None, "fr": "Aide"}}
