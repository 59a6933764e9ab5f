"""Messages of a person: sent once, whatever becomes of the answer."""

import re

import pytest

from bitrix_chat.enums import LikeAction, ShareTarget
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.models.attachment import Attachment, MessageBlock
from bitrix_chat.models.keyboard import Button, Keyboard
from bitrix_chat.models.menu import Menu, MenuItem
from bitrix_chat.resources.im import ImResource
from bitrix_chat.rest.request import Request, Safety
from bitrix_chat.testing import ScriptedTransport

KEY = "6a0f3c52-1f7e-4b8e-9d3a-0c5f5e1b2a77"


def refused(fault, method, *positional, **arguments):
    with pytest.raises(InvalidParameter, match=fault):
        method(*positional, **arguments)


class TestAdd:
    def test_a_dialog_and_a_text_are_enough(self, im):
        call = im.message.add("31", "Good evening")
        params = {"DIALOG_ID": "31", "MESSAGE": "Good evening"}
        assert call.request == Request("im.message.add", params, Safety.KEYED)
        assert call.decode("700") == 700

    def test_it_says_everything(self, im):
        call = im.message.add(
            "chat12",
            "Who is on duty?",
            attach=Attachment([MessageBlock("Ada")]),
            keyboard=Keyboard([Button("Me", command="duty")], bot_id=7),
            menu=Menu([MenuItem("Rota", link="/rota/")]),
            system=False,
            url_preview=False,
            reply_to=699,
            template_id=KEY,
        )
        assert call.request.params == {
            "DIALOG_ID": "chat12",
            "MESSAGE": "Who is on duty?",
            "ATTACH": {"BLOCKS": [{"MESSAGE": "Ada"}]},
            "KEYBOARD": {"BOT_ID": 7, "BUTTONS": [{"TEXT": "Me", "COMMAND": "duty"}]},
            "MENU": {"ITEMS": [{"TEXT": "Rota", "LINK": "/rota/"}]},
            "SYSTEM": "N",
            "URL_PREVIEW": "N",
            "REPLY_ID": 699,
            "TEMPLATE_ID": KEY,
        }
        assert call.request.safety is Safety.KEYED

    def test_the_portals_own_json_passes(self, im):
        call = im.message.add("31", attach=[{"MESSAGE": "Ada"}], keyboard='{"BUTTONS": []}', menu={"ITEMS": []})
        assert call.request.params == {
            "DIALOG_ID": "31",
            "ATTACH": [{"MESSAGE": "Ada"}],
            "KEYBOARD": '{"BUTTONS": []}',
            "MENU": {"ITEMS": []},
        }

    async def test_a_template_id_is_drawn_as_the_call_starts(self):
        transport = ScriptedTransport({"im.message.add": 700})
        im = ImResource(transport)
        first, second = im.message.add("31", "Hello"), im.message.add("31", "Hello")
        assert first.request == second.request
        assert [await first, await second] == [700, 700]
        drawn = [request.params["TEMPLATE_ID"] for request in transport.requests]
        assert len(set(drawn)) == 2
        assert all(
            re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", key) for key in drawn
        )

    async def test_a_template_id_of_ones_own_is_kept(self):
        transport = ScriptedTransport({"im.message.add": 700})
        assert await ImResource(transport).message.add("31", "Hello", template_id=KEY) == 700
        assert transport.requests[0].params["TEMPLATE_ID"] == KEY

    async def test_a_system_message_has_no_key_and_is_not_repeated(self):
        transport = ScriptedTransport({"im.message.add": 700})
        assert await ImResource(transport).message.add("31", "Hello", system=True) == 700
        params = {"DIALOG_ID": "31", "MESSAGE": "Hello", "SYSTEM": "Y"}
        assert transport.requests == [Request("im.message.add", params, Safety.CREATE)]

    def test_what_the_portal_would_refuse_drop_or_cut(self, im):
        for arguments, fault in (
            ({}, "there is no message: `message` or `attach` is needed"),
            ({"message": " \n", "keyboard": {}}, "there is no message"),
            ({"attach": []}, "there is no message"),
            ({"message": 5}, "`message` is int, not text"),
            ({"message": "x" * 20_001}, "`message` has 20001 characters, the portal keeps 20000"),
            ({"message": "x", "attach": 5}, "`attach` is int"),
            ({"message": "x", "keyboard": 5}, "`keyboard` is int"),
            ({"message": "x", "keyboard": [Button("?", command="help")]}, "`keyboard` has a button with a command"),
            ({"message": "x", "menu": 5}, "`menu` is int"),
            ({"message": "x", "system": "Y"}, "`system` is 'Y'"),
            ({"message": "x", "url_preview": 0}, "`url_preview` is 0"),
            ({"message": "x", "reply_to": 0}, "`reply_to` is 0"),
            ({"message": "x", "template_id": KEY.upper()}, "`template_id` is no lower-case UUIDv4"),
            ({"message": "x", "template_id": KEY, "system": True}, "`template_id` is given with system=True"),
        ):
            refused(fault, im.message.add, "chat12", **arguments)
        refused("`dialog_id` is 12", im.message.add, 12, "x")


class TestUpdate:
    def test_it_says_everything(self, im):
        call = im.message.update(
            700,
            "Good night",
            attach=[{"MESSAGE": "Ada"}],
            keyboard=[Button("Open", link="/rota/")],
            menu=[MenuItem("Rota", link="/rota/")],
            url_preview=True,
            is_edited=False,
        )
        params = {
            "MESSAGE_ID": 700,
            "MESSAGE": "Good night",
            "ATTACH": [{"MESSAGE": "Ada"}],
            "KEYBOARD": {"BUTTONS": [{"TEXT": "Open", "LINK": "/rota/"}]},
            "MENU": {"ITEMS": [{"TEXT": "Rota", "LINK": "/rota/"}]},
            "URL_PREVIEW": "Y",
            "IS_EDITED": "N",
        }
        assert call.request == Request("im.message.update", params, Safety.IDEMPOTENT)
        assert call.decode(True) is True

    def test_false_removes(self, im):
        call = im.message.update(700, attach=False, keyboard=False, menu=False)
        assert call.request.params == {"MESSAGE_ID": 700, "ATTACH": "N", "KEYBOARD": "N", "MENU": "N"}

    def test_what_is_not_given_stays_as_it_is(self, im):
        assert im.message.update(700, "Good night").request.params == {"MESSAGE_ID": 700, "MESSAGE": "Good night"}

    def test_what_the_portal_would_refuse_or_cut(self, im):
        refused("`message_id` is 'x'", im.message.update, "x", "y")
        refused("`message` has 20001 characters", im.message.update, 700, "x" * 20_001)
        refused("`message` is empty; use `delete` to remove a message", im.message.update, 700, " ")
        refused("`url_preview` is 'N'", im.message.update, 700, url_preview="N")
        refused("`is_edited` is 'N'", im.message.update, 700, "x", is_edited="N")
        for name in ("attach", "keyboard", "menu"):
            refused("` is bool", im.message.update, 700, **{name: True})

    @pytest.mark.parametrize("arguments", [{}, {"is_edited": True}])
    def test_something_has_to_change(self, im, arguments):
        refused("`message`, `attach`, `keyboard`, `menu`", im.message.update, 700, **arguments)


def test_delete_names_the_message(im):
    call = im.message.delete(700)
    assert call.request == Request("im.message.delete", {"MESSAGE_ID": 700}, Safety.IDEMPOTENT)
    assert call.decode(True) is True
    refused("`message_id` is 0", im.message.delete, 0)


class TestLike:
    @pytest.mark.parametrize("action", [LikeAction.PLUS, "minus", "PLUS"])
    def test_a_direction_may_be_repeated(self, im, action):
        params = {"MESSAGE_ID": 700, "ACTION": action.lower()}
        assert im.message.like(700, action=action).request == Request("im.message.like", params, Safety.IDEMPOTENT)

    def test_turning_over_may_not(self, im):
        assert im.message.like(700).request == Request("im.message.like", {"MESSAGE_ID": 700}, Safety.CREATE)
        params = {"MESSAGE_ID": 700, "ACTION": "auto"}
        call = im.message.like(700, action="auto")
        assert call.request == Request("im.message.like", params, Safety.CREATE)
        assert call.decode(True) is True

    def test_what_the_portal_would_not_know(self, im):
        refused("`action` is 'up', not one of auto, plus, minus", im.message.like, 700, action="up")
        refused("`message_id` is of type NoneType", im.message.like, None)


class TestCommand:
    def test_it_says_everything(self, im):
        call = im.message.command(700, bot_id=7, command="duty", command_params="night 4")
        params = {"MESSAGE_ID": 700, "BOT_ID": 7, "COMMAND": "duty", "COMMAND_PARAMS": "night 4"}
        assert call.request == Request("im.message.command", params, Safety.CREATE)
        assert call.decode(True) is True

    def test_parameters_may_be_left_out(self, im):
        request = im.message.command(700, bot_id=7, command="duty").request
        assert request.params == {"MESSAGE_ID": 700, "BOT_ID": 7, "COMMAND": "duty"}

    def test_what_the_portal_would_refuse(self, im):
        refused("`message_id` is 0", im.message.command, 0, bot_id=7, command="duty")
        refused("`bot_id` is 0", im.message.command, 700, bot_id=0, command="duty")
        refused("`command` is empty", im.message.command, 700, bot_id=7, command="")
        refused("`command_params` is list", im.message.command, 700, bot_id=7, command="duty", command_params=[])


class TestShare:
    @pytest.mark.parametrize(("target", "said"), [(ShareTarget.CALENDAR, "CALEND"), ("task", "TASK"), ("POST", "POST")])
    def test_it_names_what_the_message_becomes(self, im, target, said):
        call = im.message.share(700, "chat12", type=target)
        params = {"MESSAGE_ID": 700, "DIALOG_ID": "chat12", "TYPE": said}
        assert call.request == Request("im.message.share", params, Safety.CREATE)
        assert call.decode(True) is True

    def test_what_the_portal_would_refuse(self, im):
        refused("`message_id` is 0", im.message.share, 0, "chat12", type="CHAT")
        refused("`dialog_id` is ''", im.message.share, 700, "", type="CHAT")
        refused("`type` is needed", im.message.share, 700, "chat12", type=None)
        refused("`type` is 'mail', not one of CHAT, TASK, POST, CALEND", im.message.share, 700, "chat12", type="mail")
