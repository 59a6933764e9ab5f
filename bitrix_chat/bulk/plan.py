"""How long a bulk run will take, told before anything is written: the portal's three bounds, as arithmetic.

Theory of operation. The queue empties as the bucket and the requests in flight allow (`departures`). On top of that
stands the operating limit: `limit / cost` calls, then nothing more until the portal forgets the first of them, 600
seconds after it began to count, and so on. Work that is done in bursts falls into few of the portal's one-minute parts,
so a window opens for as many calls as the one 600 seconds before it; this is what makes the forecast periodic.
"""

import math
from typing import Final, Literal

from attrs import evolve, field, frozen

from bitrix_chat.bulk.departures import Departures
from bitrix_chat.bulk.time_spans import spoken
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.conditions import Conditions
from bitrix_chat.limits.operating import COUNTED_FROM

LimitedBy = Literal["requests", "operating", "latency"]
Missing = Literal["cost", "duration"] | None

WINDOW: Final = 600.0
"""Seconds after which the portal forgets what a method has worked."""
# The one sample that the documentation gives of a call's time has a duration of 0.87 s, 0.21 s of them counted. A
# chat with members, a message and an avatar is dearer than most calls, so this is near the worst; a call that only
# writes a few rows takes some 0.02 s, which is too short to be counted at all.
_FASTEST: Final = 0.02
_SLOWEST: Final = 0.9
_DEAREST: Final = 0.3
_LOOKUP: Final = 0.05
"""Seconds of one lookup, which reads one row; too short to be counted."""
_CLEARLY: Final = 1.05


@frozen(kw_only=True)
class Range:
    """Seconds between two ends, which are equal where all is known."""

    low: float
    high: float


@frozen(kw_only=True)
class BulkPlan:
    """What a bulk run is going to take; print it.

    Attributes:
        method: what creates the chats.
        chats: how many are to be created.
        requests: about how many HTTP requests, lookups of keys included; where the cost is unknown, the most.
        seconds: about how long it takes, from the fastest to the slowest.
        limited_by: what makes it take so long: the request limit, the operating limit, or nothing but the portal's
            own work; where the cost is unknown, at the slow end.
        already_done: how many the journal has as done; they are skipped.
        unknown: how many the journal has that may or may not have run; they are looked up first.
        missing: what of one chat was neither given nor learned, so that the ends differ; None where all is known.
        conditions: the limits as they were when this was made.
    """

    method: str
    chats: int
    requests: int
    seconds: Range
    limited_by: LimitedBy
    already_done: int = 0
    unknown: int = 0
    missing: Missing = None
    conditions: Conditions = field(repr=False)

    @property
    def is_cost_known(self) -> bool:
        """Whether what one chat costs was given or has been learned, so that both ends are equal."""
        return self.missing is None

    def __str__(self) -> str:
        said = self._course() if self.chats else "nothing is left to create"
        besides = [f"{self.already_done:,} done already"] if self.already_done else []
        besides += [f"{self.unknown:,} unknown, looked up first"] if self.unknown else []
        return f"{said}\nbesides: {', '.join(besides)}" if besides else said

    def _course(self) -> str:
        most, worst = ("", "") if self.is_cost_known else ("up to ", "at worst ")
        return (
            f"{_some(self.chats, 'chat')} in {self._span()}: {most}{_some(self.requests, 'request')},"
            f" {worst}limited by {self._limit()}"
        )

    def _span(self) -> str:
        low, high = spoken(self.seconds.low), spoken(self.seconds.high)
        marked = "" if self.missing is None else f" ({self.missing} unknown)"
        return (f"about {high}" if low == high else f"{low} to {high}") + marked

    def _limit(self) -> str:
        conditions = self.conditions
        if self.limited_by == "operating":
            return f"the operating time of {self.method} ({conditions.operating_limit:g} s in 10 min)"
        if self.limited_by == "requests":
            return f"the request limit ({conditions.plan.leak:g} a second)"
        return f"the portal's own work ({_some(conditions.max_in_flight, 'request')} at a time)"


def _some(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


@frozen(kw_only=True)
class _Forecast:
    """What the limits make of calls whose cost is known."""

    conditions: Conditions
    departures: Departures
    cost: float

    def seconds(self, calls: int) -> float:
        paced = self.departures.seconds(calls)
        return max(paced, *(opens + self._rested.seconds(calls - before) for before, opens in self._gates(calls)), 0.0)

    def requests(self, calls: int) -> int:
        if not self.cost:
            return self.departures.requests(calls)
        windows, rest = divmod(calls, self._per_window)
        return windows * self.departures.requests(self._per_window) + self.departures.requests(rest)

    def limited_by(self, calls: int) -> LimitedBy:
        paced = self.departures.seconds(calls)
        if self.seconds(calls) > paced * _CLEARLY:
            return "operating"
        working = -(-calls // self.departures.slots) * self.departures.duration
        return "requests" if paced > working * _CLEARLY else "latency"

    @property
    def _limit(self) -> float:
        return math.inf if self.conditions.operating_limit is None else self.conditions.operating_limit

    @property
    def _per_window(self) -> int:
        return max(1, math.floor(self._limit / self.cost + 1e-9))

    @property
    def _rested(self) -> Departures:
        """How the queue goes on after a pause, when the bucket has filled up."""
        conditions = self.conditions
        share = self.departures.leak / conditions.plan.leak
        full = share * max(1.0, conditions.plan.burst - conditions.reserve)
        return evolve(self.departures, free=max(full, self.departures.free))

    def _gates(self, calls: int) -> list[tuple[int, float]]:
        """Return the gates of the operating limit that matter: how many calls pass before each, and when it opens.

        Of the many gates that look alike, the last is the latest or none is: the pace between them is the same.
        """
        if not self.cost or calls <= 0:
            return []
        windows = (calls - 1) // self._per_window
        gates = [(windows * self._per_window, windows * WINDOW)] if windows else []
        left = max(0, math.floor((self._limit - self.conditions.operating_used) / self.cost + 1e-9))
        if left < self._per_window:
            resets_in = self.conditions.operating_resets_in
            gates += [
                (left + window * self._per_window, resets_in + window * WINDOW)
                for window in {0, (calls - 1 - left) // self._per_window}
                if window >= 0 and left + window * self._per_window < calls
            ]
        return gates


def plan_of(
    chats: int,
    conditions: Conditions,
    *,
    method: str,
    lookups: int = 0,
    already_done: int = 0,
    unknown: int = 0,
    cost: float | None = None,
    duration: float | None = None,
) -> BulkPlan:
    """Forecast a bulk run.

    Args:
        chats: how many are to be created.
        conditions: the limits as they are now.
        method: what creates a chat.
        lookups: how many keys are looked up before, packed like the creations.
        already_done: how many are skipped.
        unknown: how many are only looked up.
        cost: operating seconds that the portal counts for one chat; what was learned, if None.
        duration: seconds that the portal takes for one chat; what was learned, if None.

    Raises:
        InvalidParameter: `cost` or `duration` is no number of seconds.
    """
    costs = _costs(conditions, _seconds("cost", cost), _seconds("duration", duration))
    low, high = (_forecast(chats, conditions, lookups, *each) for each in costs)
    ends = [_with_lookups(end.seconds(chats), lookups, end) for end in (low, high)]
    return BulkPlan(
        method=method,
        chats=chats,
        requests=high.requests(chats) + -(-lookups // conditions.max_commands),
        seconds=Range(low=ends[0], high=ends[1]),
        limited_by=high.limited_by(chats),
        already_done=already_done,
        unknown=unknown,
        missing=None if low == high else "duration" if low.cost == high.cost else "cost",
        conditions=conditions,
    )


def _seconds(name: str, value: float | None) -> float | None:
    if value is not None and not (isinstance(value, int | float) and 0 <= value < math.inf):
        raise InvalidParameter(f"`{name}` is {value!r}, not a number of seconds")
    return value


def _costs(conditions: Conditions, cost: float | None, duration: float | None) -> list[tuple[float, float]]:
    """Return duration and cost at the fast and at the slow end; what was given counts more than what was learned."""
    lasting = conditions.duration if duration is None else duration
    fastest, slowest = (max(end, cost or 0.0) if lasting is None else lasting for end in (_FASTEST, _SLOWEST))
    # What was learned is what was counted; of what was said the portal counts nothing if it is that short.
    counted = conditions.cost if cost is None else _counted_of(cost)
    if conditions.operating_limit is None:
        counted = 0.0
    if counted is None:
        return [(fastest, 0.0), (slowest, _counted_of(min(_DEAREST, slowest)))]
    return [(fastest, counted), (slowest, counted)]


def _counted_of(seconds: float) -> float:
    return seconds if seconds > COUNTED_FROM else 0.0


def _forecast(chats: int, conditions: Conditions, lookups: int, duration: float, cost: float) -> _Forecast:
    size = max(1, min(conditions.max_commands, math.floor(conditions.longest_batch / max(duration, 1e-6) + 1e-9)))
    creating, looking = -(-chats // size), -(-lookups // conditions.max_commands)
    share = creating / (creating + looking) if creating else 1.0  # lookups and creations take turns at the bucket
    departures = Departures(
        slots=conditions.max_in_flight,
        free=conditions.free * share,
        leak=conditions.plan.leak * share,
        size=size,
        duration=duration + (_LOOKUP * lookups / chats if chats else 0.0),
    )
    return _Forecast(conditions=conditions, departures=departures, cost=cost)


def _with_lookups(seconds: float, lookups: int, forecast: _Forecast) -> float:
    """Add the time of the lookups that the first creations wait for; with nothing to create, of all of them."""
    conditions = forecast.conditions
    if not seconds:
        looking = evolve(forecast.departures, size=conditions.max_commands, duration=_LOOKUP)
        return looking.seconds(lookups)
    return seconds + _LOOKUP * min(conditions.max_commands, -(-lookups // conditions.max_in_flight))
