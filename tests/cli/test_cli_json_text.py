"""JSON as it is written on command lines."""

import pytest

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.json_text import json_object, json_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"TITLE": "New", "USERS": [1, 2]}', {"TITLE": "New", "USERS": [1, 2]}),
        ("{'TITLE': 'New', 'USERS': [1, 2]}", {"TITLE": "New", "USERS": [1, 2]}),
        ("{'a': true, 'b': false, 'c': null}", {"a": True, "b": False, "c": None}),
        ("{'a': True, 'b': None}", {"a": True, "b": None}),
        ("{'a': 'true and null'}", {"a": "true and null"}),
        ("""{'a': "it's"}""", {"a": "it's"}),
        ("{'a': (1, 2)}", {"a": [1, 2]}),
        ("{'a': -1.5}", {"a": -1.5}),
        (r"{'a': '\d'}", {"a": "\\d"}),
        (r"{'a': '\ud83d\ude00'}", {"a": "\N{GRINNING FACE}"}),
        ("  {}\n", {}),
    ],
)
def test_an_object_is_read_with_either_quotes(text, value):
    assert json_object("--fields", text) == value


@pytest.mark.parametrize(
    "text",
    [
        "{'a': SECRETCANARY}",
        "{'a': {1, 2}}",
        "{'a': b'SECRETCANARY'}",
        "{'a': __import__('os')}",
        '{"a": NaN}',
        "{'a': 1e999}",
        "{'a': ",
        '{"a": "SECRETCANARY}',
        "[1]",
        "",
        "SECRETCANARY",
        "\0.json",
        "[" * 100_000,
    ],
)
def test_what_is_no_object_is_refused_by_the_options_name_alone(text):
    with pytest.raises(InvalidParameter, match=r"^--fields") as caught:
        json_object("--fields", text)
    assert "SECRETCANARY" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "@"])
def test_a_path_stands_for_its_file_which_may_begin_with_a_byte_order_mark(tmp_path, prefix):
    path = tmp_path / "fields.json"
    path.write_text('{"TITLE": "Сделка"}', encoding="utf-8-sig")
    assert json_object("--fields", f"{prefix}{path}") == {"TITLE": "Сделка"}


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "fields.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidParameter, match="no UTF-8"):
        json_value("--fields", str(path))


def test_the_place_of_a_mistake_is_told():
    with pytest.raises(InvalidParameter, match="line 2, column 7"):
        json_object("--fields", '{"a": 1,\n "b": }')
