"""Changing a chat and its members as a person: one request each, and nothing sent that the portal would refuse."""

import base64

import pytest

from bitrix_chat.enums import Color
from bitrix_chat.errors import InvalidParameter, UnexpectedAnswer
from bitrix_chat.rest.reference import ref
from bitrix_chat.rest.request import Request, Safety
from bitrix_chat.testing import ScriptedTransport

CHANGES = ["update_title", "update_color", "update_avatar", "set_owner", "mute"]


@pytest.fixture
def change(im, png):
    """Change a chat in one of the ways in which it may be named by either id."""
    needed = {
        "update_title": {"title": "Late shift"},
        "update_color": {"color": Color.LIGHT_BLUE},
        "update_avatar": {"avatar": png},
        "set_owner": {"user_id": 31},
        "mute": {},
    }
    return lambda name, *chat, **arguments: getattr(im.chat, name)(*chat, **{**needed[name], **arguments})


def test_each_change_is_one_request_in_capitals(change, png):
    expected = {
        "update_title": ("im.chat.updateTitle", {"TITLE": "Late shift"}),
        "update_color": ("im.chat.updateColor", {"COLOR": "LIGHT_BLUE"}),
        "update_avatar": ("im.chat.updateAvatar", {"AVATAR": base64.b64encode(png).decode()}),
        "set_owner": ("im.chat.setOwner", {"USER_ID": 31}),
        "mute": ("im.chat.mute", {}),
    }
    for name, (method, params) in expected.items():
        call = change(name, 12)
        assert call.request == Request(method, {"CHAT_ID": 12, **params}, Safety.IDEMPOTENT)
        assert call.decode(True) is True


@pytest.mark.parametrize("name", CHANGES)
def test_a_chat_is_named_by_its_dialog_as_well(change, name):
    params = change(name, dialog_id="chat12").request.params
    assert params["DIALOG_ID"] == "chat12"
    assert "CHAT_ID" not in params


@pytest.mark.parametrize("name", CHANGES)
def test_a_chat_is_named_once(change, name):
    for arguments in ({}, {"chat_id": 12, "dialog_id": "chat12"}):
        with pytest.raises(InvalidParameter, match="either `chat_id` or `dialog_id` is needed, not both"):
            change(name, **arguments)


@pytest.mark.parametrize("name", CHANGES)
def test_a_chat_that_a_batch_creates_can_be_changed(change, im, name):
    created = im.chat.add()
    assert change(name, ref(created)).request.params["CHAT_ID"].call is created
    assert created.request


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("update_title", {"title": ""}, "`title` is empty"),
        ("update_title", {"title": None}, "`title` is empty"),
        ("update_title", {"title": "x" * 256}, "`title` has 256 characters, the portal keeps 255"),
        ("update_color", {"color": None}, "`color` is needed"),
        ("update_color", {"color": "orange"}, "`color` is 'orange', which the portal would ignore"),
        ("update_avatar", {"avatar": None}, "`avatar` is NoneType"),
        ("update_avatar", {"avatar": b"hello"}, "`avatar` is no image"),
        ("set_owner", {"user_id": 0}, "`user_id` is 0"),
        ("mute", {"mute": "N"}, "`mute` is 'N', but it is True or False"),
    ],
)
def test_a_change_that_the_portal_would_refuse(change, name, arguments, fault):
    with pytest.raises(InvalidParameter, match=fault):
        change(name, 12, **arguments)


@pytest.mark.parametrize(("mute", "said"), [(True, "Y"), (False, "N")])
def test_mute_says_yes_or_no(im, mute, said):
    assert im.chat.mute(12, mute=mute).request.params == {"CHAT_ID": 12, "MUTE": said}


def test_leave_names_the_chat(im):
    call = im.chat.leave(12)
    assert call.request == Request("im.chat.leave", {"CHAT_ID": 12}, Safety.IDEMPOTENT)
    assert call.decode(True) is True
    with pytest.raises(InvalidParameter, match="`chat_id` is 'chat12'"):
        im.chat.leave("chat12")


class TestMembers:
    def test_add_names_whom_to_invite(self, im):
        call = im.chat.user.add(12, iter([31, 32]), hide_history=False)
        params = {"CHAT_ID": 12, "USERS": [31, 32], "HIDE_HISTORY": "N"}
        assert call.request == Request("im.chat.user.add", params, Safety.IDEMPOTENT)
        assert call.decode(True) is True
        assert im.chat.user.add(12, [31]).request.params == {"CHAT_ID": 12, "USERS": [31]}

    def test_delete_names_the_member(self, im):
        call = im.chat.user.delete(12, 31)
        assert call.request == Request("im.chat.user.delete", {"CHAT_ID": 12, "USER_ID": 31}, Safety.IDEMPOTENT)
        assert call.decode(True) is True

    @pytest.mark.parametrize("raw", [[31, "32"], {"0": 31, "4": 32}])
    def test_list_answers_ids(self, im, raw):
        call = im.chat.user.list(12)
        assert call.request == Request("im.chat.user.list", {"CHAT_ID": 12}, Safety.SAFE)
        assert call.decode(raw) == [31, 32]

    def test_what_the_portal_would_refuse(self, im):
        for call, fault in (
            (lambda: im.chat.user.add(0, [1]), "`chat_id` is 0"),
            (lambda: im.chat.user.add(12, []), "`user_ids` is empty"),
            (lambda: im.chat.user.add(12, "31"), "`user_ids` is '31', not a list of ids"),
            (lambda: im.chat.user.add(12, [1], hide_history="Y"), "`hide_history` is 'Y'"),
            (lambda: im.chat.user.delete(12, None), "`user_id` is of type NoneType"),
            (lambda: im.chat.user.delete(None, 31), "`chat_id` is of type NoneType"),
            (lambda: im.chat.user.list("12"), "`chat_id` is '12'"),
        ):
            with pytest.raises(InvalidParameter, match=fault):
                call()


@pytest.mark.parametrize("answer", [0, "0", -1])
async def test_an_answer_that_is_no_id_is_not_taken_for_a_chat(answer):
    with pytest.raises(UnexpectedAnswer, match="done, but the answer is no chat id"):
        await ScriptedTransport({"im.chat.add": answer}).client().im.chat.add(title="Deal")
