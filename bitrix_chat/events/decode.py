"""Typed events out of what a queue holds or a portal posts: the same objects from either, and never an exception."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bitrix_chat.converters import CAMEL_ANSWERS, decoder
from bitrix_chat.errors import UnexpectedAnswer
from bitrix_chat.events.event import WIRE_DATE, WIRE_ID, WIRE_RAW, WIRE_TYPE
from bitrix_chat.events.event_data import alike, without_secrets
from bitrix_chat.events.types import EVENT_CLASSES, Event, UnknownEvent
from bitrix_chat.models.event import EventRecord

logger: Final = logging.getLogger("bitrix_chat")

_LONGEST_TYPE: Final = 100
_DECODERS: Final[Mapping[str, Callable[[Any], Event]]] = {
    name: decoder(CAMEL_ANSWERS, kind, name) for name, kind in EVENT_CLASSES.items()
}


def decode_polled(record: EventRecord) -> Event:
    """Read an event that was fetched; what cannot be read is an `UnknownEvent`."""
    date = record.date if record.date is not None and record.date.tzinfo is not None else None
    return _decoded(record.type, record.event_id, date, record.data)


def decode_posted(form: Mapping[str, Any]) -> Event:
    """Read an event that the portal posted, out of the parsed form or of what a receiver kept of it.

    What cannot be read is an `UnknownEvent`.
    """
    return _decoded(form.get("event"), None, posted_at(form), form.get("data"))


def posted_at(form: Mapping[str, Any]) -> datetime | None:
    """Return when the portal says that it posted the form; None where it does not, or by no date."""
    said = form.get("ts")
    try:
        return datetime.fromtimestamp(int(said), UTC) if isinstance(said, str | int) else None
    except (ValueError, OverflowError, OSError):
        return None


def event_type(said: Any) -> str:
    """Return the name of a type as classes have it, "" for what can be none."""
    return said.strip().upper()[:_LONGEST_TYPE] if isinstance(said, str) else ""


def _decoded(said: Any, event_id: int | None, date: datetime | None, data: Any) -> Event:
    kind = event_type(said)
    raw = without_secrets(data) if isinstance(data, Mapping) else {}
    envelope = {WIRE_TYPE: kind, WIRE_ID: event_id, WIRE_DATE: date, WIRE_RAW: raw}
    decode = _DECODERS.get(kind)
    if decode is None:
        return UnknownEvent(type=kind, id=event_id, date=date, raw=raw)
    try:
        return decode(_with_dialog(alike(raw)) | envelope)
    except UnexpectedAnswer as error:
        fault = error.description.partition(": ")[2]
    logger.debug("an event %s cannot be read: %s", kind, fault)
    return UnknownEvent(type=kind, id=event_id, date=date, raw=raw, fault=fault)


def _with_dialog(data: dict[str, Any]) -> dict[str, Any]:
    """Let the chat have the dialog's id where an event says it beside the chat alone."""
    chat, dialog = data.get("chat"), data.get("dialogId")
    if isinstance(chat, dict) and isinstance(dialog, str | int) and not chat.get("dialogId"):
        return {**data, "chat": {**chat, "dialogId": dialog}}
    return data
