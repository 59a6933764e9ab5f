"""PHP's query strings: what is built reads back, and what PHP does to odd names happens here too."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat.rest.query import MAX_DEPTH, MAX_PAIRS, build, leaves, parse

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
TOP = st.text(st.characters(codec="utf-8", exclude_characters=" .[]\0"), min_size=1, max_size=8)
KEY = st.text(st.characters(codec="utf-8", exclude_characters=" \t\n\r\v\f[]\0"), min_size=1, max_size=8)
LEAF = TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(KEY, inner, min_size=1, max_size=4),
    max_leaves=20,
)


def as_php_reads(value):
    """Say what PHP makes of a value: text everywhere, and a list as a map of its indices."""
    if isinstance(value, dict):
        return {key: as_php_reads(item) for key, item in value.items()}
    if isinstance(value, list):
        return {str(index): as_php_reads(item) for index, item in enumerate(value)}
    return str(value)


@settings(deadline=None)
@given(st.dictionaries(TOP, VALUE, max_size=5))
def test_what_is_built_reads_back(params):
    assert parse(build(params)) == as_php_reads(params)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_without_a_fault(query):
    assert isinstance(parse(query), dict)


def test_parameters_are_written_as_php_does():
    params = {"botId": 5, "fields": {"title": "50% & more #1 + a=b", "userIds": [1, 2]}}
    assert build(params) == (
        "botId=5&fields[title]=50%25%20%26%20more%20%231%20%2B%20a%3Db&fields[userIds][0]=1&fields[userIds][1]=2"
    )


def test_empty_lists_and_maps_vanish():
    assert build({"a": [], "b": {}, "c": {"d": []}, "e": ""}) == "e="


def test_bytes_are_one_leaf():
    assert list(leaves({"a": b"xy", "b": (1, 2)})) == [("a", b"xy"), ("b[0]", 1), ("b[1]", 2)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("&&a=1&", {"a": "1"}),
        ("a", {"a": ""}),
        ("=1", {}),
        ("a.b=1&c d=2&e+f=3", {"a_b": "1", "c_d": "2", "e_f": "3"}),
        ("  a=1", {"a": "1"}),
        ("   =1", {}),
        ("[a]=1", {}),
        (" [a]=1", {}),
        ("x%00y=1", {"x": "1"}),
        ("a=1&a=2", {"a": "2"}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=2&a=1", {"a": "1"}),
        ("a[]=1&a[]=2", {"a": {"0": "1", "1": "2"}}),
        ("a[][x]=1&a[][x]=2", {"a": {"0": {"x": "1"}, "1": {"x": "2"}}}),
        ("a[5]=1&a[]=2", {"a": {"5": "1", "6": "2"}}),
        ("a[05]=1&a[]=2", {"a": {"05": "1", "0": "2"}}),
        ("a[k]=1&a[]=2", {"a": {"k": "1", "0": "2"}}),
        ("a[ ]=1", {"a": {"0": "1"}}),
        ("a[b.c d]=1", {"a": {"b.c d": "1"}}),
        ("a[b=1", {"a_b": "1"}),
        ("a.x[b=1", {"a_x_b": "1"}),
        ("a[b][c=1", {"a": {"b": "1"}}),
        ("a[b]c[d]=1", {"a": {"b": "1"}}),
        ("a[b]c=1", {"a": {"b": "1"}}),
        ("a[b[c]=1", {"a": {"b[c": "1"}}),
        ("a]=1", {"a]": "1"}),
        ("a%5Bb%5D=%D1%87%D0%B0%D1%82", {"a": {"b": "чат"}}),
        ("a=1=2", {"a": "1=2"}),
    ],
)
def test_names_are_read_as_php_reads_them(query, expected):
    assert parse(query) == expected


def test_an_index_of_thousands_of_digits_is_a_plain_key():
    digits = "9" * 5000
    assert parse(f"a[{digits}]=1&a[]=2") == {"a": {digits: "1", "0": "2"}}


def test_as_many_pairs_as_php_reads_are_read_and_one_more_is_refused():
    assert len(parse("&".join(f"a{index}=1" for index in range(MAX_PAIRS)))) == MAX_PAIRS
    with pytest.raises(ValueError, match="Max number of fields"):
        parse("&".join(f"a{index}=1" for index in range(MAX_PAIRS + 1)))


def test_the_cap_on_pairs_can_be_set():
    with pytest.raises(ValueError, match="Max number of fields"):
        parse("a=1&b=2&c=3", max_pairs=2)


def test_names_nest_as_deep_as_php_reads_and_no_deeper():
    value = parse("a" + "[b]" * MAX_DEPTH + "=1")["a"]
    for _ in range(MAX_DEPTH):
        value = value["b"]
    assert value == "1"
    with pytest.raises(ValueError, match="brackets"):
        parse("a" + "[b]" * (MAX_DEPTH + 1) + "=1")
