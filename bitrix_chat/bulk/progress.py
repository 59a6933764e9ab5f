"""How far a bulk run has come, measured where it runs and told a few times a second at most."""

from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Literal

from attrs import frozen

from bitrix_chat.bulk.results import BulkState

EVERY: Final = 0.25
"""Seconds between two snapshots."""
_RECENT: Final = 10.0
"""Seconds over which the rate is taken; a request of 50 chats lands as a whole, so less would flicker."""


@frozen(kw_only=True)
class Progress:
    """A bulk run at one moment.

    Attributes:
        done: chats created, those found by their key included.
        failed: chats that surely were not created.
        unknown: chats that may have been created.
        skipped: chats that the journal had as done before.
        in_flight: chats taken from the input that have not ended: they wait for the limits, or for an answer.
        total: chats of the whole input, None as long as it has not been read to its end.
        rate: chats a second that ended, over the last ten seconds; what was skipped does not count.
        eta: seconds until the end, None where that cannot be told.
        limited_by: what the run waits for: the request limit, the operating limit, the portal's own work, or whoever
            takes the results; None where it waits for nothing.
        elapsed: seconds since the start.
    """

    done: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0
    in_flight: int = 0
    total: int | None = None
    rate: float = 0.0
    eta: float | None = None
    limited_by: Literal["requests", "operating", "latency", "consumer"] | None = None
    elapsed: float = 0.0

    @property
    def ended(self) -> int:
        """Chats of which nothing more will be heard in this run."""
        return self.done + self.failed + self.unknown + self.skipped


class Meter:
    """Counts what a run takes and ends, and makes the snapshots.

    Args:
        clock: seconds of a monotonic clock, such as the loop's `time`.
        total: chats of the whole input, None as long as that is not known.
    """

    def __init__(self, clock: Callable[[], float], *, total: int | None = None) -> None:
        self.total = total
        self._clock = clock
        self._began = clock()
        self._due_at = self._began
        self._taken = 0
        self._ended = 0
        self._states: Counter[BulkState] = Counter()
        self._recent: deque[tuple[float, int]] = deque()

    def took(self, count: int = 1) -> None:
        """Count chats that were taken from the input."""
        self._taken += count

    def ended(self, state: BulkState, count: int = 1) -> None:
        """Count chats that have ended."""
        self._states[state] += count
        self._ended += count
        if state not in _UNTOUCHED:
            self._note(count)

    @property
    def due_in(self) -> float:
        """Seconds until the next snapshot may be shown, 0 from then on."""
        return max(0.0, self._due_at - self._clock())

    def snapshot(
        self,
        limited_by: Literal["requests", "operating", "latency", "consumer"] | None = None,
        forecast: Callable[[int], float | None] | None = None,
    ) -> Progress:
        """Return the present state; the next one is due a quarter of a second later.

        Args:
            limited_by: what the run waits for.
            forecast: tells how many seconds so many chats will take, None if it cannot; the limits make a run go in
                leaps, which the pace so far does not foresee. Without it the rate is what remains goes by.
        """
        now = self._clock()
        self._due_at = now + EVERY
        rate = self._rate(now)
        return Progress(
            done=self._states[BulkState.DONE],
            failed=self._states[BulkState.FAILED],
            unknown=self._states[BulkState.UNKNOWN],
            skipped=self._states[BulkState.SKIPPED],
            in_flight=max(0, self._taken - self._ended),
            total=self.total,
            rate=rate,
            eta=self._eta(now, rate, forecast),
            limited_by=limited_by,
            elapsed=now - self._began,
        )

    def _note(self, count: int) -> None:
        now = self._clock()
        if self._recent and now - self._recent[-1][0] < EVERY:  # ten seconds are forty entries, however fast it goes
            at, before = self._recent.pop()
            self._recent.append((at, before + count))
        else:
            self._recent.append((now, count))
            self._forget(now)

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - _RECENT:
            self._recent.popleft()

    def _rate(self, now: float) -> float:
        self._forget(now)
        return sum(count for _, count in self._recent) / max(min(_RECENT, now - self._began), EVERY)

    def _eta(self, now: float, rate: float, forecast: Callable[[int], float | None] | None) -> float | None:
        if self.total is None:
            return None
        left = max(0, self.total - self._ended)
        if left and forecast is not None and (foreseen := forecast(left)) is not None:
            return foreseen
        worked = self._ended - sum(self._states[state] for state in _UNTOUCHED)
        pace = rate or worked / max(now - self._began, EVERY)
        return 0.0 if not left else left / pace if pace else None


_UNTOUCHED: Final = frozenset({BulkState.SKIPPED, BulkState.NOT_STARTED})
