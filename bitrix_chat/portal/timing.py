"""Times as the portal writes them: ISO dates with its own offset, and the `time` object of every answer."""

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final

_OFFSET: Final = timezone(timedelta(hours=2))


def iso(moment: float) -> str:
    """Write unix seconds as the portal does, `2026-08-11T15:28:50+02:00`."""
    return _iso_second(int(moment))


def moment(text: str) -> float | None:
    """Read an ISO date, in the portal's own offset if it names none; None for what is no date."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=_OFFSET)).timestamp()


@lru_cache(maxsize=1024)
def _iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, tz=_OFFSET).isoformat()


def time_object(start: float, finish: float, processing: float, *, integers: bool) -> dict[str, Any]:
    """Build the `time` of an answer; with `integers` it starts and works in whole seconds, as the source has it."""
    if integers:
        start, processing = int(start), int(processing)
    return {
        "start": start,
        "finish": finish,
        "duration": finish - start,
        "processing": processing,
        "date_start": iso(start),
        "date_finish": iso(finish),
    }
