"""Attachments are written as the portal wants them and refused where it would drop a part."""

import types

import pytest

from bitrix_chat.errors import InvalidParameter
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
    RawBlock,
    UserBlock,
    attachment_wire,
)
from bitrix_chat.models.bb_code import bold
from bitrix_chat.models.keyboard import Button

PICTURE = "https://cdn.example/cat.png"
TEXT = MessageBlock("Report")


def refusal(function, *args, **kwargs):
    with pytest.raises(InvalidParameter) as caught:
        function(*args, **kwargs)
    return str(caught.value)


def test_an_attachment_is_written_in_the_full_form():
    attachment = Attachment([TEXT, GridBlock([GridRow("Name", "Value")])], id=3, color="#29619b", color_token="Primary")
    assert attachment.to_wire() == {
        "ID": 3,
        "COLOR_TOKEN": "primary",
        "COLOR": "#29619b",
        "BLOCKS": [{"MESSAGE": "Report"}, {"GRID": [{"DISPLAY": "BLOCK", "NAME": "Name", "VALUE": "Value"}]}],
    }
    assert attachment.color_token is ColorToken.PRIMARY


def test_an_attachment_needs_nothing_but_blocks():
    assert Attachment([TEXT]).to_wire() == {"BLOCKS": [{"MESSAGE": "Report"}]}


def test_markup_goes_out_as_plain_text():
    wire = MessageBlock(bold("Report")).to_wire()
    assert wire == {"MESSAGE": "[b]Report[/b]"}
    assert type(wire["MESSAGE"]) is str


@pytest.mark.parametrize(
    ("block", "wire"),
    [
        (
            LinkBlock("/a/", "A", description="D", preview=PICTURE, width=9, height=8, user_id=7),
            {"LINK": {"LINK": "/a/", "NAME": "A", "DESC": "D", "PREVIEW": PICTURE,
                      "WIDTH": 9, "HEIGHT": 8, "USER_ID": 7}},
        ),
        (LinkBlock("/a/", "A", html="<b>D</b>", chat_id=7),
         {"LINK": {"LINK": "/a/", "NAME": "A", "HTML": "<b>D</b>", "CHAT_ID": 7}}),
        (LinkBlock("/a/", "A", network_id="b7"), {"LINK": {"LINK": "/a/", "NAME": "A", "NETWORK_ID": "b7"}}),
        (
            UserBlock("Ada", avatar="/ada.png", link="/ada/", avatar_type="bot"),
            {"USER": {"NAME": "Ada", "AVATAR": "/ada.png", "LINK": "/ada/", "AVATAR_TYPE": "BOT"}},
        ),
        (UserBlock("Ada", user_id=7, avatar_type=AvatarType.USER),
         {"USER": {"NAME": "Ada", "USER_ID": 7, "AVATAR_TYPE": "USER"}}),
        (UserBlock("Team", chat_id=7), {"USER": {"NAME": "Team", "CHAT_ID": 7}}),
        (UserBlock("Bot", bot_id=7), {"USER": {"NAME": "Bot", "BOT_ID": 7}}),
        (UserBlock("Ada", network_id="u7"), {"USER": {"NAME": "Ada", "NETWORK_ID": "u7"}}),
        (ImageBlock(PICTURE), {"IMAGE": [{"LINK": PICTURE}]}),
        (
            ImageBlock(AttachedImage(PICTURE, name="Cat", preview="/cat.png", width=2, height=1)),
            {"IMAGE": [{"LINK": PICTURE, "NAME": "Cat", "PREVIEW": "/cat.png", "WIDTH": 2, "HEIGHT": 1}]},
        ),
        (ImageBlock([AttachedImage(PICTURE), {"LINK": "/b.png"}]), {"IMAGE": [{"LINK": PICTURE}, {"LINK": "/b.png"}]}),
        (FileBlock("/a.pdf"), {"FILE": [{"LINK": "/a.pdf"}]}),
        (FileBlock(AttachedFile("/a.pdf", name="a.pdf", size=0)),
         {"FILE": [{"LINK": "/a.pdf", "NAME": "a.pdf", "SIZE": 0}]}),
        (FileBlock([{"LINK": "/b.pdf"}]), {"FILE": [{"LINK": "/b.pdf"}]}),
        (DelimiterBlock(), {"DELIMITER": {"SIZE": 200}}),
        (DelimiterBlock(size=90, color="#fff"), {"DELIMITER": {"SIZE": 90, "COLOR": "#fff"}}),
        (RawBlock({"RICH_LINK": {"LINK": "/"}}), {"RICH_LINK": {"LINK": "/"}}),
    ],
    ids=lambda part: type(part).__name__,
)  # fmt: skip
def test_a_block_is_written_under_its_key(block, wire):
    assert block.to_wire() == wire
    assert Attachment([block]).to_wire() == {"BLOCKS": [wire]}


def test_every_field_of_a_row_has_its_key():
    row = GridRow(
        "N", "V", display="line", width=9, height=8, color_token="alert", color="#f00", link="/", user_id=1, chat_id=2
    )
    assert row.to_wire() == {
        "NAME": "N", "VALUE": "V", "DISPLAY": "LINE", "WIDTH": 9, "HEIGHT": 8, "COLOR_TOKEN": "alert", "COLOR": "#f00",
        "LINK": "/", "USER_ID": 1, "CHAT_ID": 2,
    }  # fmt: skip


def test_a_row_has_the_display_of_its_grid_unless_it_has_one():
    grid = GridBlock([GridRow("A"), GridRow("B", display="TABLE"), {"NAME": "C"}], display="row")
    assert grid.to_wire() == {
        "GRID": [{"DISPLAY": "ROW", "NAME": "A"}, {"DISPLAY": "TABLE", "NAME": "B"}, {"NAME": "C"}]
    }


@pytest.mark.parametrize("display", [GridDisplay.ROW, GridDisplay.LINE])
def test_a_value_may_stand_alone_where_the_portal_shows_it(display):
    assert GridBlock([GridRow(value="V")], display=display).to_wire() == {"GRID": [{"DISPLAY": display, "VALUE": "V"}]}


NO_WEB_LINK = "starts with none of http://, https:// and / (a path on the portal)"
NO_NUMBER = "not a whole number above zero"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MessageBlock("  "), "`text` is empty"),
        (lambda: MessageBlock(5), "`text` is int, not text"),
        (lambda: LinkBlock("shop.example"), f"`link` {NO_WEB_LINK}"),
        (lambda: LinkBlock("/", preview="cat.png"), f"`preview` {NO_WEB_LINK}"),
        (lambda: LinkBlock("/", width=0), f"`width` is 0, {NO_NUMBER}"),
        (lambda: LinkBlock("/", description="D", html="H"),
         "`description`, `html` are given together, but the portal keeps only one of them"),
        (lambda: LinkBlock("/", "A", user_id=1, chat_id=2),
         "`user_id`, `chat_id` are given together, but the portal keeps only one of them"),
        (lambda: LinkBlock("/", chat_id=2), "`chat_id` needs a `name`, without which the portal ignores it"),
        (lambda: UserBlock(""), "`name` is empty"),
        (lambda: UserBlock("Ada", avatar="ada.png"), f"`avatar` {NO_WEB_LINK}"),
        (lambda: UserBlock("Ada", link="/", bot_id=2),
         "`link`, `bot_id` are given together, but the portal keeps only one of them"),
        (lambda: UserBlock("Ada", avatar_type="CAT"), "`avatar_type` is 'CAT', not one of USER, CHAT, BOT"),
        (lambda: GridBlock([]), "`rows` is empty"),
        (lambda: GridBlock([("A", "B")]), "`rows[0]` is tuple, not GridRow or a dict"),
        (lambda: GridBlock([GridRow("A")], display="PIE"), "`display` is 'PIE', not one of BLOCK, LINE, ROW, TABLE"),
        (lambda: GridBlock([GridRow("A"), GridRow(" ", "V")]),
         "`rows[1].name` is empty, and the portal drops a BLOCK row without a name"),
        (lambda: GridBlock([GridRow(value="V", display="TABLE")], display="ROW"),
         "`rows[0].name` is empty, and the portal drops a TABLE row without a name"),
        (lambda: GridBlock([GridRow("", " ")], display="ROW"), "`rows[0]` has neither a name nor a value"),
        (lambda: GridBlock([GridRow()], display="LINE"), "`rows[0]` has neither a name nor a value"),
        (lambda: GridRow("A", 5), "`value` is int, not text"),
        (lambda: GridRow("A", color_token="red"), "`color_token` is 'red', not one of primary, secondary, alert, base"),
        (lambda: ImageBlock("cat.png"), f"`link` {NO_WEB_LINK}"),
        (lambda: ImageBlock([PICTURE]), "`images[0]` is str, not AttachedImage or a dict"),
        (lambda: FileBlock("a.pdf"), f"`link` {NO_WEB_LINK}"),
        (lambda: FileBlock(None), "`files` is NoneType, not a list"),
        (lambda: AttachedFile("/a", size=-1), "`size` is -1, not a whole number of bytes"),
        (lambda: AttachedFile("/a", size="1"), "`size` is '1', not a whole number of bytes"),
        (lambda: DelimiterBlock(size=0), f"`size` is 0, {NO_NUMBER}"),
        (lambda: DelimiterBlock(color="c6c6c6"), "`color` is 'c6c6c6', not a HEX colour such as '#29619b' or '#fff'"),
        (lambda: RawBlock({}), "`json` is dict, not a dict such as {'MESSAGE': 'text'}"),
        (lambda: RawBlock("MESSAGE"), "`json` is str, not a dict such as {'MESSAGE': 'text'}"),
        (lambda: Attachment([]), "`blocks` is empty"),
        (lambda: Attachment(TEXT), "`blocks` is MessageBlock, not a list"),
        (lambda: Attachment([TEXT], id="1"), f"`id` is '1', {NO_NUMBER}"),
        (lambda: Attachment([TEXT], color="blue"), "`color` is 'blue', not a HEX colour such as '#29619b' or '#fff'"),
        (lambda: Attachment([MessageBlock("Ж" * 60_000)]),
         "`attach` has 60027 characters as JSON, the portal takes 60000"),
    ],
)  # fmt: skip
def test_what_the_portal_would_drop_or_change_is_refused(build, message):
    assert refusal(build) == message


def test_blocks_of_the_wrong_kind_are_refused_by_their_place():
    message = refusal(Attachment, [TEXT, Button("A", link="/")])
    assert message.startswith("`blocks[1]` is Button, not MessageBlock, ")
    assert message.endswith(", RawBlock or a dict")


@pytest.mark.parametrize(
    "raw", [None, "N", "", '[{"MESSAGE":"A"}]', [], [{"DELIMITER": True}], {"BLOCKS": [{"MESSAGE": None}], "COLOR": 1}]
)
def test_plain_json_passes_unchanged(raw):
    assert attachment_wire(raw) == raw


def test_builders_in_any_form_are_written_out():
    full = {"BLOCKS": [{"MESSAGE": "Report"}, {"DELIMITER": True}]}
    mixed = [TEXT, types.MappingProxyType({"DELIMITER": True})]
    assert attachment_wire(mixed) == attachment_wire(tuple(mixed)) == attachment_wire(Attachment(mixed)) == full


def test_what_is_no_attachment_in_any_form_is_refused():
    assert refusal(attachment_wire, 5) == "`attach` is int, not a builder, a list, a dict or text"
    assert refusal(attachment_wire, TEXT) == "`attach` is MessageBlock, not a builder, a list, a dict or text"
    assert refusal(attachment_wire, [GridRow("A")]).startswith("`blocks[0]` is GridRow, not ")


def test_a_raw_block_is_not_changed_through_its_source():
    source = {"MESSAGE": "A"}
    block = RawBlock(source)
    source["MESSAGE"] = "B"
    block.to_wire()["MESSAGE"] = "C"
    assert block.to_wire() == {"MESSAGE": "A"}
