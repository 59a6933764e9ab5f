"""Our signatures, models, words and errors against the documentation as data.

The folder is named by `BITRIX_CHAT_CATALOGUE`. A method joins by one line in `METHODS`: all its arguments, the
arguments it needs, and what the portal takes without documenting it.
"""

import inspect
import json
import os
import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import attrs
import pytest

from bitrix_chat import enums
from bitrix_chat.converters import CAMEL_ANSWERS, UPPER_ANSWERS, camel_case, decoder
from bitrix_chat.enums import Color
from bitrix_chat.errors import RestError, error_class
from bitrix_chat.models.bot import Bot, Revision
from bitrix_chat.models.chat import Chat, Entity
from bitrix_chat.models.time import Time
from bitrix_chat.models.user import Profile, User
from bitrix_chat.resources.general import GeneralResource
from bitrix_chat.resources.im import ImResource
from bitrix_chat.resources.imbot import BotHandle, ImbotResource
from bitrix_chat.rest.envelope import open_envelope

FOLDER = os.environ.get("BITRIX_CHAT_CATALOGUE")
pytestmark = pytest.mark.skipif(not FOLDER, reason="BITRIX_CHAT_CATALOGUE is not set")

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 2, 2, 8, 6, 0, 0, 0, 0)
ENTITY = Entity("CRM", "DEAL|7")
CHAT = {"title": "T", "description": "D", "color": "mint", "avatar": PNG, "user_ids": [1], "message": "M"}
REGISTRATION = {
    "token": "t", "last_name": "L", "work_position": "W", "color": "mint", "gender": "M", "avatar": PNG, "type": "bot",
    "event_mode": "webhook", "webhook_url": "https://bots.example/", "is_hidden": True, "is_reactions_enabled": True,
    "is_support_openline": True, "background_id": "sky",
}  # fmt: skip

im, imbot, general, bot = ImResource(None), ImbotResource(None), GeneralResource(None), BotHandle(None, 456, "t")


@attrs.frozen
class Covered:
    """A method of ours.

    Attributes:
        call: the method.
        full: arguments that together give every documented parameter, once or several times.
        needed: the arguments it cannot do without.
        undocumented: what the portal takes although no page says so.
    """

    call: object
    full: tuple = ({},)
    needed: Mapping = {}
    undocumented: frozenset = frozenset()


METHODS = {
    "imbot.v2.Chat.add": Covered(
        bot.chat.add,
        ({**CHAT, "owner_id": 1, "type": "open", "entity": ENTITY},),
        undocumented=frozenset({"fields.type", "fields.entityType", "fields.entityId"}),
    ),
    "imbot.v2.Chat.get": Covered(bot.chat.get, ({"dialog_id": "chat5"},), {"dialog_id": "chat5"}),
    "imbot.v2.Bot.register": Covered(
        imbot.bot.register, ({"code": "c", "name": "N", **REGISTRATION},), {"code": "c", "name": "N"}
    ),
    "imbot.v2.Bot.get": Covered(imbot.bot.get, ({"bot_id": 5, "token": "t"}, {"code": "c"}), {"bot_id": 5}),
    "imbot.v2.Bot.list": Covered(imbot.bot.list, ({"type": "bot", "limit": 5, "offset": 5, "token": "t"},)),
    "imbot.v2.Bot.unregister": Covered(imbot.bot.unregister, ({"bot_id": 5, "token": "t"},), {"bot_id": 5}),
    "imbot.v2.Revision.get": Covered(imbot.revision.get),
    "im.chat.add": Covered(
        im.chat.add, ({**CHAT, "type": "open", "entity": ENTITY, "copilot_main_role": "copilot_assistant"},)
    ),
    "im.chat.get": Covered(im.chat.get, ({"entity": ENTITY},), {"entity": ENTITY}),
    "profile": Covered(general.profile),
    "batch": Covered(
        lambda calls=("profile",), *, halt=False: general.batch([general.call(name) for name in calls], halt=halt),
        ({"halt": True},),
    ),
}

MODELS = {
    "v2.User": (User, CAMEL_ANSWERS, camel_case),
    "v2.Chat": (Chat, CAMEL_ANSWERS, camel_case),
    "v2.Bot": (Bot, CAMEL_ANSWERS, camel_case),
    "v2.Revision": (Revision, CAMEL_ANSWERS, camel_case),
    "general.Profile": (Profile, UPPER_ANSWERS, str.upper),
}

VOCABULARIES = {
    ("imbot.v2.Chat.add", "fields.color"): enums.Color,
    ("imbot.v2.Bot.register", "fields.properties.color"): enums.Color,
    ("imbot.v2.Bot.register", "fields.properties.gender"): enums.Gender,
    ("imbot.v2.Bot.register", "fields.type"): enums.BotType,
    ("imbot.v2.Bot.register", "fields.eventMode"): enums.EventMode,
    ("imbot.v2.Bot.register", "fields.backgroundId"): enums.Background,
    ("imbot.v2.Bot.list", "filter.type"): enums.BotType,
    ("im.chat.add", "TYPE"): enums.ChatType,
    ("im.chat.add", "COLOR"): enums.Color,
}


@cache
def catalogue(name):
    return json.loads(Path(FOLDER, f"{name}.json").read_text(encoding="utf-8"))


def page_of(method):
    (page,) = [page for page in catalogue("methods") if page["method"] == method]
    return page


def documented(params, prefix=""):
    """Yield every documented parameter under its dotted name, and those of the objects in it."""
    for param in params:
        name = prefix + param["name"]
        yield name, param
        yield from documented(param.get("fields", ()), f"{name}.")


def sent(call, prefix=""):
    """Return the dotted names of everything a call sends."""
    names = set()

    def walk(params, prefix):
        for name, value in params.items():
            names.add(prefix + name)
            if isinstance(value, Mapping) and prefix + name != "cmd":
                walk(value, f"{prefix}{name}.")

    walk(call.request.params, prefix)
    return names


def example_bodies(method, kind):
    return [example["body"] for example in page_of(method)["examples"] if example["kind"] == kind]


@pytest.mark.parametrize("method", METHODS)
def test_every_documented_parameter_can_be_sent_and_no_other_is(method):
    covered = METHODS[method]
    names = set().union(*(sent(covered.call(**arguments)) for arguments in covered.full))
    assert names == {name for name, _ in documented(page_of(method)["params"])} | covered.undocumented
    assert covered.call(**covered.full[0]).request.method == method


@pytest.mark.parametrize("method", METHODS)
def test_required_parameters_are_required_and_always_sent(method):
    covered = METHODS[method]
    required = {
        name
        for name, param in documented(page_of(method)["params"])
        if param["required"] and "required_unless" not in param
    }
    assert required <= sent(covered.call(**covered.needed))
    for parameter in inspect.signature(covered.call).parameters.values():
        assert parameter.default is not parameter.empty or parameter.name in covered.needed


@pytest.mark.parametrize("method", METHODS)
def test_every_success_example_is_an_answer_that_structures(method):
    bodies = example_bodies(method, "response")
    assert bodies
    for body in bodies:
        response = open_envelope(method, 200, json.dumps(body).encode())
        assert all(getattr(response.time, name) == value for name, value in body["time"].items())
        call = METHODS[method].call(**METHODS[method].needed)
        assert call.request
        value = call.decode(response.result)
        assert value is not None


def test_every_batch_example_comes_apart_by_its_names():
    for body in example_bodies("batch", "response"):
        parts = {name: part for name, part in body["result"].items() if part}
        names = list(dict.fromkeys([*parts.get("result", {}), *parts.get("result_error", {})]))
        batch = general.batch({name: general.call("x.y") for name in names})
        assert batch.request
        for result in batch.decode(body["result"]):
            if result.name in parts.get("result", {}):
                assert result.unwrap() == parts["result"][result.name]
            else:
                assert result.error.code == parts["result_error"][result.name]["error"]


@pytest.mark.parametrize("method", METHODS)
def test_every_error_example_becomes_the_error_of_its_code(method):
    for body in example_bodies(method, "error"):
        with pytest.raises(RestError) as caught:
            open_envelope(method, 400, json.dumps(body).encode())
        assert (caught.value.code, caught.value.description) == (body["error"], body["error_description"])
        assert type(caught.value) is not RestError


@pytest.mark.parametrize("method", [*METHODS, "system", "oauth"])
def test_every_documented_error_code_has_a_class(method):
    codes = {
        code for code, entries in catalogue("errors").items() if any(entry["method"] == method for entry in entries)
    }
    if method in METHODS:
        codes |= {error["code"] for error in page_of(method)["errors"]}
    assert {code for code in codes if error_class(code) is RestError} == set()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_every_documented_field(name):
    model, converter, rename = MODELS[name]
    (entity,) = [entity for entity in catalogue("entities")["entities"] if entity["name"] == name]
    ours = {rename(field.name): field for field in attrs.fields(model)}
    assert {field["name"] for field in entity["fields"]} <= set(ours)
    for example in entity["examples"]:
        decoder(converter, model, name)(example["body"])
    for field in entity["fields"]:
        if field["nullable"] or {"empty_string_if_unset"} & set(field.get("flags", ())):
            assert ours[field["name"]].default is None, field["name"]
        if field.get("absent_in_examples_of") or {"owner_only", "conditional"} & set(field.get("flags", ())):
            assert ours[field["name"]].default is not attrs.NOTHING, field["name"]


def test_time_has_every_documented_field():
    (entity,) = [entity for entity in catalogue("entities")["entities"] if entity["name"] == "general.Time"]
    assert {field["name"] for field in entity["fields"]} == {field.name for field in attrs.fields(Time)}


@pytest.mark.parametrize("place", VOCABULARIES, ids=".".join)
def test_our_words_are_the_documented_ones(place):
    method, name = place
    param = dict(documented(page_of(method)["params"]))[name]
    ours = {member.value for member in VOCABULARIES[place]}
    if method.startswith("im."):
        ours = {member.name for member in VOCABULARIES[place]}
    assert ours == set(param["values"])


def test_colours_are_the_documented_ones_in_both_spellings_and_hex():
    colors = catalogue("colors")
    assert {row["name"]: row["hex"] for row in colors["v2"]} == {color.value: color.hex for color in Color}
    assert {row["name"]: row["v2_name"] for row in colors["v1"]} == {color.legacy_name: color.value for color in Color}
    assert all(Color.of(row["hex"]) is Color.of(row["name"]) for row in [*colors["v2"], *colors["v1"]])


def test_backgrounds_are_the_documented_ones():
    assert [row["id"] for row in catalogue("colors")["backgrounds"]] == [member.value for member in enums.Background]


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"batch"}))
def test_the_docstring_names_the_documented_scope(method):
    scope = page_of(method)["scope"]
    said = inspect.getdoc(METHODS[method].call)
    assert ("any scope" if scope == ["basic"] else f"scope `{scope[0]}`") in said
