"""Query strings of strangers, and what survives being written and read again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat.rest.query import MAX_DEPTH, MAX_PAIRS, build, leaves, parse
from tests.fuzz.json_strategies import effort

PIECES = st.sampled_from(
    ["a", "b", "[", "]", "[]", "[0]", "[1]", "=", "&", ";", "%", "%5B", "%5D", "%00", "+", ".", "ё"]
)
KEYS = st.text(
    st.characters(exclude_characters="[]. \0", exclude_categories=["Cs", "Zs", "Cc"]), min_size=1, max_size=8
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TREES = st.dictionaries(
    KEYS, st.recursive(TEXTS, lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3), max_leaves=20)
)


def is_text_or_map(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_text_or_map(item) for key, item in value.items())
    return isinstance(value, str)


def parsed(query: str) -> dict[str, Any]:
    try:
        return parse(query)
    except ValueError:
        return {}


@effort(16)
@given(st.text(max_size=200) | st.lists(PIECES, max_size=60).map("".join))
def test_any_text_is_maps_of_texts_or_a_value_error(query):
    assert is_text_or_map(parsed(query))


@effort(16)
@given(TREES)
def test_what_is_written_is_read_again_as_it_was(tree):
    assert parsed(build(tree)) == tree


@effort(8)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_what_was_read_keeps_its_leaves_when_it_is_written_and_read_again(query):
    first = parsed(query)

    if all(
        set("[]").isdisjoint(name.replace("][", "").removesuffix("]").partition("[")[2]) for name, _ in leaves(first)
    ):
        again = parsed(build(first))
        assert sorted(value for _, value in leaves(again)) == sorted(value for _, value in leaves(first))


@pytest.mark.parametrize(
    "query",
    [
        "a" + "[b]" * 100_000 + "=1",
        "a" + "[" * 1_000_000 + "=1",
        "a" + "[]" * 1_000_000,
        "&".join("a[]=1" for _ in range(MAX_PAIRS)),
        "&".join("a[]=1" for _ in range(100_000)),
        "&".join(f"a{'[b]' * MAX_DEPTH}[{index}]=1" for index in range(MAX_PAIRS)),
        "%" * 1_000_000,
        "=" * 1_000_000,
        "a[9" + "9" * 100_000 + "]=1&a[]=2",
    ],
    ids=[
        "deep",
        "never closed",
        "deep lists",
        "a long list",
        "too long a list",
        "wide and deep",
        "%",
        "=",
        "a huge index",
    ],
)
@pytest.mark.timeout(20)
def test_no_text_stalls_whoever_reads_it(query):
    """The brackets of two megabytes once took forty seconds; all of these take less than one."""
    assert is_text_or_map(parsed(query))
