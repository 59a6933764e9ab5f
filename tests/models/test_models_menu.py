"""Context menus are written as the portal wants them and refused where it would drop an item."""

import pytest

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.keyboard import Button
from bitrix_chat.models.menu import Menu, MenuItem, menu_wire

SITE = MenuItem("Site", link="/company/")
STOP = MenuItem("Stop", command="stop")


def test_a_menu_is_written_in_the_full_form():
    full = MenuItem("Say", action="send", action_value="Hi", context="desktop", disabled=False)
    assert Menu([SITE, full]).to_wire() == {
        "ITEMS": [
            {"TEXT": "Site", "LINK": "/company/"},
            {"TEXT": "Say", "ACTION": "SEND", "ACTION_VALUE": "Hi", "CONTEXT": "DESKTOP", "DISABLED": "N"},
        ]
    }


def test_a_menu_names_the_bot_that_gets_its_commands():
    assert Menu([STOP], bot_id=7).to_wire() == {"BOT_ID": 7, "ITEMS": [{"TEXT": "Stop", "COMMAND": "stop"}]}
    assert menu_wire([STOP], bot_id=7) == Menu([STOP], bot_id=7).to_wire()
    assert menu_wire(Menu([STOP], bot_id=8), bot_id=7)["BOT_ID"] == 8


def test_a_command_that_no_bot_would_get_is_refused():
    with pytest.raises(InvalidParameter, match=r"^`menu` has an item with a command, which the portal drops"):
        menu_wire([SITE, STOP])


@pytest.mark.parametrize("raw", [None, "N", "", [], [{"TEXT": "A"}], {"ITEMS": [{"TEXT": "A", "LINK": "x"}]}])
def test_plain_json_passes_unchanged(raw):
    assert menu_wire(raw, bot_id=7) == raw


def test_a_list_may_mix_builders_and_plain_json():
    assert menu_wire([SITE, {"TEXT": "A", "LINK": "/"}]) == {"ITEMS": [SITE.to_wire(), {"TEXT": "A", "LINK": "/"}]}


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "`items` is empty"),
        ([Button("A", link="/")], r"`items\[0\]` is Button, not MenuItem or a dict"),
        ([MenuItem("A" * 60_000, link="/")], "`menu` has 60034 characters as JSON, the portal takes 60000"),
    ],
)
def test_what_makes_no_menu_is_refused(items, message):
    with pytest.raises(InvalidParameter, match=f"^{message}$"):
        Menu(items)


@pytest.mark.parametrize("fields", [{}, {"link": "/", "command": "a"}, {"action": "COPY"}, {"link": "ftp://x"}])
def test_an_item_without_exactly_one_proper_click_is_refused(fields):
    with pytest.raises(InvalidParameter):
        MenuItem("A", **fields)


def test_what_is_no_menu_in_any_form_is_refused():
    with pytest.raises(InvalidParameter, match=r"^`menu` is int, not a builder, a list, a dict or text$"):
        menu_wire(5)
