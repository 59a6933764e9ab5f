"""Every method makes exactly one request, in the words of its dialect."""

import base64
import inspect
import operator
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import get_args, get_origin

import pytest

from bitrix_chat import BitrixChat, WebhookAuth
from bitrix_chat.enums import Background, BotType, ChatType, Color, EventMode, Gender
from bitrix_chat.models.chat import Entity
from bitrix_chat.resources.imbot import BotHandle
from bitrix_chat.resources.resource import Resource
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.query import parse
from bitrix_chat.rest.reference import Reference, ref
from bitrix_chat.rest.request import Request, Safety

OF_THE_BOT = {"botId": 456, "botToken": "canary-token"}


class TestImChat:
    def test_add_without_anything_is_a_request_without_anything(self, im):
        assert im.chat.add().request == Request("im.chat.add", {}, Safety.CREATE)

    def test_add_says_everything_in_capitals(self, im, png):
        call = im.chat.add(
            title="Night shift",
            description="Who is on duty",
            color="lightBlue",
            avatar=png,
            user_ids=(3, 4),
            type="open",
            message="Good evening",
            entity=Entity("CRM", "DEAL|7"),
            copilot_main_role="copilot_assistant",
        )
        assert call.request == Request(
            "im.chat.add",
            {
                "USERS": [3, 4],
                "TYPE": "OPEN",
                "TITLE": "Night shift",
                "DESCRIPTION": "Who is on duty",
                "COLOR": "LIGHT_BLUE",
                "MESSAGE": "Good evening",
                "AVATAR": base64.b64encode(png).decode(),
                "ENTITY_TYPE": "CRM",
                "ENTITY_ID": "DEAL|7",
                "COPILOT_MAIN_ROLE": "copilot_assistant",
            },
            Safety.CREATE,
        )

    def test_add_answers_the_chats_id(self, im):
        call = im.chat.add()
        assert [call.decode(1417), call.decode("1417")] == [1417, 1417]
        assert call.request.method == "im.chat.add"

    def test_get_finds_a_chat_by_its_entity(self, im):
        call = im.chat.get(Entity("TASKS", "91"))
        assert call.request == Request("im.chat.get", {"ENTITY_TYPE": "TASKS", "ENTITY_ID": "91"}, Safety.SAFE)
        assert call.decode({"ID": 8, "brand_new": "x"}) == 8
        assert call.decode({"ID": "8"}) == 8

    @pytest.mark.parametrize("raw", [None, [], {}, False])
    def test_get_answers_none_where_there_is_no_chat(self, im, raw):
        call = im.chat.get(Entity("TASKS", "91"))
        assert call.decode(raw) is None
        assert call.request


class TestBotChat:
    def test_add_without_anything_names_the_bot_alone(self, bot):
        assert bot.chat.add().request == Request("imbot.v2.Chat.add", OF_THE_BOT, Safety.CREATE)

    def test_add_says_everything_in_camel_case(self, bot, png):
        call = bot.chat.add(
            title="Night shift",
            description="Who is on duty",
            color="LIGHT_BLUE",
            avatar=base64.b64encode(png).decode(),
            user_ids=iter([3, 4]),
            owner_id=3,
            message="Good evening",
            type=ChatType.OPEN,
            entity=Entity("MINE", "7"),
        )
        assert call.request == Request(
            "imbot.v2.Chat.add",
            {
                **OF_THE_BOT,
                "fields": {
                    "title": "Night shift",
                    "description": "Who is on duty",
                    "color": "lightBlue",
                    "avatar": base64.b64encode(png).decode(),
                    "userIds": [3, 4],
                    "ownerId": 3,
                    "message": "Good evening",
                    "type": "open",
                    "entityType": "MINE",
                    "entityId": "7",
                },
            },
            Safety.CREATE,
        )

    def test_an_empty_list_of_users_is_left_out_because_a_batch_cannot_say_it(self, bot, im):
        assert bot.chat.add(user_ids=[]).request == Request("imbot.v2.Chat.add", OF_THE_BOT)
        assert im.chat.add(user_ids=[]).request == Request("im.chat.add", {})

    def test_empty_texts_are_sent(self, bot):
        assert bot.chat.add(title="", message="").request.params["fields"] == {"title": "", "message": ""}

    @pytest.mark.parametrize("dialog_id", ["chat5", "5", "sg7", "crm|deal|9"])
    def test_get_names_the_dialog(self, bot, dialog_id):
        call = bot.chat.get(dialog_id)
        assert call.request == Request("imbot.v2.Chat.get", {**OF_THE_BOT, "dialogId": dialog_id}, Safety.SAFE)
        assert call.decode({"chat": {"id": 5}}).chat.id == 5

    def test_an_application_needs_no_token(self):
        request = BotHandle(None, 7, None).chat.get("chat5").request
        assert request.params == {"botId": 7, "dialogId": "chat5"}

    def test_the_handle_shows_its_id_alone(self, bot):
        assert repr(bot) == "<BotHandle 456>"
        assert bot.id == 456


class TestBots:
    def test_register_takes_a_code_and_a_name(self, imbot):
        call = imbot.bot.register("night", name="Night")
        params = {"fields": {"code": "night", "properties": {"name": "Night"}}}
        assert call.request == Request("imbot.v2.Bot.register", params, Safety.IDEMPOTENT)
        assert call.decode({"bot": {"id": 456}, "users": []}).bot.id == 456

    def test_register_says_everything(self, imbot, png, tmp_path):
        path = tmp_path / "face.png"
        path.write_bytes(png)
        call = imbot.bot.register(
            "night",
            name="Night",
            token="t" * 40,
            last_name="Bot",
            work_position="Porter",
            color="#4BA5C3",
            gender="f",
            avatar=path,
            type=BotType.PERSONAL,
            event_mode=EventMode.WEBHOOK,
            webhook_url="https://bots.example/night",
            is_hidden=True,
            is_reactions_enabled=False,
            is_support_openline=False,
            background_id="Sky",
        )
        assert call.request.params == {
            "fields": {
                "code": "night",
                "botToken": "t" * 40,
                "properties": {
                    "name": "Night",
                    "lastName": "Bot",
                    "workPosition": "Porter",
                    "color": "lightBlue",
                    "gender": "F",
                    "avatar": base64.b64encode(png).decode(),
                },
                "type": "personal",
                "eventMode": "webhook",
                "webhookUrl": "https://bots.example/night",
                "isHidden": True,
                "isReactionsEnabled": False,
                "isSupportOpenline": False,
                "backgroundId": "sky",
            }
        }

    @pytest.mark.parametrize(
        ("arguments", "params"),
        [
            ({"bot_id": 456}, {"botId": 456}),
            ({"code": "night"}, {"code": "night"}),
            ({"bot_id": 456, "token": "x" * 41}, {"botId": 456, "botToken": "x" * 41}),
        ],
    )
    def test_get_takes_an_id_or_a_code(self, imbot, arguments, params):
        call = imbot.bot.get(**arguments)
        assert call.request == Request("imbot.v2.Bot.get", params, Safety.SAFE)
        assert call.decode({"bot": {"id": "456"}}).bot.id == 456

    @pytest.mark.parametrize(
        ("arguments", "params"),
        [
            ({}, {}),
            (
                {"type": "Bot", "limit": 1, "offset": 100, "token": "t"},
                {"filter": {"type": "bot"}, "limit": 1, "offset": 100, "botToken": "t"},
            ),
        ],
    )
    def test_list_asks_for_a_page(self, imbot, arguments, params):
        call = imbot.bot.list(**arguments)
        assert call.request == Request("imbot.v2.Bot.list", params, Safety.SAFE)
        page = call.decode({"bots": {"0": {"id": 1}, "2": {"id": 3}}, "users": [], "hasNextPage": "Y"})
        assert ([bot.id for bot in page.bots], page.has_next_page) == ([1, 3], True)

    def test_unregister_names_the_bot(self, imbot):
        call = imbot.bot.unregister(456, token="t")
        assert call.request == Request("imbot.v2.Bot.unregister", {"botId": 456, "botToken": "t"}, Safety.IDEMPOTENT)
        assert call.decode({"result": True, "brandNew": []}) is True
        assert call.decode({"result": "N"}) is False

    def test_the_revision_needs_nothing(self, imbot):
        call = imbot.revision.get()
        assert call.request == Request("imbot.v2.Revision.get", {}, Safety.SAFE)
        assert call.decode({"rest": "36"}).rest == 36


class TestGeneral:
    def test_profile_needs_nothing(self, general):
        call = general.profile()
        assert call.request == Request("profile", {}, Safety.SAFE)
        assert call.decode({"ID": "7", "ADMIN": True}).admin is True

    @pytest.mark.parametrize(
        "method", ["profile", "im.chat.add", "imbot.v2.Chat.User.add", "crm.item.list", "json", "x.xmlish", "a_b.c1"]
    )
    def test_call_takes_any_method(self, general, method):
        call = general.call(method, {"a": None, "b": [1, {"c": True}]}, safety=Safety.SAFE)
        assert call.request == Request(method, {"a": None, "b": [1, {"c": True}]}, Safety.SAFE)
        assert call.decode({"raw": []}) == {"raw": []}

    def test_call_is_cautious_unless_told_otherwise(self, general):
        assert general.call("x.y").request == Request("x.y", {}, Safety.CREATE)

    def test_call_keeps_its_own_parameters(self, general):
        params = {"a": 1}
        call = general.call("x.y", params)
        params["b"] = 2
        assert call.request.params == {"a": 1}

    def test_start_is_paging_and_may_be_given(self, general):
        assert general.call("user.get", {"start": 50}).request.params == {"start": 50}

    def test_batch_packs_calls(self, general, im, bot):
        created = im.chat.add(title="A & B")
        batch = general.batch([created, bot.chat.get(ref(created)), bot.chat.add()])
        assert batch.request.method == "batch"
        assert batch.request.safety is Safety.CREATE
        assert batch.request.params["halt"] == 0
        commands = {name: command.partition("?") for name, command in batch.request.params["cmd"].items()}
        assert {name: (method, parse(query)) for name, (method, _, query) in commands.items()} == {
            "c0": ("im.chat.add", {"TITLE": "A & B"}),
            "c1": (
                "imbot.v2.Chat.get",
                {"botId": "456", "botToken": "canary-token", "dialogId": "chat$result[c0]"},
            ),
            "c2": ("imbot.v2.Chat.add", {"botId": "456", "botToken": "canary-token"}),
        }

    def test_batch_takes_names_and_halt(self, general, im):
        batch = general.batch({"first": im.chat.get(Entity("X", "1"))}, halt=True)
        assert batch.request == Request(
            "batch", {"halt": 1, "cmd": {"first": "im.chat.get?ENTITY_TYPE=X&ENTITY_ID=1"}}, Safety.SAFE
        )
        assert batch.decode({"result": {"first": {"ID": 4}}})["first"].unwrap() == 4


class TestReferences:
    def test_ids_may_refer_to_an_earlier_call(self, im, imbot, bot, general):
        registered = imbot.bot.register("night", name="Night")
        number = ref(registered)["bot"]["id"]
        assert registered.request
        assert bot.chat.get(number).request.params["dialogId"] is number
        assert bot.chat.add(owner_id=number, user_ids=[1, number]).request.params["fields"] == {
            "userIds": [1, number],
            "ownerId": number,
        }
        assert imbot.bot.get(number).request.params == {"botId": number}
        assert imbot.bot.unregister(number).request.params == {"botId": number}
        assert BotHandle(None, number, None).chat.add().request.params == {"botId": number}
        assert im.chat.add(user_ids=[number]).request.params == {"USERS": [number]}
        packed = general.batch([imbot.bot.register("x", name="X"), BotHandle(None, 1, None).chat.get("chat1")])
        assert packed.request


@pytest.mark.parametrize("color", Color)
def test_a_colour_is_said_in_the_spelling_of_the_method(im, imbot, bot, color):
    for given in (color, color.value, color.legacy_name, color.hex, color.hex.upper()):
        assert bot.chat.add(color=given).request.params["fields"] == {"color": color.value}
        assert im.chat.add(color=given).request.params == {"COLOR": color.legacy_name}
        properties = imbot.bot.register("x", name="X", color=given).request.params["fields"]["properties"]
        assert properties == {"name": "X", "color": color.value}


@pytest.mark.parametrize("word", ["OPEN", "open", "Open", ChatType.OPEN])
def test_a_choice_is_taken_in_any_case(im, bot, word):
    assert im.chat.add(type=word).request.params == {"TYPE": "OPEN"}
    assert bot.chat.add(type=word).request.params["fields"] == {"type": "open"}


@pytest.mark.parametrize(("kind", "name"), [(BotType, "type"), (Gender, "gender"), (Background, "background_id")])
def test_every_word_of_a_vocabulary_can_be_said(imbot, kind, name):
    for member in kind:
        fields = imbot.bot.register("x", name="X", **{name: member}).request.params["fields"]
        assert member.value in {*map(str, fields.values()), *map(str, fields["properties"].values())}


# The REST path is the attribute path: what a bot does under `imbot.v2` is on `b24.bot(...)`, all else on `b24`.
EXCEPTIONS = {
    "imbot.v2.Bot.register": "b24.imbot.bot.register",
    "imbot.v2.Bot.get": "b24.imbot.bot.get",
    "imbot.v2.Bot.list": "b24.imbot.bot.list",
    "imbot.v2.Bot.update": "b24.imbot.bot.update",
    "imbot.v2.Bot.unregister": "b24.imbot.bot.unregister",
    "imbot.v2.Revision.get": "b24.imbot.revision.get",
}


def attribute_path(method):
    words = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower() for word in method.split(".")]
    return ".".join(["bot", *words[2:]] if words[:2] == ["imbot", "v2"] else ["b24", *words])


def methods_below(path, thing):
    """Yield every method below a resource: its attribute path and the REST method its docstring names.

    A branch that is a method itself is called; what makes no call but awaits those of others is none of its own.
    """
    for name, method in inspect.getmembers(type(thing), inspect.isfunction):
        annotation = inspect.signature(method).return_annotation
        makes_a_call = Call in {get_origin(kind) for kind in (annotation, *get_args(annotation))}
        named = re.search(r"Source: `([\w.]+)`", inspect.getdoc(method) or "")
        if name == "__call__":
            yield path, named[1]
        elif makes_a_call and not name.startswith("_"):
            yield f"{path}.{name}", named[1]
    for name, value in vars(thing).items():
        if isinstance(value, Resource) and not name.startswith("_"):
            yield from methods_below(f"{path}.{name}", value)


def test_the_rest_path_is_the_attribute_path():
    b24 = BitrixChat(WebhookAuth("https://b24.example/rest/1/canary-secret/"))
    found = {}
    for path, thing in (("b24.im", b24.im), ("b24.imbot", b24.imbot), ("bot", b24.bot(1))):
        found |= {method: attribute for attribute, method in methods_below(path, thing)}
    assert found == {method: EXCEPTIONS.get(method, attribute_path(method)) for method in found}
    assert set(EXCEPTIONS) <= set(found)
    assert {"im.chat.add", "im.chat.get", "imbot.v2.Chat.add", "imbot.v2.Chat.get"} <= set(found)
    for call, method in ((b24.profile(), "profile"), (b24.batch([b24.profile()]), "batch")):
        assert call.request.method == method == attribute_path(method).removeprefix("b24.")


# What a method cannot do without although none of it is needed by itself.
ALTERNATIVES = {
    "imbot.v2.Bot.get": {"bot_id": 1},
    "imbot.v2.Bot.update": {"name": "X"},
    "imbot.v2.Chat.update": {"title": "X"},
    "imbot.v2.Chat.Message.send": {"message": "X"},
    "imbot.v2.Chat.Message.update": {"message": "X"},
    "imbot.v2.Command.register": {"title": {"en": "X"}},
    "imbot.v2.Command.update": {"command": "X"},
    "imbot.v2.Command.answer": {"message": "X"},
    "im.chat.mute": {"chat_id": 1},
    "im.chat.setOwner": {"chat_id": 1},
    "im.chat.updateAvatar": {"chat_id": 1},
    "im.chat.updateColor": {"chat_id": 1},
    "im.chat.updateTitle": {"chat_id": 1},
    "im.disk.file.commit": {"chat_id": 1, "file_ids": [1]},
    "im.disk.folder.get": {"chat_id": 1},
    "im.message.add": {"message": "X"},
    "im.message.update": {"message": "X"},
    "im.notify.delete": {"notification_id": 1},
    "im.notify.history.search": {"text": "xyz"},
    "im.search.chat.list": {"find": "xyz"},
}


def example_of(annotation, png):
    """Make an argument of what a parameter says of itself."""
    kinds = {annotation, *get_args(annotation)}
    words = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, StrEnum)]
    if words:
        return next(iter(words[0]))
    if get_origin(annotation) is Iterable:
        return [example_of(*get_args(annotation), png)]
    examples = {Entity: Entity("X", "1"), int: 1, bytes: png, Reference: "chat1", str: "xyz"}
    return next(example for kind, example in examples.items() if kind in kinds)


@pytest.mark.filterwarnings("ignore:the portal gives up:DeprecationWarning")
def test_the_docstring_of_a_method_names_the_method_it_calls(im, imbot, bot, png):
    for thing in (im, imbot.bot, imbot.revision, bot.chat, bot.command, bot.event, bot.file):
        for attribute, named in methods_below("thing", thing):
            method = operator.attrgetter(attribute.removeprefix("thing."))(thing) if "." in attribute else thing
            parameters = inspect.signature(method).parameters.values()
            required = {
                each.name: example_of(each.annotation, png) for each in parameters if each.default is each.empty
            }
            assert method(**{**required, **ALTERNATIVES.get(named, {})}).request.method == named
