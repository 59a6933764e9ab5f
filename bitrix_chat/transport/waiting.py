"""Who waits to leave: in order, with one whose methods must wait letting the others pass."""

import asyncio
import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from attrs import define, field

from bitrix_chat.errors import BitrixError
from bitrix_chat.rest.accounting import is_batch, work_of
from bitrix_chat.rest.packing import command_of
from bitrix_chat.rest.request import Exchange, Response, Safety
from bitrix_chat.rest.tracebacks import forget_frames

Side = Literal["read", "write", "alone"]
"""With whom a ticket may travel: others that read, others that write, or nobody."""
Kind = tuple[str | frozenset[str], Side]
"""One method, or the several methods of a batch, and with whom they may travel."""


Work = Mapping[str, int]
"""The methods a request makes the portal run, and how often each."""


@functools.lru_cache(maxsize=4096)
def _single(method: str, side: Side) -> tuple[Work, Kind]:
    """Return what all calls of a method share, thousands at a time."""
    return {method: 1}, (method, side)


@define(eq=False)
class Ticket:
    """One exchange in the queue or in flight, and whoever awaits it.

    Attributes:
        exchange: what is to be sent.
        future: what the caller awaits; done or cancelled when nobody does any more.
        packs: whether it may travel with others, as far as anybody was asked.
        queued: whether it stands in the line.
        launched: whether it was ever granted a slot.
        left: whether a byte of its present attempt has left.
        recalled: whether its caller gave it up while no byte had left, so that none may.
        settled: whether it is known what became of it.
        inside: whether it travels in a batch, or did so last.
        method: the REST method that is called.
        work: the methods it makes the portal run, and how often each.
        kind: those methods, by which tickets wait together.
    """

    exchange: Exchange
    future: "asyncio.Future[Response]"
    packs: bool = False
    queued: bool = field(default=False, init=False)
    launched: bool = field(default=False, init=False)
    recalled: bool = field(default=False, init=False)
    left: bool = field(default=False, init=False)
    settled: bool = field(default=False, init=False)
    inside: bool = field(default=False, init=False)
    method: str = field(init=False)
    work: Work = field(init=False)
    kind: Kind = field(init=False)
    _command: str | Literal[False] | None = field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        request = self.exchange.request
        self.method = request.method
        if is_batch(request):
            self.work, self.packs = work_of(request), False
            self.kind = frozenset(self.work), "alone"
            return
        self.packs = self.packs and not self.exchange.alone
        side: Side = "alone" if not self.packs else "read" if request.safety is Safety.SAFE else "write"
        self.work, self.kind = _single(request.method, side)

    @property
    def command(self) -> str | None:
        """What it is in a batch; None where it would lose something there."""
        if self._command is None:
            self._command = (self.packs and command_of(self.exchange.request)) or False
        return self._command or None

    @property
    def number(self) -> int:
        """Its place, lower first."""
        return self.exchange.place

    def part(self) -> None:
        """Travel alone from now on."""
        self.packs, self.kind = False, (self.kind[0], "alone")

    def settle(self, result: Response | Exception) -> bool:
        """Write down what became of the exchange; False if nobody awaits it any more."""
        self.settled = True
        if isinstance(result, Response):
            self.exchange.succeed(result)
        else:
            forget_frames(result)
            if isinstance(result, BitrixError):
                self.exchange.fail(result)
        if self.future.done():
            return False
        if isinstance(result, Response):
            self.future.set_result(result)
        else:
            self.future.set_exception(result)
        return True


class Lane:
    """Tickets of one kind, in the order of their calls."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.count = 0
        self._tickets: deque[Ticket] = deque()

    def __iter__(self) -> Iterator[Ticket]:
        return (ticket for ticket in self._tickets if ticket.queued)

    def head(self) -> Ticket | None:
        """Return the first that still waits."""
        tickets = self._tickets
        # A caller may have been cancelled without having had its turn to say so.
        while tickets and (not tickets[0].queued or tickets[0].future.done()):
            ticket = tickets.popleft()
            if ticket.queued:
                ticket.queued = False
                self.count -= 1
        return tickets[0] if tickets else None

    def append(self, ticket: Ticket) -> None:
        """Let a ticket wait behind all others."""
        ticket.queued = True
        self.count += 1
        self._tickets.append(ticket)

    def insert(self, ticket: Ticket) -> None:
        """Let a ticket wait at its own place."""
        place = len(self._tickets)
        if place and self._tickets[-1].number > ticket.number:  # as for most that come back: not behind all others
            place = next(index for index, other in enumerate(self._tickets) if other.number > ticket.number)
        self._tickets.insert(place, ticket)
        ticket.queued = True
        self.count += 1

    def take(self) -> None:
        """Take out the head."""
        self._tickets.popleft().queued = False
        self.count -= 1


class WaitingLine:
    """Tickets in the order of their calls, kept by what they make the portal do."""

    def __init__(self) -> None:
        self._lanes: dict[Kind, Lane] = {}
        self._last = 0

    def __len__(self) -> int:
        return sum(lane.count for lane in self._lanes.values())

    def __iter__(self) -> Iterator[Ticket]:
        waiting = (ticket for lane in self._lanes.values() for ticket in lane)
        return iter(sorted(waiting, key=lambda ticket: ticket.number))

    def push(self, ticket: Ticket) -> None:
        """Take in a ticket: at the end, or where its exchange has stood before."""
        if ticket.exchange.place:
            self.put_back([ticket])
            return
        self._last += 1
        ticket.exchange.place = self._last
        self._lane(ticket.kind).append(ticket)

    def put_back(self, tickets: Iterable[Ticket]) -> None:
        """Put tickets that were taken back to their places, before all that came later."""
        for ticket in tickets:
            self._lane(ticket.kind).insert(ticket)

    def discard(self, ticket: Ticket) -> None:
        """Take a ticket out for good, wherever it stands."""
        if ticket.queued:
            ticket.queued = False
            self._lanes[ticket.kind].count -= 1

    def take(self, ticket: Ticket) -> None:
        """Take out a ticket that stands first of its kind; it may be put back later."""
        self._lanes[ticket.kind].take()

    def set_aside(self, ticket: Ticket) -> None:
        """Let a ticket that stands first of its kind wait with those that travel alone from now on."""
        self.take(ticket)
        ticket.part()
        self.put_back([ticket])

    def first(self, may_leave: Callable[[Ticket], bool]) -> Ticket | None:
        """Return the first ticket that may leave; None if there is none."""
        heads = (head for _, head in self._waiting() if may_leave(head))
        return min(heads, key=lambda ticket: ticket.number, default=None)

    def lanes(self, may_leave: Callable[[Ticket], bool]) -> list[Lane]:
        """Return the lanes whose first ticket may leave."""
        return [lane for lane, head in self._waiting() if may_leave(head)]

    def count(self, kind: Kind) -> int:
        """Return how many tickets of a kind wait."""
        lane = self._lanes.get(kind)
        return 0 if lane is None else lane.count

    def heads(self) -> list[Ticket]:
        """Return the first ticket of each kind of work."""
        return [head for _, head in self._waiting()]

    def _waiting(self) -> Iterator[tuple[Lane, Ticket]]:
        for lane in list(self._lanes.values()):
            head = lane.head()
            if head is None:
                del self._lanes[lane.kind]
            else:
                yield lane, head

    def _lane(self, kind: Kind) -> Lane:
        lane = self._lanes.get(kind)
        if lane is None:
            lane = self._lanes[kind] = Lane(kind)
        return lane
