"""Scripted faults of the emulator as JSON, refused by the field that is wrong."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from bitrix_chat import InvalidParameter

if TYPE_CHECKING:
    from bitrix_chat.portal import Fault

_CUTS: Final = ("before", "after", "truncate")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_seconds(value: Any) -> bool:
    return type(value) in {int, float} and value >= 0


def _is_headers(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


_FIELDS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "method": (lambda value: isinstance(value, str), "text"),
    "nth": (_is_count, "a whole number from 1"),
    "times": (_is_count, "a whole number from 1"),
    "status": (lambda value: type(value) is int and 200 <= value <= 599, "an HTTP status from 200 to 599"),
    "body": (lambda value: isinstance(value, str | dict), "text or an object"),
    "headers": (_is_headers, "an object of texts"),
    "delay": (_is_seconds, "seconds, 0 or more"),
    "delay_after": (_is_seconds, "seconds, 0 or more"),
    "cut": (lambda value: value in _CUTS, f"one of {', '.join(_CUTS)}"),
    "execute": (lambda value: isinstance(value, bool), "true or false"),
}


def faults_from(option: str, value: Any) -> list["Fault"]:
    """Return the faults that a JSON list describes; null stands for a field that is not given.

    Raises:
        InvalidParameter: it is no such list; the message names the fault, counted from 0, and the field.
    """
    if not isinstance(value, list):
        raise InvalidParameter(f"{option} is no JSON list of faults: it has to look like [{{...}}]")
    return [_fault(f"{option}[{number}]", item) for number, item in enumerate(value)]


def _fault(where: str, item: Any) -> "Fault":
    from bitrix_chat.portal import Cut, Fault  # noqa: PLC0415  # slow to import, and only for this

    if not isinstance(item, dict):
        raise InvalidParameter(f"{where} is no object")
    fields = {name: field for name, field in item.items() if field is not None}
    for name, field in fields.items():
        _check(where, name, field)
    if "cut" in fields:
        fields["cut"] = Cut(fields["cut"])
    return Fault(**fields)


def _check(where: str, name: str, value: Any) -> None:
    if name not in _FIELDS:
        raise InvalidParameter(f"{where}: `{name}` is no field of a fault; there are {', '.join(_FIELDS)}")
    is_right, kind = _FIELDS[name]
    if not is_right(value):
        raise InvalidParameter(f"{where}: `{name}` is not {kind}")
