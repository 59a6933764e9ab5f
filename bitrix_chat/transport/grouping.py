"""How many calls the next request takes, so that all that wait is done soonest: pure arithmetic.

Theory of operation. A portal runs the commands of one request one after the other, and several requests at the same
time. So a few calls are best sent at once and alone, many in as many requests as may fly, and thousands fifty at a
time, since then requests are what is scarce. Towards the end, when some slots are still busy, sizes are chosen as
water fills vessels: every slot gets as much more as lets all end at the same time. Nothing ever waits for a group to
fill up.

A request must end within the portal's 60 s, or nobody learns what became of fifty calls. So sizes follow what calls
were seen to take; before a long queue of a method of which that is not known yet, one call goes ahead alone and shows
it. Where a request got lost all the same, the next with its methods are half as large.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from attrs import define, field

from bitrix_chat.errors import BitrixError
from bitrix_chat.rest.accounting import duration_of
from bitrix_chat.rest.batch import MAX_COMMANDS
from bitrix_chat.rest.request import Response
from bitrix_chat.transport.waiting import Kind, Lane, Side, Ticket

LONGEST: Final = 30.0
"""Seconds of work that one request may hold: half of the portal's 60."""
RESERVED: Final = 0.1
"""The share of the burst that long queues leave to single calls."""
UNTRIED: Final = 8
"""Calls that one request may hold while nobody knows how long they take."""
PoolKey = Kind | tuple[Side, bool]

_ADAPTS: Final = 0.3
_REGROWTH: Final = 4


def share(waiting: int, free: int, requests: int, busy: Iterable[float] = (), grants: Sequence[float] = ()) -> int:
    """Return how many of the calls that wait the next request takes.

    Args:
        waiting: calls that wait.
        free: slots in which nothing flies, at least 1.
        requests: how many requests the limit allows now, at least 1.
        busy: what each other slot still has to do, counted in calls.
        grants: when the limit allows further requests, counted in the calls that one slot does meanwhile.
    """
    slots = [0.0] * free + sorted(busy)
    later = zip(slots[requests:], grants, strict=False)
    slots = [*slots[:requests], *(max(start, grant) for start, grant in later)]
    held = 0.0
    level = float(waiting)
    for index, before in enumerate(slots, 1):
        held += before
        level = (waiting + held) / index
        if index == len(slots) or level <= slots[index]:
            break
    return max(1, math.ceil(level - 1e-9))


class Later(NamedTuple):
    """What comes free in time, in seconds from now.

    Attributes:
        busy: when each slot that is busy may be free.
        grants: when the limit allows further requests.
    """

    busy: Sequence[float] = ()
    grants: Sequence[float] = ()


@define
class Seen:
    """What calls of one method were seen to take.

    Attributes:
        duration: their mean, in seconds.
        samples: how many were seen.
        most: how many one request may hold; fewer after one got lost.
    """

    duration: float = 0.0
    samples: int = 0
    most: int = MAX_COMMANDS

    def add(self, mean: float, count: int) -> None:
        """Learn the mean of some more."""
        weight = 1.0 if not self.samples else _ADAPTS
        self.duration += (mean - self.duration) * weight
        self.samples += count


@define(eq=False)
class Pool:
    """Lanes whose tickets may travel together, and take turns with those of other pools.

    Attributes:
        key: by what it is the same pool the next time.
        side: with whom its tickets may travel.
        is_short: whether so few of each kind wait that they need not wait behind the many of another.
        lanes: where they wait.
    """

    key: PoolKey
    side: Side
    is_short: bool
    lanes: list[Lane] = field(factory=list)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(lane.count for lane in self.lanes)

    @property
    def number(self) -> int:
        """The place of the first."""
        first = self.first()
        return 0 if first is None else first.number

    def first(self) -> Ticket | None:
        """Return the ticket that has waited longest."""
        if len(self.lanes) == 1:
            return self.lanes[0].head()
        heads = [head for lane in self.lanes if (head := lane.head()) is not None]
        return min(heads, key=_number, default=None)

    def drop(self, ticket: Ticket) -> None:
        """Look no more at the lane that a ticket waits in."""
        self.lanes = [lane for lane in self.lanes if lane.kind != ticket.kind]


def _number(ticket: Ticket) -> int:
    return ticket.number


def pools_of(lanes: Sequence[Lane], few: int) -> list[Pool]:
    """Sort lanes by who may travel with whom.

    Up to `few` calls of one kind do not wait behind the many of another; so many that they fill a request need nobody
    else in it, and wait behind no others.
    """
    pools: dict[PoolKey, Pool] = {}
    for lane in lanes:
        side, is_short = lane.kind[1], lane.count <= few
        key = lane.kind if lane.count > MAX_COMMANDS else (side, is_short)
        pool = pools.get(key)
        if pool is None:
            pool = pools[key] = Pool(key, side, is_short)
        pool.lanes.append(lane)
    return list(pools.values())


def pools_of_singles(lanes: Sequence[Lane], few: int) -> list[Pool]:
    """Sort lanes where every call travels alone: those of a few calls take turns with all the others together."""
    sorted_out = {is_few: [lane for lane in lanes if (lane.count <= few) is is_few] for is_few in (True, False)}
    return [Pool(("alone", is_few), "alone", True, found) for is_few, found in sorted_out.items() if found]


class Grouping:
    """Learns how long calls take and how large a request may be."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self._ahead: set[str] = set()

    def seen(self, method: str) -> Seen:
        """Return what calls of a method were seen to take."""
        return self._seen.setdefault(method, Seen())

    def awaits(self, method: str) -> bool:
        """Return whether a call of a method has gone ahead to show how long it takes."""
        return method in self._ahead

    def sends_ahead(self, method: str, waiting: int, free: int) -> bool:
        """Return whether one call has to go ahead, and take it that it does."""
        if self.seen(method).samples or waiting <= free * UNTRIED:
            return False
        self._ahead.add(method)
        return True

    def came_down(self, group: Sequence[Ticket]) -> None:
        """Learn that a group is back, whatever became of it."""
        if self._ahead:
            self._ahead.difference_update(ticket.method for ticket in group)

    def seconds(self, group: Iterable[Ticket]) -> float | None:
        """Return how long the portal will work on a group; None as long as nobody knows."""
        total = 0.0
        for ticket in group:
            seen = self._seen.get(ticket.method)
            if seen is None or not seen.samples:
                return None
            total += seen.duration
        return total

    def most(self, method: str) -> int:
        """Return how many calls of a method one request may hold."""
        seen = self.seen(method)
        if not seen.samples:
            return min(seen.most, UNTRIED)
        return min(seen.most, max(1, int(LONGEST / seen.duration))) if seen.duration else seen.most

    def size(self, method: str, waiting: int, free: int, requests: int, later: Later) -> int:
        """Return how many calls of a method the next request takes."""
        duration, most = self.seen(method).duration, self.most(method)
        if not duration:
            return min(share(waiting, free, requests), most)
        busy = [seconds / duration for seconds in later.busy]
        grants = [seconds / duration for seconds in later.grants]
        return min(share(waiting, free, requests, busy, grants), most)

    def learn(self, answers: Sequence[tuple[Ticket, Response | BitrixError]], elapsed: float) -> None:
        """Learn from the times that answers tell; where they do not, from the `elapsed` seconds of them all."""
        totals: dict[str, tuple[float, int]] = {}
        for ticket, answer in answers:
            told = duration_of(answer.raw_time) if isinstance(answer, Response) else 0.0
            if told or not self.seen(ticket.method).samples:
                total, count = totals.get(ticket.method, (0.0, 0))
                totals[ticket.method] = total + (told or elapsed / len(answers)), count + 1
        for method, (total, count) in totals.items():
            self.seen(method).add(total / count, count)

    def came_back(self, group: Sequence[Ticket]) -> None:
        """Learn that a request was answered: after trouble, larger ones are tried step by step."""
        for seen in self._of(group):
            if len(group) >= seen.most < MAX_COMMANDS:
                seen.most = min(MAX_COMMANDS, seen.most + max(1, seen.most // _REGROWTH))

    def got_lost(self, group: Sequence[Ticket]) -> None:
        """Learn that nobody knows what became of a request: the next with its methods are half as large."""
        if len(group) > 1:
            for seen in self._of(group):
                seen.most = min(seen.most, len(group) // 2)

    def _of(self, group: Sequence[Ticket]) -> list[Seen]:
        return [self.seen(method) for method in {ticket.method for ticket in group}]
