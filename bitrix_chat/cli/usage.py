"""Wrong usage in words: never a value that was typed, since a misplaced one may be the secret."""

import re
from collections.abc import Mapping
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

_OPTION: Final = re.compile(r"--?[a-z][a-z-]{0,30}")
_OTHERS: Final[Mapping[type[CycloptsError], str]] = {
    UnknownCommandError: "there is no such command",
    UnusedCliTokensError: "there are more words than this command takes; quote values that hold spaces",
}
_KINDS: Final = {int: "a whole number", float: "a number"}


def usage_sentence(error: CycloptsError) -> str:
    """Return what is wrong with a command line, and where its help is."""
    return f"{_what(error)}. {_help(error)}"


def _help(error: CycloptsError) -> str:
    return f"See `{' '.join(('bitrix-chat', *(error.command_chain or ())))} --help`."


def _what(error: CycloptsError) -> str:
    match error:
        case UnknownOptionError():
            return f"{_option(error.token.keyword or error.token.value)} is unknown here"
        case CoercionError():
            return f"{_name(error)} is not {_expected(error)}"
        case MissingArgumentError():
            return f"{_name(error)} needs a value" if _was_given(error) else f"{_name(error)} is missing"
        case RepeatArgumentError():
            return f"{_option(error.token.keyword or '')} is given more than once"
    return _OTHERS.get(type(error), f"wrong usage ({type(error).__name__})")


def _option(word: str) -> str:
    option = word.partition("=")[0]
    return option if _OPTION.fullmatch(option) else "an option"


def _name(error: CycloptsError) -> str:
    name = error.argument.name if error.argument is not None else ""
    return name or "a value"


def _was_given(error: MissingArgumentError) -> bool:
    return error.keyword is not None or bool(error.argument is not None and error.argument.tokens)


def _expected(error: CoercionError) -> str:
    hint = _single(error.target_type)
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    return _KINDS.get(hint, "of the right kind") if isinstance(hint, type) else "of the right kind"


def _single(hint: Any) -> Any:
    """Return the type of one word, which stands in a list, beside None or under an annotation."""
    parts = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) is Literal or not parts:
        return hint
    return _single(parts[0]) if get_origin(hint) is Annotated or len(parts) == 1 else hint
