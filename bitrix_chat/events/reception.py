"""What became of a posted body: told to its sender by a bare status, and to the operator by a counter."""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from attrs import frozen

from bitrix_chat.events.decode import event_type
from bitrix_chat.events.event_data import without_secrets


class Reception(StrEnum):
    """How a posted body fared, for counters and logs; its sender learns the status alone."""

    KEPT = "kept"
    REPLAYED = "replayed"
    """It came before, and is handled once."""
    TOO_LARGE = "too_large"
    NOT_A_FORM = "not_a_form"
    MALFORMED = "malformed"
    """More pairs, deeper or longer names than a portal's, no event, or cut off before its end."""
    TOO_SLOW = "too_slow"
    """The server gave it up before it was complete."""
    FORGED = "forged"
    """The application token is missing, no text, or another."""
    UNKNOWN_PORTAL = "unknown_portal"
    WRONG_PORTAL = "wrong_portal"
    TOO_OLD = "too_old"
    """Its `ts` is missing, or further from now than `max_age`."""
    UNTRUSTED_INSTALLATION = "untrusted_installation"
    """Its addresses or tokens are none to act with, or `installations` did not accept it."""
    INBOX_FULL = "inbox_full"
    OVERLOADED = "overloaded"
    """More bodies at a time than `max_in_flight`, or more bytes than the server holds."""
    FAILED = "failed"
    """The store, the lookup of the token or `installations` raised."""


_STATUSES: Final[Mapping[Reception, int]] = {
    Reception.KEPT: 200,
    Reception.REPLAYED: 200,
    Reception.MALFORMED: 400,
    Reception.TOO_SLOW: 408,
    Reception.TOO_LARGE: 413,
    Reception.NOT_A_FORM: 415,
    Reception.FAILED: 500,
    Reception.INBOX_FULL: 503,
    Reception.OVERLOADED: 503,
}


@frozen
class ReceiverResponse:
    """What to answer: a status and its standard phrase, which is the same for all that is forbidden.

    Attributes:
        reception: what it was, for the operator; not to be sent.
    """

    reception: Reception

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _STATUSES.get(self.reception, 403)

    @property
    def reason(self) -> str:
        """The status in words, `Forbidden`; safe to send."""
        return HTTPStatus(self.status).phrase


def kept_body(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of an event: all that `decode_posted` reads and who sent it, without a token."""
    data, auth = form.get("data"), form.get("auth")
    sender = auth if isinstance(auth, Mapping) else {}
    return {
        "event": event_type(form.get("event")),
        "ts": _text(form.get("ts")),
        "data": without_secrets(data) if isinstance(data, Mapping) else {},
        "auth": {name: _text(sender.get(name)) for name in ("member_id", "domain")},
    }


def key_of(body: Mapping[str, Any]) -> str:
    """Return what identifies an event that was posted: two bodies that say the same have the same.

    Neither the order of pairs nor their spelling counts, nor tokens, nor what nobody reads.
    """
    said = [body["event"], body["ts"], body["data"], body["auth"]["member_id"]]
    text = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return f"post:{hashlib.sha256(text.encode()).hexdigest()}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
