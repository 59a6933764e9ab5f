"""What the portal takes inside keyboards, menus and attachments, refused here where it would drop it in silence."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

import attrs

from bitrix_chat.errors import InvalidParameter

MAX_CHARACTERS: Final = 60_000
"""Characters that an attachment, a keyboard or a menu may have as JSON."""
KEY: Final = "key"
"""Metadata of an attribute whose wire name is not its own in upper case."""

Check = Callable[[str, Any], None]
Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]
VocabularyT = TypeVar("VocabularyT", bound=StrEnum)

_WEB_LINK: Final = re.compile(r"/|https?://.")
_HEX_COLOR: Final = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")


class ColorToken(StrEnum):
    """Colours that follow the reader's theme, for attachments, their values and buttons."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    ALERT = "alert"
    BASE = "base"


def required(check: Check) -> Validator:
    """Make an attrs validator of a check that a field has to pass."""
    return lambda _, attribute, value: check(attribute.name, value)


def optional(check: Check) -> Validator:
    """Make an attrs validator of a check that a field has to pass if it is given."""
    return lambda _, attribute, value: None if value is None else check(attribute.name, value)


def any_text(name: str, value: Any) -> None:
    """Refuse what is no text."""
    if not isinstance(value, str):
        raise InvalidParameter(f"`{name}` is {type(value).__name__}, not text")


def filled_text(name: str, value: Any) -> None:
    """Refuse a text of nothing but blanks, which the portal takes for none."""
    any_text(name, value)
    if not value.strip():
        raise InvalidParameter(f"`{name}` is empty")


def web_link(name: str, value: Any) -> None:
    """Refuse an address that the portal drops; its check knows lower case only."""
    any_text(name, value)
    if not _WEB_LINK.match(value):
        raise InvalidParameter(f"`{name}` starts with none of http://, https:// and / (a path on the portal)")


def hex_color(name: str, value: Any) -> None:
    """Refuse a colour that is not written as `#rgb` or `#rrggbb`."""
    if not (isinstance(value, str) and _HEX_COLOR.fullmatch(value)):
        raise InvalidParameter(f"`{name}` is {shown(value)}, not a HEX colour such as '#29619b' or '#fff'")


def positive_number(name: str, value: Any) -> None:
    """Refuse an id, width or height that is no whole number above zero."""
    if not (type(value) is int and value > 0):
        raise InvalidParameter(f"`{name}` is {shown(value)}, not a whole number above zero")


def byte_count(name: str, value: Any) -> None:
    """Refuse a size in bytes that is no whole number of at least zero."""
    if not (type(value) is int and value >= 0):
        raise InvalidParameter(f"`{name}` is {shown(value)}, not a whole number of bytes")


def boolean(name: str, value: Any) -> None:
    """Refuse what is neither true nor false; `"N"` would be true."""
    if not isinstance(value, bool):
        raise InvalidParameter(f"`{name}` is {shown(value)}, not True or False")


def choice(name: str, kind: type[VocabularyT], value: VocabularyT | str | None) -> VocabularyT | None:
    """Return a member of a closed vocabulary, given as itself or as its text in any case."""
    if value is None:
        return None
    for member in kind:
        if isinstance(value, str) and value.lower() == member.value.lower():
            return member
    raise InvalidParameter(f"`{name}` is {shown(value)}, not one of {', '.join(kind)}")


def color_token(value: ColorToken | str | None) -> ColorToken | None:
    """Return a colour token, given as itself or as its text."""
    return choice("color_token", ColorToken, value)


def at_most_one(look: Any, names: Iterable[str]) -> list[str]:
    """Return which of the fields is given, refusing two, of which the portal would drop one."""
    given = [name for name in names if getattr(look, name) is not None]
    if len(given) > 1:
        raise InvalidParameter(f"{_quoted(given)} are given together, but the portal keeps only one of them")
    return given


def shown(value: object) -> str:
    """Show a short value in a message, of a long one its type."""
    return repr(value) if isinstance(value, int | str) and len(str(value)) <= 40 else f"of type {type(value).__name__}"


def elements(name: str, value: Any, kinds: tuple[type, ...]) -> tuple[Any, ...]:
    """Return the parts of a look, each a builder of one of the kinds or a plain map."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidParameter(f"`{name}` is {type(value).__name__}, not a list")
    parts = tuple(value)
    for index, part in enumerate(parts):
        if not isinstance(part, (*kinds, Mapping)):
            allowed = ", ".join(kind.__name__ for kind in kinds)
            raise InvalidParameter(f"`{name}[{index}]` is {type(part).__name__}, not {allowed} or a dict")
    if not parts:
        raise InvalidParameter(f"`{name}` is empty")
    return parts


def written(look: Any) -> dict[str, Any]:
    """Write a look's fields under the portal's keys; what was not given is left out."""
    return {
        attribute.metadata.get(KEY, attribute.name.upper()): _plain(value)
        for attribute in attrs.fields(type(look))
        if (value := getattr(look, attribute.name)) is not None
    }


def part_wire(part: Any) -> dict[str, Any]:
    """Write one part of a look, a plain map as it is."""
    wire: dict[str, Any] = dict(part) if isinstance(part, Mapping) else part.to_wire()
    return wire


def fits(name: str, wire: Any) -> None:
    """Refuse a look that is longer than the portal stores.

    The portal counts what it makes of it, with defaults added: what passes here may still be refused there.
    """
    length = len(json.dumps(wire, ensure_ascii=False, separators=(",", ":"), default=lambda part: _as_text(name, part)))
    if length > MAX_CHARACTERS:
        raise InvalidParameter(f"`{name}` has {length} characters as JSON, the portal takes {MAX_CHARACTERS}")


def is_plain(name: str, value: Any) -> bool:
    """Tell whether a value is JSON as the portal documents it, rather than a list with builders in it."""
    if value is None or isinstance(value, str | Mapping):
        return True
    if not isinstance(value, list | tuple):
        raise InvalidParameter(f"`{name}` is {type(value).__name__}, not a builder, a list, a dict or text")
    return not any(attrs.has(type(part)) for part in value)


def plain(value: Any) -> Any:
    """Return plain JSON as it is, of types that any converter knows."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _as_text(name: str, part: object) -> str:
    try:
        return str(part)
    except TypeError as error:  # so does a reference, whose module knows this one
        raise InvalidParameter(f"a reference cannot stand in `{name}` that is made of builders") from error


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "Y" if value else "N"
    return str(value) if isinstance(value, str) else value


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
