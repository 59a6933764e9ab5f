"""What portals say in an event, made the same whichever way it came, and without what opens something."""

from collections.abc import Mapping
from typing import Any, Final

from bitrix_chat.rest.redaction import is_secret
from bitrix_chat.rest.secret import concealed

_SECRET_NAMES: Final = frozenset(
    {"accesstoken", "applicationtoken", "auth", "bottoken", "clientsecret", "refreshtoken"}
)
_UNTYPED: Final = frozenset({"block", "botData", "context", "params", "phones", "replaces"})
"""What the models leave as it is, whatever a portal puts there."""
_OBJECTS: Final = frozenset({"block", "botData", "phones"})
"""What a portal writes `false` for where there is none, which is "0" in a form."""
_MAX_DEPTH: Final = 100
"""What nests deeper is left out: no portal says anything there."""


def without_secrets(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy without tokens and `auth` blocks, wherever they stand."""
    return {name: _safe(value, _MAX_DEPTH) for name, value in data.items() if not _is_secret(name)}


def _safe(value: Any, depth: int) -> Any:
    if not isinstance(value, dict | list):
        return value
    if not depth:
        return None
    if isinstance(value, list):
        return [_safe(item, depth - 1) for item in value]
    return {name: _safe(item, depth - 1) for name, item in value.items() if not _is_secret(name)}


def _is_secret(name: object) -> bool:
    return isinstance(name, str) and name.replace("_", "").lower() in _SECRET_NAMES


def with_concealed_auth(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form whose data hold no tokens, and whose top-level `auth` holds them as secrets."""
    auth, data = form.get("auth"), form.get("data")
    return {
        **form,
        "data": without_secrets(data) if isinstance(data, Mapping) else {},
        "auth": {name: concealed(value) if is_secret(name) else value for name, value in auth.items()}
        if isinstance(auth, Mapping)
        else {},
    }


def alike(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON and a form of the same data have in common; the data went through `without_secrets`.

    A form cannot say null, nor an empty list or map: they are left out. It cannot say whether the keys 0, 1, 2 are a
    list's: they are. It has text alone: fields with a type read numbers out of it, in all else numbers are text.
    """
    return {name: shown for name, value in data.items() if not _is_empty(shown := _alike(name, value))}


def _alike(name: str, value: Any, *, as_text: bool = False) -> Any:
    if not isinstance(value, dict | list):
        if as_text:
            return _as_text(value)
        return None if name in _OBJECTS else value
    as_text = as_text or name in _UNTYPED
    items = ((str(key), item) for key, item in (value.items() if isinstance(value, dict) else enumerate(value)))
    read = ((key, _alike(key, item, as_text=as_text)) for key, item in items)
    told = {key: item for key, item in read if not _is_empty(item)}
    return list(told.values()) if all(key == str(index) for index, key in enumerate(told)) else told


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return value if value is None else str(value)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, dict | list) and not value)
