"""What may travel in a batch without anybody noticing, and what it is there."""

import enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import Color
from bitrix_chat.portal.batch import split_command
from bitrix_chat.rest.batch import MAX_LEAVES
from bitrix_chat.rest.packing import LONGEST_COMMAND, command_of
from bitrix_chat.rest.query import MAX_DEPTH, parse
from bitrix_chat.rest.request import Key, Request
from tests.fuzz.json_strategies import effort

ADD = "im.chat.add"


class Level(enum.IntEnum):
    HIGH = 3


class Shouted(str):
    __slots__ = ()


class Loose(enum.Enum):
    WORD = "word"


def command(params: dict[str, Any], method: str = ADD) -> str | None:
    return command_of(Request(method, params))


def nested(depth: int) -> Any:
    return {"a": nested(depth - 1)} if depth else "leaf"


def test_a_call_without_parameters_is_its_method():
    assert command({}, "profile") == "profile"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("words", "words"),
        ("", ""),
        ("a b+c&d=e#f%g?h", "a%20b%2Bc%26d%3De%23f%25g%3Fh"),
        ("Привет 🙂", "%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82%20%F0%9F%99%82"),
        ("NUL \0 and\nlines", "NUL%20%00%20and%0Alines"),
        ("$result alone, [b] alone", "%24result%20alone%2C%20%5Bb%5D%20alone"),
        (-7, "-7"),
        (0, "0"),
        (10**18, "1" + "0" * 18),
        (Color.MINT, "mint"),
        (Level.HIGH, "3"),
        (Shouted("words, aloud"), "words%2C%20aloud"),
    ],
)
def test_text_and_numbers_are_said_as_they_are(value, written):
    assert command({"P": value}) == f"{ADD}?P={written}"


def test_lists_and_maps_nest_as_php_has_them():
    params = {"USERS": [3, 1, 2], "fields": {"a": ["x", {"b": Level.HIGH}], "ключ 1": (4, "y")}}

    assert command(params) == (
        f"{ADD}?USERS[0]=3&USERS[1]=1&USERS[2]=2&fields[a][0]=x&fields[a][1][b]=3"
        "&fields[%D0%BA%D0%BB%D1%8E%D1%87%201][0]=4&fields[%D0%BA%D0%BB%D1%8E%D1%87%201][1]=y"
    )


LOSSY: dict[str, Any] = {
    "null": None,
    "empty list": [],
    "empty tuple": (),
    "empty map": {},
    "empty list inside": ["a", []],
    "null inside": {"a": None},
    "fraction": 0.5,
    "whole fraction": 1.0,
    "not a number": float("nan"),
    "bytes": b"bytes",
    "set": {1, 2},
    "object": object(),
    "word of no type JSON knows": Loose.WORD,
    "half of a pair": "half \ud83d",
    "5000 digits": 10**5000,
    "5000 digits inside": [10**5000],
    "number for a name": {1: "a"},
    "null for a name": {None: 1},
    "empty name": {"": 1},
    "name after a blank": {" a": 1},
    "bracket in a name": {"a[b": 1},
    "half of a pair in a name": {"a\ud800": 1},
    "reference": "$result[c0]",
    "text like a reference": "it costs $total[x], they say",
    "long": "x" * (LONGEST_COMMAND + 1),
    "long, to be quoted": "ё" * (LONGEST_COMMAND + 1),
    "long once it is quoted": "ё" * (LONGEST_COMMAND // 3),
    "many": list(range(MAX_LEAVES + 1)),
    "many in several": [[number] * 10 for number in range(MAX_LEAVES // 10 + 1)],
    "deep": nested(MAX_DEPTH),
    "deep in a list": [nested(MAX_DEPTH - 1)],
}


@pytest.mark.parametrize("value", LOSSY.values(), ids=LOSSY)
def test_what_a_batch_cannot_say_travels_alone(value):
    assert command({"P": value}) is None
    assert command({"fields": {"inner": value}}) is None


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a[0]", "a\0", "a\ud800"])
def test_a_name_that_php_would_change_travels_alone(name):
    assert command({name: 1}) is None


@pytest.mark.parametrize(
    ("count", "packs"), [(MAX_LEAVES, True), (MAX_LEAVES + 1, False)], ids=["as many as may be", "one more"]
)
def test_a_command_holds_so_many_values_and_no_more(count, packs):
    assert (command({"P": ["x"] * (count - 1), "Q": 1}) is not None) is packs
    assert (command({f"P{number}": number for number in range(count)}) is not None) is packs


def test_a_command_is_so_long_and_no_longer():
    room = LONGEST_COMMAND - len(f"{ADD}?P=")

    assert command({"P": "x" * room}) is not None
    assert command({"P": "x" * (room + 1)}) is None


def test_maps_nest_as_deep_as_php_reads_them():
    deep = nested(MAX_DEPTH - 1)

    assert command({"P": deep}) == f"{ADD}?P{'[a]' * (MAX_DEPTH - 1)}=leaf"
    assert command({"P": nested(MAX_DEPTH)}) is None


def test_a_list_that_holds_itself_travels_alone_to_be_refused_there():
    endless: list[Any] = []
    endless.append(endless)

    assert command({"P": endless}) is None


@pytest.mark.parametrize(
    ("method", "params", "written"),
    [
        (ADD, {"P": True}, f"{ADD}?P=Y"),
        ("imbot.v2.Chat.add", {"fields": {"P": False}}, "imbot.v2.Chat.add?fields[P]=N"),
        (ADD, {"P": [True, False]}, f"{ADD}?P[0]=Y&P[1]=N"),
        (ADD, {"KEYBOARD": {"BUTTONS": {"BLOCK": True}}}, None),
        (ADD, {"KEYBOARD": [{"BLOCK": True}]}, None),
        ("user.get", {"ACTIVE": True}, None),
        ("im.some.day", {"P": True}, None),
        ("crm.deal.add", {"P": False}, None),
    ],
)
def test_a_boolean_is_a_word_only_where_the_method_is_known_to_take_words(method, params, written):
    assert command(params, method) == written


@pytest.mark.parametrize(
    "method",
    ["batch", "Batch", "download", "upload", "im.v2.File.upload", "imbot.v2.File.upload", "im.disk.file.commit"],
)
def test_some_methods_travel_alone(method):
    assert command({"P": 1}, method) is None


@pytest.mark.parametrize("method", ["im.disk.file.delete", "im.disk.folder.get", "im.chat.upload.of.mine"])
def test_others_of_similar_names_do_not(method):
    assert command({"P": 1}, method) == f"{method}?P=1"


def test_a_key_was_looked_up_before_and_is_no_part_of_the_command():
    key = Key("deal-1", Request("im.chat.get"))

    assert command_of(Request(ADD, {"TITLE": "words"}, key=key)) == f"{ADD}?TITLE=words"


NAMES = st.text(max_size=6) | st.sampled_from(["TITLE", "USERS", "0", "1", "01", "a.b", "a b"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.text(max_size=9).map(Shouted)
    | st.sampled_from([*Color, *Level, *Loose])
    | st.text("$result[0] #&%+=?", max_size=20)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(NAMES | st.integers(0, 3), inner, max_size=4)
    ),
    max_leaves=20,
)


@effort(10)
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_request_travels_alone_or_is_read_back_as_it_was(params):
    for method in (ADD, "some.other.method"):
        written = command(params, method)
        if written is None:
            continue
        named, _, query = written.partition("?")
        read = parse(query)
        path, of_portal = split_command(written, max_vars=1000)

        assert named == path == method
        assert texts(read) == texts(of_portal) == texts(params)


def texts(value: Any) -> Any:
    """Values as PHP has them: lists are maps by index, in order, and leaves are texts."""
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        return [(str(name), texts(inner)) for name, inner in value.items()]
    if isinstance(value, bool):
        return "Y" if value else "N"
    return str(value.value) if isinstance(value, enum.Enum) else str(value)
