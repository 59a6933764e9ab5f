"""PHP's reading of query strings and values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.portal import php
from bitrix_chat.portal.images import decode_loosely, image_size

texts = st.text(st.characters(codec="utf-8"))
keys = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=1).filter(str.strip)
heads = keys.filter(lambda key: not set(key) & set(" .[]"))
values = st.recursive(
    texts,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(keys, inner, min_size=1, max_size=4).filter(lambda array: "0" not in array)
    ),
    max_leaves=12,
)


@given(st.dictionaries(heads, values))
def test_what_is_built_is_read_back(params):
    assert php.parse_str(php.build_query(params)) == params


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2", {"a": "2"}),
        ("a&b=&=c&&", {"a": "", "b": ""}),
        ("a=1=2+3%2B%26", {"a": "1=2 3+&"}),
        ("my.name=1&my+other=2&%20lead=3", {"my_name": "1", "my_other": "2", "lead": "3"}),
        ("a[]=x&a[]=y", {"a": ["x", "y"]}),
        ("a[0]=x&a[1]=y", {"a": ["x", "y"]}),
        ("a[1]=x&a[0]=y", {"a": {"1": "x", "0": "y"}}),
        ("a[5]=x&a[]=y", {"a": {"5": "x", "6": "y"}}),
        ("a[01]=x&a[]=y", {"a": {"01": "x", "0": "y"}}),
        ("a[b.c][ d]=x", {"a": {"b.c": {" d": "x"}}}),
        ("a[b]c=x", {"a": {"b": "x"}}),
        ("a[b]c[d]=x", {"a": {"b": "x"}}),
        ("a[b=x", {"a_b": "x"}),
        ("a[b][c=x", {"a": {"b": "x"}}),
        ("[a]=x", {}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=2&a=1", {"a": "1"}),
        ("a[ ]=x", {"a": ["x"]}),
        ("a" + "[b]" * 70 + "=x", {}),
        ("a=%FF", {"a": "\ufffd"}),
    ],
)
def test_query_strings_are_read_as_parse_str_does(query, params):
    assert php.parse_str(query) == params


def test_variables_beyond_the_limit_vanish():
    assert php.parse_str("a=1&b=2&c=3", max_vars=2) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12abc", 12),
        ("abc", 0),
        ("", 0),
        (" 7 ", 7),
        ("-3", -3),
        ("+4", 4),
        ("1.9", 1),
        ("1e3", 1000),
        (".5", 0),
        ("0x1A", 0),
        (3.9, 3),
        (True, 1),
        (None, 0),
        ([], 0),
        ([0], 1),
        ({"a": 0}, 1),
    ],
)
def test_intval_takes_the_leading_number_and_one_for_an_array(value, number):
    assert php.intval(value) == number


@pytest.mark.parametrize(
    ("value", "number"), [("9" * 5000, 0), ("9" * 30, 2**63 - 1), (float("inf"), 0), (-1e30, -(2**63))]
)
def test_numbers_beyond_64_bits_end_at_their_edge(value, number):
    assert php.intval(value) == number


@pytest.mark.parametrize("value", ["", "0", 0, 0.0, None, False, [], {}])
def test_what_is_false(value):
    assert not php.truthy(value)


@pytest.mark.parametrize("value", ["false", "N", "0.0", " ", -1, [0], {"a": None}])
def test_what_is_true(value):
    assert php.truthy(value)


@pytest.mark.parametrize(("value", "text"), [(True, "1"), (False, ""), (None, ""), (7, "7"), ([1], "Array")])
def test_what_becomes_of_a_value_as_text(value, text):
    assert php.strval(value) == text


@pytest.mark.parametrize(
    ("container", "key", "found"),
    [
        ({"a": 1}, "a", 1),
        ({"a": None}, "a", None),
        ([4, 5], "1", 5),
        ([4], "1", None),
        ([4], "01", None),
        ("text", "0", "t"),
        ("text", "x", None),
        (17, "0", None),
    ],
)
def test_offsets_are_what_isset_finds(container, key, found):
    assert php.offset(container, key) == found


def test_null_and_empty_arrays_vanish_from_a_query():
    assert php.build_query({"a": None, "b": [], "c": True, "d": False, "e": 1.5}) == "c=1&d=0&e=1.5"


@pytest.mark.parametrize(("text", "data"), [("aGk=", b"hi"), ("a G\nk", b"hi"), ("aGk*=", b"hi"), ("a", b"")])
def test_base64_is_decoded_loosely(text, data):
    assert decode_loosely(text) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"\xff\xd8",
        b"\xff\xd8\xff\xe0\0\x04\0\0",
        b"\xff\xd8\xff\xff\xd9\0\0\0\0\0\0\0",
    ],
)
def test_bytes_that_end_too_early_are_no_image(data):
    assert image_size(data) is None
