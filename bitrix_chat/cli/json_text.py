"""JSON as people and shells write it: as text, with single quotes, or in a file."""

import ast
import json
import warnings
from pathlib import Path
from typing import Any, Final, NoReturn

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.text_files import read_file

_WORDS: Final = {"true": True, "false": False, "null": None}


def json_object(option: str, text: str) -> dict[str, Any]:
    """Return the JSON object that `text` holds, or the file it names.

    Raises:
        InvalidParameter: there is none; the message names the option and repeats nothing of the text.
    """
    value = json_value(option, text)
    if not isinstance(value, dict):
        raise InvalidParameter(f"{option} is no JSON object: it has to look like {{...}}")
    return value


def json_value(option: str, text: str) -> Any:
    """Return the JSON value that `text` holds, or the file it names."""
    text = _content(option, text.strip())
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError):
        raise InvalidParameter(f"{option} holds a value that JSON does not have") from None
    try:
        return _single_quoted(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise InvalidParameter(f"{option} is no JSON ({where})") from None


def _content(option: str, text: str) -> str:
    if text.startswith(("{", "[")):
        return text
    if not text:
        raise InvalidParameter(f"{option} is empty: it takes JSON text or the path of a .json file")
    return read_file(option, Path(text.removeprefix("@"))).strip()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _single_quoted(text: str) -> Any:
    """Read a Python literal in which JSON's own words stand for themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that Python does not know
        tree = _JsonWords().visit(ast.parse(text, mode="eval"))
    # The detour makes it JSON: tuples become lists, halves of a surrogate pair one character; sets and bytes fail.
    return json.loads(json.dumps(ast.literal_eval(tree), allow_nan=False))


class _JsonWords(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_WORDS[node.id]) if node.id in _WORDS else node
