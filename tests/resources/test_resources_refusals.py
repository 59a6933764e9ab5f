"""What the portal would refuse late or drop without a word is refused here, before anything is sent.

Every message names the parameter, the fault and what is allowed.
"""

import base64
from datetime import UTC, datetime

import pytest

from bitrix_chat.enums import BotType, Color
from bitrix_chat.errors import InvalidParameter, Outcome
from bitrix_chat.models.chat import Entity
from bitrix_chat.resources.imbot import BotHandle
from bitrix_chat.rest.reference import ref


@pytest.fixture
def refusal():
    """Return the message of the refusal of `method(**arguments)`."""

    def refusal(method, /, *positional, **arguments):
        with pytest.raises(InvalidParameter) as caught:
            method(*positional, **arguments)
        assert caught.value.outcome is Outcome.NOT_SENT
        assert isinstance(caught.value, ValueError)
        return caught.value.description

    return refusal


@pytest.fixture(params=["im", "bot"])
def add(request, im, bot):
    """Both ways of creating a chat."""
    return im.chat.add if request.param == "im" else bot.chat.add


@pytest.mark.parametrize("color", ["orange", "", "#ff0000", "4ba984", "copilot", 5, None.__class__, "x" * 50])
def test_a_colour_that_the_portal_would_ignore(add, imbot, refusal, color):
    message = refusal(add, color=color)
    assert message.startswith("`color` is ")
    assert message.endswith(f", which the portal would ignore; it knows {', '.join(Color)}")
    assert refusal(imbot.bot.register, "x", name="X", color=color) == message


@pytest.mark.parametrize(
    ("avatar", "fault"),
    [
        ("face.png", "is no base64 text; for a file pass a pathlib.Path"),
        ("1234", "is a number, which the portal would take for the id of a file"),
        ("data:image/png;base64,AAAA", "is a data: address; pass only the base64 text after its comma"),
        (b"hello", "is no image that the portal shows (PNG, JPEG, GIF, WebP)"),
        (base64.b64encode(b"hello").decode(), "is no image that the portal shows (PNG, JPEG, GIF, WebP)"),
        ("", "is no image that the portal shows (PNG, JPEG, GIF, WebP)"),
        (7, "is int, not bytes, a pathlib.Path or base64 text"),
    ],
)
def test_an_avatar_that_the_portal_would_drop(add, imbot, refusal, avatar, fault):
    assert refusal(add, avatar=avatar) == f"`avatar` {fault}"
    assert refusal(imbot.bot.register, "x", name="X", avatar=avatar) == f"`avatar` {fault}"


def test_an_avatar_of_5001_pixels(add, refusal, large_png):
    message = "`avatar` is 5001x2 pixels, the portal takes 5000x5000 at most"
    assert refusal(add, avatar=large_png) == message
    assert refusal(add, avatar=base64.b64encode(large_png).decode()) == message


BAD_IDS = [
    (0, "0"),
    (-1, "-1"),
    (True, "True"),
    ("1", "'1'"),
    (1.0, "of type float"),
    (None, "of type NoneType"),
    ("x" * 41, "of type str"),
]


@pytest.mark.parametrize(("value", "shown"), BAD_IDS)
def test_an_id_that_is_no_positive_whole_number(bot, imbot, refusal, value, shown):
    fault = f"is {shown}, but an id is a positive whole number"
    assert refusal(bot.chat.add, user_ids=[1, value]) == f"`user_ids[1]` {fault}"
    assert refusal(BotHandle, None, value, "t") == f"`bot_id` {fault}"
    assert refusal(imbot.bot.unregister, value) == f"`bot_id` {fault}"
    if value is not None:
        assert refusal(bot.chat.add, owner_id=value) == f"`owner_id` {fault}"
        assert refusal(imbot.bot.get, value) == f"`bot_id` {fault}"


def test_an_id_that_no_number_of_the_portal_reaches(bot, im, refusal):
    fault = "is 9223372036854775808, but an id is 9223372036854775807 at most"
    assert refusal(bot.chat.add, user_ids=[2**63]) == f"`user_ids[0]` {fault}"
    assert bot.chat.add(user_ids=[2**63 - 1]).request
    for value in (f"chat{2**63}", str(2**63), "sg" + "9" * 19, "chat" + "9" * 5000, f"crm|deal|{2**63}"):
        assert "but a dialog id is text such as 'chat5'" in refusal(bot.chat.get, value)
    assert im.dialog.get(f"chat{2**63 - 1}").request


@pytest.mark.parametrize("value", ["5", "sg7", "crm|deal|9"])
def test_a_dialog_that_is_no_group_chat_where_one_is_named(im, refusal, value):
    message = f"`dialog_id` is '{value}', but here it is that of a group chat, such as 'chat5'"
    assert refusal(im.chat.update_title, dialog_id=value, title="Night") == message
    assert refusal(im.chat.mute, dialog_id=value) == message
    with pytest.deprecated_call():
        assert refusal(im.disk.folder.get, dialog_id=value) == message


def test_a_group_chat_that_a_batch_creates_may_be_named(im):
    created = im.chat.add()
    assert im.chat.mute(dialog_id=ref(created)).request.params["DIALOG_ID"].call is created
    assert created.request


@pytest.mark.parametrize(("value", "shown"), [("1,2", "'1,2'"), (b"12", "of type bytes"), (5, "5"), ("", "''")])
def test_users_that_are_no_list(add, refusal, value, shown):
    assert refusal(add, user_ids=value) == f"`user_ids` is {shown}, not a list of ids"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(5, "5"), ("", "''"), ("0", "'0'"), ("chat0", "'chat0'"), ("chat", "'chat'"), ("Chat5", "'Chat5'"),
     ("chat5\n", r"'chat5\n'"), ("chat٣", "'chat٣'"), ("-5", "'-5'"), ("chat 5", "'chat 5'"),
     (None, "of type NoneType"), ("c" * 50, "of type str")],
)  # fmt: skip
def test_a_dialog_id_of_another_shape(bot, refusal, value, shown):
    assert refusal(bot.chat.get, value) == (
        f"`dialog_id` is {shown}, but a dialog id is text such as 'chat5', or '5' for a user"
    )


def test_a_title_that_the_portal_would_cut(add, refusal):
    assert refusal(add, title="x" * 256) == "`title` has 256 characters, the portal keeps 255"
    assert add(title="ж" * 255).request


@pytest.mark.parametrize("name", ["title", "description", "message"])
def test_a_text_that_is_none(add, refusal, name):
    assert refusal(add, **{name: 5}) == f"`{name}` is int, not text"


@pytest.mark.parametrize(
    ("entity", "fault"),
    [
        (Entity("", "1"), "`entity.type` is empty"),
        (Entity("X", " \t"), "`entity.id` is empty"),
        (Entity("X", ""), "`entity.id` is empty"),
        (Entity("x" * 51, "1"), "`entity.type` has 51 characters, the portal keeps 50"),
        (Entity("X", "1" * 256), "`entity.id` has 256 characters, the portal keeps 255"),
        (Entity("X", 7), "`entity.id` is int, not text"),
        (Entity(None, "7"), "`entity.type` is empty"),
        (("CRM", "DEAL|7"), '`entity` is tuple, not Entity("CRM", "DEAL|1663")'),
        ("CRM", '`entity` is str, not Entity("CRM", "DEAL|1663")'),
    ],
)
def test_an_entity_that_the_portal_would_not_keep(add, im, refusal, entity, fault):
    assert refusal(add, entity=entity) == fault
    assert refusal(im.chat.get, entity) == fault


def test_the_longest_entity_is_kept(add):
    assert add(entity=Entity("x" * 50, "1" * 255)).request


def test_the_lookup_of_a_chat_needs_an_entity(im, refusal):
    assert refusal(im.chat.get, None) == '`entity` is NoneType, not Entity("CRM", "DEAL|1663")'


@pytest.mark.parametrize("value", ["closed", "", 5, BotType.BOT, ["open"]])
def test_a_type_of_chat_that_there_is_not(add, refusal, value):
    message = refusal(add, type=value)
    assert message.startswith("`type` is ")
    assert message.endswith(", not one of chat, open")


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("type", "bot, openline, supervisor, personal"),
        ("event_mode", "fetch, webhook"),
        ("gender", "M, F"),
        ("background_id", "azure, mint, steel, slate, teal, cornflower, sky, peach, frost"),
    ],
)
def test_a_word_that_is_none_of_a_vocabulary(imbot, refusal, name, allowed):
    assert refusal(imbot.bot.register, "x", name="X", **{name: "nope"}) == f"`{name}` is 'nope', not one of {allowed}"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"code": ""}, "`code` is empty"),
        ({"code": " \n"}, "`code` is empty"),
        ({"name": ""}, "`name` is empty"),
        ({"name": None}, "`name` is empty"),
        ({"code": 5}, "`code` is int, not text"),
        ({"token": ""}, "`token` is empty"),
        ({"token": "x" * 41}, "`token` has 41 characters, the portal keeps 40"),
        ({"last_name": 5}, "`last_name` is int, not text"),
        ({"work_position": 5}, "`work_position` is int, not text"),
        ({"event_mode": "webhook"}, "`webhook_url` is needed with event_mode='webhook'"),
        ({"event_mode": "webhook", "webhook_url": ""}, "`webhook_url` is needed with event_mode='webhook'"),
        ({"webhook_url": 5}, "`webhook_url` is int, not text"),
    ],
)
def test_a_registration_that_the_portal_would_refuse(imbot, refusal, arguments, fault):
    given = {"code": "x", "name": "X", **arguments}
    assert refusal(imbot.bot.register, given.pop("code"), **given) == fault


def test_no_message_repeats_a_token(imbot, refusal):
    for token in ("canary" * 8, ["canary"]):
        assert "canary" not in refusal(imbot.bot.register, "x", name="X", token=token)
        if isinstance(token, list):
            assert "canary" not in refusal(BotHandle, None, 1, token)


@pytest.mark.parametrize("arguments", [{}, {"bot_id": 5, "code": "x"}])
def test_a_bot_is_got_by_one_of_id_and_code(imbot, refusal, arguments):
    assert refusal(imbot.bot.get, **arguments) == "either `bot_id` or `code` is needed, not both"


def test_an_empty_code_or_token_is_a_forgotten_one(imbot, refusal):
    assert refusal(imbot.bot.get, code="") == "`code` is empty"
    assert refusal(imbot.bot.get, 5, token="") == "`token` is empty"
    assert refusal(imbot.bot.unregister, 5, token="") == "`token` is empty"
    assert refusal(imbot.bot.list, token="") == "`token` is empty"
    assert refusal(BotHandle, None, 5, "") == "`token` is empty"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"limit": 0}, "`limit` is 0, but it is a whole number of at least 1"),
        ({"limit": "10"}, "`limit` is '10', but it is a whole number of at least 1"),
        ({"limit": True}, "`limit` is True, but it is a whole number of at least 1"),
        ({"offset": -1}, "`offset` is -1, but it is a whole number of at least 0"),
        ({"offset": 1.5}, "`offset` is of type float, but it is a whole number of at least 0"),
        ({"type": "network"}, "`type` is 'network', not one of bot, openline, supervisor, personal"),
    ],
)
def test_a_page_that_there_is_not(imbot, refusal, arguments, fault):
    assert refusal(imbot.bot.list, **arguments) == fault


@pytest.mark.parametrize(
    "method",
    ["", "im chat", "im..add", ".im", "im.", "5im.x", "im/chat", "../x", "im.chat.add?x=1", "чат.add", "im.чат",
     5, None, "im.chat.add.json", "im.chat.add.xml", "im.chat.add.JSON", "im.chat.add\n"],
)  # fmt: skip
def test_a_name_that_is_no_methods(general, refusal, method):
    assert refusal(general.call, method) == (f"{method!r} is no method name such as 'im.chat.add' (without '.json')")


@pytest.mark.parametrize(
    "name", ["auth", "access_token", "auth_connector", "ap", "aplogin", "token", "state", "sessid", "method"]
)
def test_a_parameter_that_the_portal_keeps_for_itself(general, refusal, name):
    assert refusal(general.call, "x.y", {"a": 1, name: "v"}) == f"`{name}` is a name the portal keeps for itself"


def test_a_batch_of_nothing(general, refusal):
    for calls in ([], {}):
        assert refusal(general.batch, calls) == "a batch holds 1 to 50 commands, not 0"


def test_a_batch_that_cannot_be_said_leaves_its_calls_unsent(general, im):
    fine, odd = im.chat.add(), general.call("x.y", {"when": datetime(2031, 1, 1, tzinfo=UTC)})
    with pytest.raises(InvalidParameter, match="`when` cannot be sent in a batch"):
        general.batch([fine, odd])
    assert [fine.outcome, odd.outcome] == [Outcome.NOT_SENT] * 2
    assert general.batch([fine]).request


@pytest.mark.parametrize("params", ["abc", ["TITLE"], {1: "x"}])
def test_parameters_without_names_are_refused(general, params):
    with pytest.raises(InvalidParameter, match="`params` is no map"):
        general.call("im.chat.add", params)
