"""Bitrix filters: a field name behind the sign of a comparison, a value that may be a list or hold `%` masks."""

import re
from collections.abc import Callable
from typing import Any, Final

from bitrix_chat.portal.php import PhpValue, elements, intval, is_numeric, strval

_SIGN: Final = re.compile(r"[<>=!@%]*")
_NAMES: Final = ("NAME", "LAST_NAME", "WORK_POSITION")
_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
}


def passes(row: dict[str, Any], condition: str, value: PhpValue) -> bool:
    """Tell whether a row satisfies `{sign}{field}: value`; a field the row lacks is no condition.

    Text is compared without regard to capitals. Without a sign `%` in the value is a mask, and NAME_SEARCH looks
    for the beginning of names and position.
    """
    sign = _SIGN.match(condition)
    operator = "" if sign is None else sign[0]
    field = condition[len(operator) :]
    if field == "NAME_SEARCH":
        return any(strval(row[name]).casefold().startswith(strval(value).casefold()) for name in _NAMES)
    if field not in row:
        return True
    wanted = [_comparable(field, element) for element in _listed(value)]
    negated, operator = operator.startswith("!"), operator.removeprefix("!")
    matched = any(_compare(operator, _comparable(field, one), other) for one in _listed(row[field]) for other in wanted)
    return matched is not negated


def _listed(value: Any) -> list[Any]:
    return elements(value) if isinstance(value, list | dict) else [value]


def _comparable(field: str, value: PhpValue) -> str:
    """Write a value as text; ACTIVE is a flag with many spellings."""
    if field == "ACTIVE":
        return "y" if strval(value).upper() in {"1", "Y", "TRUE"} else "n"
    return strval(value).casefold()


def _compare(operator: str, one: str, other: str) -> bool:
    if operator in _ORDERS:
        compare = _ORDERS[operator]
        return compare(intval(one), intval(other)) if is_numeric(one) and is_numeric(other) else compare(one, other)
    if operator == "%":
        return other in one
    if operator in {"=", "@"}:
        return one == other
    return re.fullmatch(".*".join(map(re.escape, other.split("%"))), one, re.DOTALL) is not None
