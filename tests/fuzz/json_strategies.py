"""Strategies for JSON: any at all, valid answers of a model, and valid ones that something was done to."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, get_args, get_origin

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.fuzz.answer_decoders import Model
from tests.fuzz.wire_names import fields_of, parts_of, words_of

EXAMPLES: Final = int(os.environ.get("BITRIX_CHAT_FUZZ_EXAMPLES", "25"))
"""Examples of each property and decoder; thousands are worth a night."""


def effort(share: int = 1) -> settings:
    """Return how hard to try, `share` times as hard as for one decoder."""
    return settings(max_examples=EXAMPLES * share, deadline=None, suppress_health_check=list(HealthCheck))


_ODD_LEAVES: Final = [
    "",
    "0",
    "N",
    "-0",
    " 7 ",
    "9" * 5000,
    "²",
    "٣",
    "[",
    "{}",
    "null",
    "0000-00-00",
    "2026-02-30T00:00:00+99:99",
    "99999999999999",
    -1,
    0,
    2**63,
    10**400,
    1e308,
    -1e-320,
    float("inf"),
    float("nan"),
    True,
    False,
    None,
]
LEAVES: Final = st.sampled_from(_ODD_LEAVES) | st.integers() | st.floats() | st.text(max_size=20)
ANY_JSON: Final = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)
KINDS_OF_DEPTH: Final = st.tuples(st.sampled_from(["[", '{"a":']), st.integers(1, 3000))


def deep(opening: str, depth: int) -> str:
    """Write JSON that nests deeply."""
    return opening * depth + "0" + ("]" if opening == "[" else "}") * depth


def spelled(leaf: Any) -> st.SearchStrategy[Any]:
    """A value in one of the forms in which PHP may write it."""
    return st.sampled_from([leaf, str(leaf)])


def answer(model: Model, depth: int = 3) -> st.SearchStrategy[Any]:
    """A valid answer for a model, with optional fields coming and going."""
    return _of_kind(model, model.kind, depth)


def _of_kind(model: Model, kind: Any, depth: int) -> st.SearchStrategy[Any]:
    return st.one_of(*(_of_part(model, part, depth) for part in parts_of(kind)))


def _of_part(model: Model, kind: Any, depth: int) -> st.SearchStrategy[Any]:
    if get_origin(kind) is list:
        return _list(_of_kind(model, get_args(kind)[0], depth - 1), depth)
    if get_origin(kind) is dict:
        inner = _of_kind(model, get_args(kind)[1], depth - 1)
        return st.dictionaries(st.integers(0, 99).map(str), inner, max_size=max(depth, 0))
    if attrs.has(kind):
        return st.deferred(lambda: _object(model, kind, depth - 1))
    return _leaf(kind)


def _list(inner: st.SearchStrategy[Any], depth: int) -> st.SearchStrategy[Any]:
    items = st.lists(inner, max_size=max(depth, 0))
    return items | items.map(lambda some: {str(index): item for index, item in enumerate(some)})


def _object(model: Model, kind: Any, depth: int) -> st.SearchStrategy[Any]:
    required, optional = {}, {}
    for name, field in fields_of(model.converter, kind).items():
        into = required if field.default is attrs.NOTHING else optional
        if depth > 0 or into is required:
            into[name] = _of_field(model, field, depth)
    return st.fixed_dictionaries(required, optional=optional)


def _of_field(model: Model, field: "attrs.Attribute[Any]", depth: int) -> st.SearchStrategy[Any]:
    plain = _of_kind(model, field.type, depth)
    return plain | plain.map(json.dumps) if "read" in field.metadata else plain


def _leaf(kind: Any) -> st.SearchStrategy[Any]:
    if words := words_of(kind):
        return st.sampled_from(words)
    if kind is bool:
        return st.sampled_from([True, False, "Y", "N", 1, 0])
    if kind in (int, float):
        return st.integers(0, 10**6).flatmap(spelled)
    if kind is datetime:
        return st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
    return st.text(max_size=10) if kind is str else ANY_JSON


@st.composite
def damaged(draw: Callable[..., Any], valid: st.SearchStrategy[Any]) -> Any:
    """A valid answer to which up to three things were done: a key dropped, a type swapped, a value nested."""
    value = draw(valid)
    for _ in range(draw(st.integers(1, 3))):
        value = _damage(draw, value)
    return value


def _damage(draw: Callable[..., Any], value: Any) -> Any:
    if isinstance(value, dict | list) and value and draw(st.integers(0, 3)):
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        place = draw(st.sampled_from(places))
        copy = value.copy()
        if draw(st.integers(0, 4)):
            copy[place] = _damage(draw, copy[place])
        else:
            del copy[place]
        return copy
    return draw(st.sampled_from(_DAMAGES))(draw, value)


_DAMAGES: Final[list[Callable[[Any, Any], Any]]] = [
    lambda _, __: None,
    lambda draw, _: draw(LEAVES),
    lambda draw, _: draw(ANY_JSON),
    lambda _, value: [value],
    lambda _, value: {"0": value},
    lambda _, value: {"result": value},
    lambda _, value: list(value.values()) if isinstance(value, dict) else {"a": value},
    lambda draw, _: json.loads(deep(draw(st.sampled_from(["[", '{"a":'])), draw(st.integers(1, 400)))),
]
