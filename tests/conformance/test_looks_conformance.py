"""Keyboards, menus and attachments against the documentation as data.

The folder is named by `BITRIX_CHAT_CATALOGUE`.
"""

import json
import os
from functools import cache
from pathlib import Path

import pytest

from bitrix_chat.models.attachment import (
    AttachedFile,
    AttachedImage,
    Attachment,
    AvatarType,
    ColorToken,
    DelimiterBlock,
    FileBlock,
    GridBlock,
    GridDisplay,
    GridRow,
    ImageBlock,
    LinkBlock,
    MessageBlock,
    UserBlock,
    attachment_wire,
)
from bitrix_chat.models.keyboard import (
    Button,
    ButtonAction,
    ButtonContext,
    ButtonDisplay,
    Keyboard,
    NewLine,
    keyboard_wire,
)
from bitrix_chat.models.menu import Menu, MenuItem, menu_wire

FOLDER = os.environ.get("BITRIX_CHAT_CATALOGUE")
pytestmark = pytest.mark.skipif(not FOLDER, reason="BITRIX_CHAT_CATALOGUE is not set")

SIZE = {"width": 9, "height": 8}
CLICKS = (
    {"link": "/", "context": "ALL", "disabled": True},
    {"command": "a", "command_params": "b"},
    {"action": "PUT", "action_value": "b"},
    {"app_id": 1, "app_params": "b"},
)
BUTTON = {
    "command": "a", "block": True, "display": "LINE", "width": 9, "background_color": "#fff",
    "background_color_token": "base", "text_color": "#fff", "disabled_background_color": "#fff",
    "disabled_text_color": "#fff",
}  # fmt: skip
IMAGE = AttachedImage("/", name="N", preview="/", **SIZE)
ROW = GridRow("N", "V", display="ROW", color_token="base", color="#fff", link="/", user_id=1, chat_id=1, **SIZE)

PRODUCED = {
    "input.Attach": [Attachment([MessageBlock("M")], id=1, color_token="base", color="#fff").to_wire()],
    "input.AttachBlock.MESSAGE": [MessageBlock("M").to_wire()],
    "input.AttachBlock.LINK": [
        LinkBlock("/", "N", description="D", preview="/", user_id=1, **SIZE).to_wire()["LINK"],
        LinkBlock("/", "N", html="H", chat_id=1).to_wire()["LINK"],
        LinkBlock("/", "N", network_id="u1").to_wire()["LINK"],
    ],
    "input.AttachBlock.USER": [
        UserBlock("N", avatar="/", avatar_type="USER", **target).to_wire()["USER"]
        for target in ({"link": "/"}, {"user_id": 1}, {"chat_id": 1}, {"bot_id": 1}, {"network_id": "u1"})
    ],
    "input.AttachBlock.GRID": GridBlock([ROW]).to_wire()["GRID"],
    "input.AttachBlock.IMAGE": ImageBlock(IMAGE).to_wire()["IMAGE"],
    "input.AttachBlock.FILE": FileBlock(AttachedFile("/", name="N", size=1)).to_wire()["FILE"],
    "input.AttachBlock.DELIMITER": [DelimiterBlock(color="#fff").to_wire()["DELIMITER"]],
    "input.KeyboardButton": Keyboard(
        [NewLine(), Button("T", **BUTTON), *(Button("T", **click) for click in CLICKS)]
    ).to_wire()["BUTTONS"],
    "input.MenuItem": Menu([MenuItem("T", **click) for click in CLICKS]).to_wire()["ITEMS"],
}
SMALLEST = {
    "input.AttachBlock.MESSAGE": MessageBlock("M").to_wire(),
    "input.AttachBlock.LINK": LinkBlock("/").to_wire()["LINK"],
    "input.AttachBlock.USER": UserBlock("N").to_wire()["USER"],
    "input.AttachBlock.GRID": GridBlock([GridRow("N")]).to_wire()["GRID"][0],
    "input.AttachBlock.IMAGE": ImageBlock("/").to_wire()["IMAGE"][0],
    "input.AttachBlock.FILE": FileBlock("/").to_wire()["FILE"][0],
}
WORDS = {
    ("input.Attach", "COLOR_TOKEN"): ColorToken,
    ("input.AttachBlock.USER", "AVATAR_TYPE"): AvatarType,
    ("input.AttachBlock.GRID", "DISPLAY"): GridDisplay,
    ("input.AttachBlock.GRID", "COLOR_TOKEN"): ColorToken,
    ("input.KeyboardButton", "ACTION"): ButtonAction,
    ("input.KeyboardButton", "CONTEXT"): ButtonContext,
    ("input.KeyboardButton", "DISPLAY"): ButtonDisplay,
    ("input.KeyboardButton", "BG_COLOR_TOKEN"): ColorToken,
    ("input.MenuItem", "ACTION"): ButtonAction,
    ("input.MenuItem", "CONTEXT"): ButtonContext,
}
DOORS = {"attach": attachment_wire, "keyboard": keyboard_wire, "menu": menu_wire}


@cache
def catalogue(name):
    return json.loads(Path(FOLDER, f"{name}.json").read_text(encoding="utf-8"))


def entities():
    return {entity["name"]: entity for entity in catalogue("entities")["entities"] if entity["name"] in PRODUCED}


def looks_in(body):
    """Yield what a request sends as attachment, keyboard or menu, under whichever spelling."""
    for name, value in {**body, **body.get("fields", {})}.items():
        if name.lower() in DOORS:
            yield name.lower(), value


def test_every_documented_input_is_covered():
    names = {entity["name"] for entity in catalogue("entities")["entities"] if entity["name"].startswith("input.")}
    assert names == set(PRODUCED)


@pytest.mark.parametrize("name", PRODUCED)
def test_every_documented_key_can_be_produced_and_no_other_is(name):
    produced = set().union(*PRODUCED[name])
    assert produced == {field["name"] for field in entities()[name]["fields"]}


@pytest.mark.parametrize("name", SMALLEST)
def test_required_keys_are_always_written(name):
    required = {field["name"] for field in entities()[name]["fields"] if field["required"]}
    assert required
    assert required <= set(SMALLEST[name])


@pytest.mark.parametrize("name", PRODUCED)
def test_every_value_has_the_documented_type(name):
    kinds = {"string": str, "integer": int, "array": list}
    fields = {field["name"]: field for field in entities()[name]["fields"]}
    for wire in PRODUCED[name]:
        for key, value in wire.items():
            assert type(value) is kinds[fields[key]["type"]]
            assert "values" not in fields[key] or value in fields[key]["values"]


@pytest.mark.parametrize("place", WORDS, ids=".".join)
def test_our_words_are_the_documented_ones(place):
    name, key = place
    (field,) = [field for field in entities()[name]["fields"] if field["name"] == key]
    assert [member.value for member in WORDS[place]] == field["values"]


def test_colour_tokens_are_the_documented_ones():
    assert [token.value for token in ColorToken] == catalogue("colors")["attach_color_tokens"]


def test_every_documented_look_passes_unchanged():
    seen = set()
    for page in catalogue("methods"):
        for example in page["examples"]:
            if example["kind"] == "request" and example["body"]:
                for name, value in looks_in(example["body"]):
                    assert DOORS[name](value) == value
                    seen.add(name)
    assert seen == set(DOORS)


@pytest.mark.parametrize("name", PRODUCED)
def test_every_example_of_an_input_passes_unchanged(name):
    for example in entities()[name]["examples"]:
        for look, value in looks_in(example["body"]) if isinstance(example["body"], dict) else ():
            assert DOORS[look](value) == value
        assert attachment_wire(example["body"]) == example["body"]
