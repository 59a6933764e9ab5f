"""Who waits to leave: in order, with one whose methods must wait letting the others pass."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from attrs import define, field

from bitrix_chat.rest.batch import work_of
from bitrix_chat.rest.request import Exchange, Response


@define(eq=False)
class Ticket:
    """One exchange in the queue or in flight, and whoever awaits it.

    Attributes:
        exchange: what is to be sent.
        future: what the caller awaits; done or cancelled when nobody does any more.
        number: its place, lower first.
        work: the methods it makes the portal run, and how often each.
    """

    exchange: Exchange
    future: "asyncio.Future[Response]"
    number: int = 0
    queued: bool = field(default=False, init=False)
    work: dict[str, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.work = work_of(self.exchange.request)

    @property
    def method(self) -> str:
        """The REST method that is called."""
        return self.exchange.request.method


class WaitingLine:
    """Tickets in the order of their calls, kept by what they make the portal do."""

    def __init__(self) -> None:
        self._lines: dict[frozenset[str], deque[Ticket]] = {}
        self._length = 0
        self._last = 0
        self._first = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Ticket]:
        waiting = (ticket for line in self._lines.values() for ticket in line if ticket.queued)
        return iter(sorted(waiting, key=lambda ticket: ticket.number))

    def push(self, ticket: Ticket) -> None:
        """Append a ticket."""
        self._last += 1
        ticket.number = self._last
        self._enter(ticket, deque.append)

    def push_front(self, tickets: Iterable[Ticket]) -> None:
        """Put tickets back before all others, in their order."""
        for ticket in reversed(list(tickets)):
            self._first -= 1
            ticket.number = self._first
            self._enter(ticket, deque.appendleft)

    def discard(self, ticket: Ticket) -> None:
        """Take a ticket out for good, wherever it stands."""
        if ticket.queued:
            ticket.queued = False
            self._length -= 1

    def pop(self, may_leave: Callable[[Ticket], bool]) -> Ticket | None:
        """Take the first ticket that may leave; None if there is none."""
        ticket = self.peek(may_leave)
        if ticket is not None:
            self._lines[frozenset(ticket.work)].popleft()
            self.discard(ticket)
        return ticket

    def peek(self, may_leave: Callable[[Ticket], bool]) -> Ticket | None:
        """Return the first ticket that may leave, and keep it."""
        heads = (head for head in self.heads() if may_leave(head))
        return min(heads, key=lambda ticket: ticket.number, default=None)

    def heads(self) -> list[Ticket]:
        """Return the first ticket of each kind of work."""
        return [head for work in list(self._lines) if (head := self._head(work))]

    def _enter(self, ticket: Ticket, put: Callable[[deque[Ticket], Ticket], None]) -> None:
        ticket.queued = True
        self._length += 1
        put(self._lines.setdefault(frozenset(ticket.work), deque()), ticket)

    def _head(self, work: frozenset[str]) -> Ticket | None:
        line = self._lines[work]
        while line and not line[0].queued:
            line.popleft()
        if line:
            return line[0]
        del self._lines[work]
        return None
