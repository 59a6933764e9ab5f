"""Who waits to leave: in order, with one whose methods must wait letting the others pass."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator

from attrs import define, field

from bitrix_chat.errors import BitrixError
from bitrix_chat.rest.accounting import work_of
from bitrix_chat.rest.request import Exchange, Response
from bitrix_chat.rest.tracebacks import forget_frames

Kind = str | frozenset[str]
"""One method, or the several methods of a batch."""


@define(eq=False)
class Ticket:
    """One exchange in the queue or in flight, and whoever awaits it.

    Attributes:
        exchange: what is to be sent.
        future: what the caller awaits; done or cancelled when nobody does any more.
        queued: whether it stands in the line.
        launched: whether it was ever granted a slot.
        left: whether a byte of its present attempt has left.
        recalled: whether its caller gave it up while no byte had left, so that none may.
        settled: whether it is known what became of it.
        work: the methods it makes the portal run, and how often each.
        kind: those methods, by which tickets wait together.
    """

    exchange: Exchange
    future: "asyncio.Future[Response]"
    queued: bool = field(default=False, init=False)
    launched: bool = field(default=False, init=False)
    recalled: bool = field(default=False, init=False)
    left: bool = field(default=False, init=False)
    settled: bool = field(default=False, init=False)
    work: dict[str, int] = field(init=False)
    kind: Kind = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.work = work_of(self.exchange.request)
        self.kind = frozenset(self.work) if len(self.work) > 1 else self.method

    @property
    def number(self) -> int:
        """Its place, lower first."""
        return self.exchange.place

    @property
    def method(self) -> str:
        """The REST method that is called."""
        return self.exchange.request.method

    def settle(self, result: Response | Exception) -> bool:
        """Write down what became of the exchange; False if nobody awaits it any more."""
        self.settled = True
        if isinstance(result, Exception):
            forget_frames(result)
        if isinstance(result, Response):
            self.exchange.succeed(result)
        elif isinstance(result, BitrixError):
            self.exchange.fail(result)
        if self.future.done():
            return False
        if isinstance(result, Response):
            self.future.set_result(result)
        else:
            self.future.set_exception(result)
        return True


class WaitingLine:
    """Tickets in the order of their calls, kept by what they make the portal do."""

    def __init__(self) -> None:
        self._lines: dict[Kind, deque[Ticket]] = {}
        self._counts: Counter[Kind] = Counter()
        self._length = 0
        self._last = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Ticket]:
        waiting = (ticket for line in self._lines.values() for ticket in line if ticket.queued)
        return iter(sorted(waiting, key=lambda ticket: ticket.number))

    def push(self, ticket: Ticket) -> None:
        """Take in a ticket: at the end, or where its exchange has stood before."""
        if ticket.exchange.place:
            self.put_back([ticket])
            return
        self._last += 1
        ticket.exchange.place = self._last
        self._lines.setdefault(ticket.kind, deque()).append(ticket)
        self._enter(ticket)

    def put_back(self, tickets: Iterable[Ticket]) -> None:
        """Put tickets that were taken back to their places, before all that came later."""
        for ticket in tickets:
            line = self._lines.setdefault(ticket.kind, deque())
            later = (index for index, other in enumerate(line) if other.number > ticket.number)
            line.insert(next(later, len(line)), ticket)
            self._enter(ticket)

    def discard(self, ticket: Ticket) -> None:
        """Take a ticket out for good, wherever it stands."""
        if ticket.queued:
            ticket.queued = False
            self._length -= 1
            self._counts[ticket.kind] -= 1

    def take(self, ticket: Ticket) -> None:
        """Take out a ticket that stands first of its kind; it may be put back later."""
        self._lines[ticket.kind].popleft()
        self.discard(ticket)

    def first(self, may_leave: Callable[[Ticket], bool]) -> Ticket | None:
        """Return the first ticket that may leave; None if there is none."""
        if len(self._lines) == 1:
            head = self._head(next(iter(self._lines)))
            return head if head is not None and may_leave(head) else None
        heads = (head for head in self.heads() if may_leave(head))
        return min(heads, key=lambda ticket: ticket.number, default=None)

    def heads(self) -> list[Ticket]:
        """Return the first ticket of each kind of work."""
        return [head for kind in list(self._lines) if (head := self._head(kind))]

    def ready(self, may_leave: Callable[[Ticket], bool]) -> int:
        """Return how many tickets wait only for a slot."""
        return sum(self._counts[head.kind] for head in self.heads() if may_leave(head))

    def _enter(self, ticket: Ticket) -> None:
        ticket.queued = True
        self._length += 1
        self._counts[ticket.kind] += 1

    def _head(self, kind: Kind) -> Ticket | None:
        line = self._lines[kind]
        # A caller may have been cancelled without having had its turn to say so.
        while line and (not line[0].queued or line[0].future.done()):
            self.discard(line.popleft())
        if line:
            return line[0]
        del self._lines[kind], self._counts[kind]
        return None
