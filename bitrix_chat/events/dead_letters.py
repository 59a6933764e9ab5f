"""What is kept of an event that its handler could not handle: enough to find out why, nothing that opens anything."""

import re
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bitrix_chat.events.event import Event
from bitrix_chat.rest.redaction import scrub
from bitrix_chat.rest.secret import MASK
from bitrix_chat.rest.tracebacks import forget_frames

_LONGEST: Final = 20_000
"""Characters of a traceback; its end tells most, so the beginning is left out."""
_LINE: Final = 500
_WEBHOOK: Final = re.compile(r"(/rest/\d+/)[^/\s\"'?#]+")
_TOKEN: Final = re.compile(r"((?:access|refresh|application|bot)_?token\b\W{1,4})[\w.+/=-]{4,}", re.IGNORECASE)


def letter_of(event: Event) -> dict[str, Any]:
    """Return an event as JSON values."""
    return {
        "type": event.type,
        "id": event.id,
        "date": None if event.date is None else event.date.isoformat(),
        "data": _plain(event.raw),
    }


def error_text(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """Return a traceback without the values of variables, every known secret and every webhook in it masked."""
    forget_frames(error)
    text = _masked("".join(traceback.format_exception(error)), secrets)
    return text if len(text) <= _LONGEST else f"…{text[1 - _LONGEST :]}"


def error_line(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """Return what an error says of itself in one line, masked likewise."""
    said = "".join(traceback.format_exception_only(type(error), error)).strip().partition("\n")[0]
    return _masked(said, secrets)[:_LINE]


def _masked(text: str, secrets: Iterable[str]) -> str:
    return _TOKEN.sub(rf"\1{MASK}", _WEBHOOK.sub(rf"\1{MASK}", scrub(text, secrets)))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
