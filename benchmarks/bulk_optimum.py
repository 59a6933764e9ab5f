"""The shortest time in which any client could create N chats, worked out from the limits alone.

Nothing of the package is used here: it is what the package is measured against. A schedule is a sequence of requests,
each with its group of commands. Requests leave no faster than the safe burst and the leak allow, no more than
`max_in_flight` are on their way, and a group works its commands off one after the other. Whoever sends as soon as a
slot and a place are free, as many as fit before the end, has wasted neither; the end is then found by halving. All
sizes of a group are tried.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

MAX_COMMANDS = 50
WINDOW = 600.0
OPERATING_LIMIT = 480.0
NOT_COUNTED = 0.1  # the portal forgets calls that worked no longer
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Limits:
    """What a schedule has to keep: the portal's counter (X and Y), requests at a time, seconds that a chat takes."""

    size: int
    leak: int
    cost: float
    max_in_flight: int = 16

    @property
    def burst(self) -> int:
        """Requests that may leave at once without ever meeting the limit, with jitter and strangers: X - 2Y."""
        return self.size - 2 * self.leak

    @property
    def chats_per_window(self) -> int | None:
        """Chats before the method is blocked; None where its calls are too short to be counted.

        The check comes before a command, so that those which cross the limit run to their ends, one a request.
        """
        if self.cost <= NOT_COUNTED:
            return None
        return int(OPERATING_LIMIT / self.cost + _ROUNDING) + self.max_in_flight


def shortest(chats: int, limits: Limits) -> float:
    """Return the seconds until the last of the chats is there.

    What a window of the operating limit allows is created as it begins, so that all of it is forgotten together.
    """
    in_a_window = limits.chats_per_window
    if in_a_window is None or chats <= in_a_window:
        return _within_one_window(chats, limits)
    if _within_one_window(in_a_window, limits) > WINDOW:
        raise ValueError("requests are scarcer than operating time; windows would overlap")
    windows, rest = divmod(chats - 1, in_a_window)
    return windows * WINDOW + _within_one_window(rest + 1, limits)


def _within_one_window(chats: int, limits: Limits) -> float:
    best = _shortest_by(MAX_COMMANDS, chats, limits)
    for size in range(1, MAX_COMMANDS):
        if created_until(best - 1e-6, size, chats, limits) >= chats:
            best = _shortest_by(size, chats, limits)
    return best


def _shortest_by(size: int, chats: int, limits: Limits) -> float:
    too_early, enough = 0.0, chats * limits.cost + chats / limits.leak
    while enough - too_early > 1e-6:
        middle = (too_early + enough) / 2
        if created_until(middle, size, chats, limits) >= chats:
            enough = middle
        else:
            too_early = middle
    return enough


def schedule(chats: int, limits: Limits) -> list[tuple[float, int]]:
    """Return the shortest schedule as a curve: seconds, and how many chats are there by then."""
    in_a_window, moments = limits.chats_per_window or chats, [0.0]
    for window, first in enumerate(range(0, chats, in_a_window)):
        count = min(in_a_window, chats - first)
        end = _shortest_by(MAX_COMMANDS, count, limits)
        starts = _groups(end, MAX_COMMANDS, count, limits)
        moments += sorted(
            window * WINDOW + leaves_at + limits.cost * (number + 1)
            for leaves_at, group in starts
            for number in range(group)
        )[:count]
    return [(moment, number) for number, moment in enumerate(moments)]


def created_until(end: float, size: int, chats: int, limits: Limits) -> int:
    """Return how many chats groups of at most `size` create until `end`; counting stops at `chats`."""
    return sum(group for _, group in _groups(end, size, chats, limits))


def _groups(end: float, size: int, chats: int, limits: Limits) -> Iterator[tuple[float, int]]:
    """Yield when each group leaves, and how many commands it holds."""
    places = [0.0] * limits.max_in_flight
    created = requests = 0
    while created < chats:
        requests += 1
        leaves_at = max(places[0], (requests - limits.burst) / limits.leak)
        group = min(size, int((end - leaves_at) / limits.cost + _ROUNDING))
        if group < 1:
            return
        created += group
        heapq.heapreplace(places, leaves_at + group * limits.cost)
        yield leaves_at, group
