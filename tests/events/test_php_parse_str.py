"""Forms are read as PHP reads them: 2,000 random bodies, whose readings the real PHP has written down."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.events.php_forms import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_KEY,
    MAX_PAIRS,
    FormRefused,
    check_form,
    parse_str,
    read_form,
)

FIXTURES = Path(__file__).parent / "php_fixtures" / "parse_str.jsonl.gz"


def as_pairs(form):
    """Write a form as the fixtures do: arrays as pairs in their order, bytes as ISO 8859-1."""
    return [[latin(key), latin(value) if isinstance(value, str) else as_pairs(value)] for key, value in form.items()]


def latin(text):
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def test_two_thousand_random_bodies_are_read_as_php_reads_them():
    with gzip.open(FIXTURES, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    assert len({case["body"] for case in cases}) == 2000
    for case in cases:
        body = case["body"].encode("latin-1")
        assert as_pairs(parse_str(body)) == case["parsed"], body
        check_form(body)


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"a=1&a[b]=2", {"a": {"b": "2"}}),
        (b"a[b]=1&a=2", {"a": "2"}),
        (b"a[]=1&a[5]=2&a[]=3", {"a": {"0": "1", "5": "2", "6": "3"}}),
        (b"a[01]=1&a[-0]=2&a[]=3", {"a": {"01": "1", "-0": "2", "0": "3"}}),
        (b"a[9223372036854775807]=1&a[]=2&a[][b]=3", {"a": {"9223372036854775807": "1"}}),
        (b"a.b+c[d.e f]=1", {"a_b_c": {"d.e f": "1"}}),
        (b"a[b=1&c]=2&[d]=3", {"a_b": "1", "c]": "2"}),
        (b"a%00b=1&c[%00]=2&d=%00", {"a": "1", "c_": "2", "d": "\0"}),
        (b"..Host-a=1&__Host-b=2", {"__Host-b": "2"}),
        (b"a=%zz%4&b", {"a": "%zz%4", "b": ""}),
        (b"a=1\0&b=2", {"a": "1"}),
    ],
)
def test_the_corners_of_parse_str(body, form):
    assert read_form(body) == form


def test_what_is_no_utf_8_becomes_the_replacement_character_so_that_any_store_can_write_it():
    form = read_form(b"a[%ff]=x%c3&b=%D1%8F")
    assert form == {"a": {"�": "x�"}, "b": "я"}
    assert json.dumps(form, ensure_ascii=False).encode()


def test_of_two_names_that_only_differ_in_broken_bytes_the_later_one_wins():
    assert read_form(b"%ff=1&%fe=2") == {"�": "2"}


def deep(brackets):
    return b"a" + b"[b]" * brackets + b"=1"


@pytest.mark.parametrize(
    "body",
    [
        b"a=" + b"x" * (MAX_BYTES - 2),
        b"&".join([b"a=1"] * MAX_PAIRS),
        deep(MAX_DEPTH),
        b"k" * MAX_KEY + b"=1",
        b"%6b" * MAX_KEY + b"=1",
    ],
)
def test_a_form_at_a_limit_is_read(body):
    assert read_form(body)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"a=" + b"x" * (MAX_BYTES - 1), "bytes"),
        (b"&".join([b"a=1"] * (MAX_PAIRS + 1)), "pairs"),
        (b"&" * MAX_PAIRS, "pairs"),
        (deep(MAX_DEPTH + 1), "brackets"),
        (deep(MAX_DEPTH + 1).replace(b"[", b"%5b"), "brackets"),
        (deep(MAX_DEPTH + 1).replace(b"[", b"%5B"), "brackets"),
        (b"a=1&" + deep(349_000), "bytes"),
        (b"k" * (MAX_KEY + 1) + b"=1", "bytes"),
        (b"%6b" * (MAX_KEY + 1), "bytes"),
        (b"%" * (MAX_KEY + 1), "bytes"),
    ],
)
def test_a_form_beyond_a_limit_is_refused_without_a_word_of_it(body, fault):
    with pytest.raises(FormRefused, match=fault) as caught:
        read_form(body)
    assert caught.value.is_too_large is (len(body) > MAX_BYTES)
    assert "k" * 5 not in str(caught.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body):
    try:
        form = read_form(body)
    except FormRefused:
        return
    assert json.loads(json.dumps(form, ensure_ascii=False).encode()) == form


@given(st.text(alphabet="a[]&=%.5bB\0 ", max_size=80))
def test_any_brackets_are_read_or_refused(body):
    try:
        form = read_form(body.encode())
    except FormRefused:
        return
    assert json.loads(json.dumps(form)) == form
