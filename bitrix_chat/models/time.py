"""The portal's account of one request's time, the only place where it tells how much of a limit is used."""

import math
from collections.abc import Mapping
from typing import Any

from attrs import frozen


@frozen
class Time:
    """The `time` part of an answer; a portal may leave out any of it.

    Attributes:
        start: when the request began, in Unix seconds.
        finish: when it ended, in Unix seconds.
        duration: seconds between the two; the portal may round them up to a second too long.
        processing: seconds of the method itself.
        date_start: `start` as ISO 8601 with the portal's offset.
        date_finish: `finish` as ISO 8601 with the portal's offset.
        operating: seconds the method has worked for this caller in the last ten minutes, all calls together.
        operating_reset_at: when the oldest part of `operating` is forgotten, in Unix seconds.
    """

    start: float | None = None
    finish: float | None = None
    duration: float | None = None
    processing: float | None = None
    date_start: str | None = None
    date_finish: str | None = None
    operating: float | None = None
    operating_reset_at: float | None = None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Time":
        """Read an envelope's `time`, whose numbers come as integers, floats or text."""
        return cls(
            start=_number(raw.get("start")),
            finish=_number(raw.get("finish")),
            duration=_number(raw.get("duration")),
            processing=_number(raw.get("processing")),
            date_start=_text(raw.get("date_start")),
            date_finish=_text(raw.get("date_finish")),
            operating=_number(raw.get("operating")),
            operating_reset_at=_number(raw.get("operating_reset_at")),
        )


def _number(value: Any) -> float | None:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
