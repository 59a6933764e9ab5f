"""An error as the journal keeps it: enough to be raised again by another process, of another version if need be."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bitrix_chat import errors as general
from bitrix_chat.bulk import errors as of_bulk
from bitrix_chat.errors import BitrixError
from bitrix_chat.outcomes import Outcome

_TEXTS: Final = ("marker", "host", "location", "key")
_MOMENTS: Final = ("sent_at", "retry_at")
"""What some classes tell besides; each is None by default there, and no other attribute is kept."""

_LONGEST: Final = 2000
"""Characters that are kept of a text: neither a hostile answer may fill the disk nor a hostile journal the memory."""

_KINDS: Final[Mapping[str, type[BitrixError]]] = {
    name: kind
    for module in (general, of_bulk)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, BitrixError)
}


def error_as_json(error: BitrixError) -> str:
    """Write what is known of an error; its cause and traceback stay behind."""
    return json.dumps(error_as_dict(error), separators=(",", ":"))


def error_as_dict(error: BitrixError) -> dict[str, Any]:
    """Return what `error_as_json` writes; `error` is the nearest class of this package."""
    kind = next(kind for kind in type(error).__mro__ if _KINDS.get(kind.__name__) is kind)
    kept = {
        "error": kind.__name__,
        "code": error.code,
        "description": error.description,
        "outcome": error.outcome.name,
        "method": error.method,
        "status": error.status,
    }
    kept |= {name: getattr(error, name, None) for name in _TEXTS}
    kept = {name: _cut(value) if isinstance(value, str) else value for name, value in kept.items()}
    moments = {name: getattr(error, name, None) for name in _MOMENTS}
    kept |= {name: moment.isoformat() for name, moment in moments.items() if isinstance(moment, datetime)}
    return {name: value for name, value in kept.items() if value is not None}


def error_from_json(text: str) -> BitrixError:
    """Make an error anew from what `error_as_json` has written.

    What another version has written, or nobody, becomes a `BitrixError` that says what can be read of it; it never
    claims that nothing ran.
    """
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict):
        return BitrixError(_cut(text), outcome=Outcome.UNKNOWN)
    is_described = isinstance(kept.get("description"), str)
    return _described(kept) if is_described else BitrixError(_cut(text), outcome=_outcome(kept))


def _described(kept: dict[str, Any]) -> BitrixError:
    error = _kind(kept)(
        _cut(kept["description"]),
        method=_text(kept, "method"),
        code=_text(kept, "code"),
        status=kept["status"] if type(kept.get("status")) is int else None,
        outcome=_outcome(kept),
    )
    found = {name: _text(kept, name) for name in _TEXTS} | {name: _moment(kept, name) for name in _MOMENTS}
    for name, value in found.items():
        if value is not None and hasattr(type(error), name):
            setattr(error, name, value)
    return error


def _kind(kept: dict[str, Any]) -> type[BitrixError]:
    return _KINDS.get(_text(kept, "error") or "", BitrixError)


def _outcome(kept: dict[str, Any]) -> Outcome:
    return Outcome.__members__.get(_text(kept, "outcome") or "", Outcome.UNKNOWN)


def _text(kept: dict[str, Any], name: str) -> str | None:
    value = kept.get(name)
    return _cut(value) if isinstance(value, str) else None


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _moment(kept: dict[str, Any], name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_text(kept, name) or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
