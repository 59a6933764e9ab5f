"""Forms the next group: how many, who of those that wait, and what is reserved for them."""

from typing import Final

from attrs import frozen

from bitrix_chat.rest.batch import MAX_COMMANDS
from bitrix_chat.rest.packing import LONGEST_BATCH
from bitrix_chat.transport.allowance import Allowance
from bitrix_chat.transport.flights import Flights
from bitrix_chat.transport.grouping import Grouping, Later, Pool
from bitrix_chat.transport.waiting import Ticket, WaitingLine

_HASTE: Final = 2.0
"""How many times as long as a batch is expected to take the bound of a call must be for it to travel there."""


@frozen
class Loading:
    """Takes groups out of the waiting line of one client."""

    _line: WaitingLine
    _grouping: Grouping
    _flights: Flights
    _max_in_flight: int

    def load(self, pool: Pool, allowance: Allowance, now: float) -> list[Ticket]:
        """Take the next group of a pool out of the line, and reserve its seconds; empty where nothing may leave yet."""
        size = self._size(pool, allowance, now)
        group = [] if size == 1 else self._packed(pool, size, allowance, now)
        if len(group) > 1:
            allowance.depart_inside(group)
            return group
        if not group and size == 1 and (first := pool.first()) is not None:
            self._line.take(first)
            group.append(first)
        if group:
            allowance.depart_alone(group[0])
        return group

    def _size(self, pool: Pool, allowance: Allowance, now: float) -> int:
        first = pool.first()
        waiting = pool.waiting
        if first is None or waiting == 1 or pool.side == "alone":
            return 1
        if not (allowance.takes_batches(now) and allowance.room(first.method, now) >= 1):
            return 1
        kept = 0 if pool.is_short else allowance.reserve
        requests = max(1, allowance.limiter.free() + 1 - kept)  # the slot in hand is taken already
        free = self._max_in_flight - len(self._flights)
        if not pool.is_short and self._grouping.sends_ahead(first.method, waiting, min(free, requests)):
            return 1
        later = Later(self._flights.busy(now), self._grants(waiting, requests, kept, allowance))
        return self._grouping.size(first.method, waiting, free, requests, later)

    def _grants(self, waiting: int, requests: int, kept: int, allowance: Allowance) -> list[float]:
        """Return when further requests may leave, as far as that matters: towards the end of a queue."""
        if waiting >= MAX_COMMANDS * self._max_in_flight:
            return []
        return [allowance.limiter.wait(kept + number) for number in range(requests, self._max_in_flight)]

    def _packed(self, pool: Pool, size: int, allowance: Allowance, now: float) -> list[Ticket]:
        """Take up to `size` calls that may travel together; what would lose anything is set aside to leave alone."""
        group: list[Ticket] = []
        rooms: dict[str, float] = {}
        most: dict[str, int] = {}
        length = 0
        first = pool.first()
        duration = 0.0 if first is None else self._grouping.seen(first.method).duration
        while len(group) < size and (ticket := pool.first()) is not None:
            method, command = ticket.method, ticket.command
            if ticket.exchange.deadline is not None:
                size = min(size, _commands_in(ticket.exchange.deadline - now, duration))
            if method not in rooms:
                rooms[method], most[method] = allowance.room(method, now), self._grouping.most(method)
            if command is None:
                self._line.set_aside(ticket)
            elif group and len(group) >= size:
                break
            elif rooms[method] < 1 or len(group) >= most[method]:
                pool.drop(ticket)
            elif group and not _may_join(ticket, group[0], length + len(command)):
                break
            else:
                self._line.take(ticket)
                rooms[method] -= 1
                length += len(command)
                group.append(ticket)
        return group


def _commands_in(seconds: float, duration: float) -> int:
    """Return how many commands a batch may have for a call with so many seconds to end in time, at least itself."""
    return max(1, int(seconds / (_HASTE * duration))) if duration else MAX_COMMANDS


def _may_join(ticket: Ticket, first: Ticket, length: int) -> bool:
    """Return whether a call may join a group: to where that goes, and within what a batch can hold."""
    return ticket.exchange.moved_to == first.exchange.moved_to and length <= LONGEST_BATCH
