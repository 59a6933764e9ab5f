"""Scripted misfortune: what the network or a proxy does to a request, with or without the portal's work done."""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, final

import attrs

_BAD_GATEWAY: Final = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


@final
class Cut(Enum):
    """Where the connection ends.

    BEFORE resets it when the request has been read and nothing was done; AFTER resets it when all was done
    and nothing answered; TRUNCATE does all and sends half of the body.
    """

    BEFORE = "before"
    AFTER = "after"
    TRUNCATE = "truncate"


@final
@attrs.frozen(kw_only=True)
class Fault:
    """What happens to a request.

    Attributes:
        method: The method it waits for, in any capitals; None for any REST method. The token endpoint is
            `oauth/token`, and only by that name.
        nth: The first request to hit, counted from 1 among those that match; None for the next.
        times: How many requests to hit, from that one on.
        status: The status to answer instead of the portal's.
        body: The body to answer instead; a dict is sent as JSON.
        headers: Headers of that answer.
        delay: Seconds slept before the method runs.
        delay_after: Seconds slept between running it and answering.
        cut: Where to end the connection.
        execute: Whether the method runs at all; None for: unless it is cut before, or answered by the fault.
        lingers: Seconds for which the message that is sent has not noted its template id, although it is in the
            chat already: as long, sending it again is MESSAGE_DUPLICATED_BY_UUID.
    """

    method: str | None = None
    nth: int | None = None
    times: int = 1
    status: int | None = None
    body: str | bytes | Mapping[str, Any] | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    delay: float = 0.0
    delay_after: float = 0.0
    cut: Cut | None = None
    execute: bool | None = None
    lingers: float = 0.0

    @property
    def answers(self) -> bool:
        """Whether the fault answers in the portal's place."""
        return self.status is not None or self.body is not None

    @property
    def executes(self) -> bool:
        """Whether the method runs."""
        return self.execute if self.execute is not None else not self.answers and self.cut is not Cut.BEFORE

    def answer(self) -> tuple[int, bytes, dict[str, str]]:
        """Return status, body and headers of the answer."""
        status = 200 if self.status is None else self.status
        if isinstance(self.body, str | bytes):
            body = self.body.encode() if isinstance(self.body, str) else self.body
            return status, body, {"Content-Type": "text/html; charset=utf-8", **self.headers}
        body = b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()
        return status, body, {"Content-Type": "application/json; charset=utf-8", **self.headers}

    @classmethod
    def html_502(cls, *, executed: bool = False, method: str | None = None, times: int = 1) -> "Fault":
        """Answer as a proxy whose backend went away, before or after it worked."""
        return cls(method=method, times=times, status=502, body=_BAD_GATEWAY, execute=executed)

    @classmethod
    def query_limit(cls, *, method: str | None = None, times: int = 1) -> "Fault":
        """Refuse as the request limiter does, whatever its counter says; `Portal.refused` does not count it."""
        return cls._refusing(503, "QUERY_LIMIT_EXCEEDED", "Too many requests", method, times)

    @classmethod
    def expired_token(cls, *, method: str | None = None, times: int = 1) -> "Fault":
        """Say that the access token has expired."""
        return cls._refusing(401, "expired_token", "The access token provided has expired", method, times)

    @classmethod
    def overload(cls, *, status: int = 503, method: str | None = None, times: int = 1) -> "Fault":
        """Say that Bitrix24 has blocked the portal's REST by hand."""
        return cls._refusing(status, "OVERLOAD_LIMIT", "REST API is blocked due to overload.", method, times)

    @classmethod
    def _refusing(cls, status: int, code: str, text: str, method: str | None, times: int) -> "Fault":
        return cls(method=method, times=times, status=status, body={"error": code, "error_description": text})


@attrs.define
class _Pending:
    fault: Fault
    seen: int = 0
    left: int = 0


@final
class FaultScript:
    """Faults in the order in which they were added; a request takes the first that waits for it."""

    def __init__(self) -> None:
        self._pending: list[_Pending] = []

    def add(self, *faults: Fault) -> None:
        """Append faults to the script."""
        self._pending.extend(_Pending(fault, left=fault.times) for fault in faults)

    def clear(self) -> None:
        """Drop what has not happened yet."""
        self._pending.clear()

    def __len__(self) -> int:
        return len(self._pending)

    def take(self, method: str, *, rest: bool = True) -> Fault | None:
        """Return the fault of a request, if any, and use it up."""
        for pending in self._pending:
            wanted = pending.fault.method
            if not (rest if wanted is None else wanted.lower() == method.lower()):
                continue
            pending.seen += 1
            if pending.seen < (pending.fault.nth or 1):
                continue
            pending.left -= 1
            self._pending = [other for other in self._pending if other.left > 0]
            return pending.fault
        return None
