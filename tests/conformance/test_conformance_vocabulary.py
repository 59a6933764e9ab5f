"""Colours and backgrounds are the documented ones."""

from bitrix_chat.enums import Background, Color
from tests.conformance.catalogue import catalogue


def test_colours_are_the_documented_ones_in_both_spellings_and_hex():
    colors = catalogue("colors")
    assert {row["name"]: row["hex"] for row in colors["v2"]} == {color.value: color.hex for color in Color}
    assert {row["name"]: row["v2_name"] for row in colors["v1"]} == {color.legacy_name: color.value for color in Color}
    assert all(Color.of(row["hex"]) is Color.of(row["name"]) for row in [*colors["v2"], *colors["v1"]])


def test_backgrounds_are_the_documented_ones():
    assert [row["id"] for row in catalogue("colors")["backgrounds"]] == [member.value for member in Background]
