"""Whole numbers as digits and nothing else: cyclopts would round 1.5 and read 0x10, and so name another id."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, get_args

from cyclopts import Parameter, Token

_DIGITS: Final = re.compile(r"-?[0-9]+")


def whole_number(text: str) -> int:
    """Return the number that digits write.

    Raises:
        ValueError: it is written in any other way.
    """
    if _DIGITS.fullmatch(text) is None:
        raise ValueError
    return int(text)


def _converted(_: Any, tokens: Sequence[Token]) -> int:
    return whole_number(tokens[0].value)


def _chosen(hint: Any, tokens: Sequence[Token]) -> int:
    number = whole_number(tokens[0].value)
    if number not in get_args(hint):
        raise ValueError
    return number


ONE_OF_NUMBERS: Final = Parameter(converter=_chosen)
"""What a `Literal` of whole numbers is annotated with."""
WholeNumber = Annotated[int, Parameter(converter=_converted)]
"""What an option or a word of a list is annotated with that takes a whole number."""
