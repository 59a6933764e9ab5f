"""Values are checked here as the documentation bounds them: kinds, words, lengths, numbers and sizes."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, get_args

import pytest

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.rest.call import Call
from tests.conformance.catalogue import Parameter, methods, parameters
from tests.conformance.deviations import expected
from tests.conformance.samples import least
from tests.conformance.signatures import argument, outcome, parts, sent, signature, vocabulary
from tests.conformance.tree import BOT_BRANCHES

STRANGER = "stranger"
FIRST_DIALOG = "chat1"


def _ours(method: str) -> Iterator[tuple[Parameter, tuple[Any, ...]]]:
    """Yield the documented parameters that are arguments of ours, with the types these may have."""
    for path, parameter in parameters(method).items():
        name = argument(method, path)
        if name in signature(method):
            yield parameter, parts(signature(method)[name])


def _with(method: str, path: str, value: Any) -> Call[Any] | Exception:
    called_for = [
        other
        for other, parameter in parameters(method).items()
        if parameter.says.get("required_when", {}).get(path) == value
    ]
    return outcome(method, {**least(method, path, *called_for), path: value})


def _accepts(method: str, path: str, value: Any) -> bool:
    made = _with(method, path, value)
    return isinstance(made, Call) and sent(method, made).get(path) == value


def _refuses(method: str, path: str, value: Any, saying: str = "") -> bool:
    made = _with(method, path, value)
    return isinstance(made, InvalidParameter) and saying in str(made)


@pytest.mark.parametrize("method", methods("batch"))
def test_booleans_numbers_and_moments_are_python_s_own_and_nothing_else_passes_for_them(method, conforms):
    conforms(set(_other_kinds(method)), expected("types", method))


def _other_kinds(method: str) -> Iterator[str]:
    for parameter, kinds in _ours(method):
        path, says = parameter.path, parameter.says
        for documented, kind, wrong in (
            (parameter.is_boolean, bool, "yes"),
            (says["type"] == "integer" and not {"values", "also_types"} & set(says), int, "7"),
            (says["type"] == "datetime", datetime, 7),
        ):
            if documented and kind not in kinds:
                yield f"{path}: not {kind.__name__}"
            elif documented and not _refuses(method, path, wrong):
                yield f"{path}: takes {wrong!r}"


@pytest.mark.parametrize("method", methods("batch"))
def test_words_are_the_documented_ones_as_members_and_as_plain_text(method, conforms):
    conforms(set(_other_words(method)), expected("words", method))


def _other_words(method: str) -> Iterator[str]:
    for parameter, kinds in _ours(method):
        path, words = parameter.path, parameter.says.get("values")
        if not words or parameter.is_boolean:
            continue
        members = vocabulary(signature(method)[argument(method, path)]) or _literals(kinds)
        calls = [_with(method, path, member) for member in members]
        ours = [sent(method, made).get(path) if isinstance(made, Call) else made for made in calls]
        if sorted(map(str, ours)) != sorted(map(str, words)):
            yield f"{path}: other words"
        yield from (f"{path}: refuses {word!r}" for word in words if not _accepts(method, path, word))
        if "values_open" not in parameter.says and not _refuses(method, path, STRANGER):
            yield f"{path}: takes any word"


def _literals(kinds: tuple[Any, ...]) -> list[Any]:
    return [word for kind in kinds for word in get_args(kind)]


@pytest.mark.parametrize("method", methods("batch"))
def test_documented_bounds_are_kept_and_named_one_beyond_them(method, conforms):
    conforms(set(_other_bounds(method)), expected("bounds", method))


def _other_bounds(method: str) -> Iterator[str]:
    for parameter, _ in _ours(method):
        for bound, number in parameter.says.items():
            for within, beyond in _about(bound, number):
                if not _accepts(method, parameter.path, within):
                    yield f"{parameter.path}: {bound} refused"
                if not _refuses(method, parameter.path, beyond, saying=str(number)):
                    yield f"{parameter.path}: beyond {bound} taken"


def _about(bound: str, number: Any) -> Iterator[tuple[Any, Any]]:
    if bound == "max":
        yield number, number + 1
    elif bound == "min":
        yield number, number - 1
    elif bound == "max_length":
        yield "a" * number, "a" * (number + 1)
    elif bound == "min_length":
        yield "a" * number, "a" * (number - 1)
    elif bound == "max_items":
        yield _many(number), _many(number + 1)


def _many(number: int) -> dict[str, int]:
    return {f"{index:08x}-0000-4000-8000-000000000000": index + 1 for index in range(number)}


@pytest.mark.parametrize("method", methods("batch"))
def test_what_can_be_removed_is_removed_by_false(method):
    for parameter, _ in _ours(method):
        if clear := parameter.says.get("clear_values"):
            made = _with(method, parameter.path, False)
            assert isinstance(made, Call), parameter.path
            assert sent(method, made)[parameter.path] in clear, parameter.path


@pytest.mark.parametrize("method", [method for method in methods() if method.startswith(BOT_BRANCHES)])
def test_a_bot_says_its_id_with_every_call_and_its_token_where_it_has_one(method):
    body = {**least(method), "botId": 456, "botToken": "mine"}
    with_token = sent(method, outcome(method, body))
    del body["botToken"]
    assert (with_token["botId"], with_token["botToken"]) == (456, "mine")
    assert "botToken" not in sent(method, outcome(method, body))
