"""The closed vocabularies, in the spelling of each dialect."""

import pytest

from bitrix_chat import enums
from bitrix_chat.enums import Color


def test_there_are_16_colours_with_a_hex_form_each():
    assert len(Color) == 16
    assert len({color.hex for color in Color}) == 16
    assert all(color.hex.startswith("#") and len(color.hex) == 7 for color in Color)


@pytest.mark.parametrize("color", Color)
def test_a_colour_is_found_by_any_of_its_spellings(color):
    for text in (color, color.value, color.legacy_name, color.legacy_name.lower(), color.hex, color.hex.upper()):
        assert Color.of(text) is color


@pytest.mark.parametrize("text", ["", "orange", "#ff0000", "#4ba98", "4ba984", "copilot", "light blue", " red"])
def test_what_is_none_of_the_16_is_none(text):
    assert Color.of(text) is None


def test_the_two_spellings_of_a_colour():
    assert (Color.LIGHT_BLUE.value, Color.LIGHT_BLUE.legacy_name) == ("lightBlue", "LIGHT_BLUE")
    assert Color.LIGHT_BLUE.hex == "#4ba5c3"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (enums.ChatType, "chat open"),
        (enums.ChatRole, "owner manager member guest none"),
        (enums.BotType, "bot openline supervisor personal"),
        (enums.EventMode, "fetch webhook"),
        (enums.Gender, "M F"),
        (enums.Background, "azure mint steel slate teal cornflower sky peach frost"),
    ],
)
def test_the_words_are_the_portals(kind, words):
    assert [member.value for member in kind] == words.split()
    assert all(str(member) == member.value for member in kind)
