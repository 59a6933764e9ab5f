"""The queue before the portal: who leaves when, and who owns what has left.

Theory of operation. Callers put their exchange into one waiting line and await a future. Once a loop turn the
pump looks at the line: while a slot is free, nothing is being renewed and fewer than `max_in_flight` groups fly,
the first exchange whose method may work leaves. When no slot is free, one task waits at the limiter for the head
of the line; so the limiter has one waiter a client, and cancelled callers cost nothing.

A *group* is what leaves in one HTTP request. It is signed as it leaves, announced to `departing` before its first
byte, and owned by a task of ours: a cancelled caller detaches from it and what became of it is still written down.
`QUERY_LIMIT_EXCEEDED` and `expired_token` prove that nothing ran, so the whole group goes back to its place at the
head of the line for a new slot. Everything else reaches each exchange as its own outcome.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

from bitrix_chat.errors import (
    BitrixError,
    ClientClosed,
    ConnectionLost,
    DeadlineExceeded,
    ExpiredToken,
    OperationTimeLimit,
    Outcome,
    QueryLimitExceeded,
)
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.limiter import RateLimiter, shared_limiter
from bitrix_chat.limits.operating import OperatingBudget
from bitrix_chat.models.time import Time
from bitrix_chat.rest.batch import refused_for_time, times_of, work_of
from bitrix_chat.rest.request import Exchange, Request, Response
from bitrix_chat.transport.signing import Signed, Signing
from bitrix_chat.transport.waiting import Ticket, WaitingLine

logger: Final = logging.getLogger("bitrix_chat")

MAX_IN_FLIGHT: Final = 16
"""HTTP requests of one client at a time."""

ORPHAN_GRACE: Final = 1.0
"""Seconds that closing gives to requests whose callers were cancelled."""

Departing = Callable[[Sequence[Request]], Awaitable[None]]
"""Awaited with a group's requests before its first byte; if it raises, nothing is sent."""
OnOrphan = Callable[[Request, Response | BitrixError], None]
"""Told what became of a request whose caller was cancelled after it had left."""


class Dispatch:
    """Queues exchanges, keeps the portal's limits, and owns what flies."""

    def __init__(
        self,
        signing: Signing,
        *,
        limiter: RateLimiter | Plan | None = None,
        budget: OperatingBudget | None = None,
        max_in_flight: int = MAX_IN_FLIGHT,
        departing: Departing | None = None,
        on_orphan: OnOrphan | None = None,
    ) -> None:
        self._signing = signing
        self._wanted = limiter
        self._limiter: RateLimiter | None = None
        self._budget = budget or OperatingBudget()
        self._max_in_flight = max_in_flight
        self._departing = departing
        self._on_orphan = on_orphan
        self._line = WaitingLine()
        self._flying: dict[asyncio.Task[None], list[Ticket]] = {}
        self._renewals = 0
        self._pumping = False
        self._at_limiter: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, exchange: Exchange) -> Response:
        """Queue an exchange and wait for its answer.

        Raises:
            DeadlineExceeded: the wait is known to be longer than the exchange's deadline allows.
            ClientClosed: the client is closed.
        """
        limiter = self._limiter or await self._find_limiter()
        if self._closed:
            raise ClientClosed("the client is closed", method=exchange.request.method)
        loop = asyncio.get_running_loop()
        if exchange.deadline is not None:
            self._refuse_if_late(exchange, limiter, loop.time())
        ticket = Ticket(exchange, loop.create_future())
        self._line.push(ticket)
        self._schedule()
        try:
            return await ticket.future
        except asyncio.CancelledError:
            self._abandon(ticket)
            raise

    async def close(self, grace: float) -> None:
        """Refuse what waits, give what flies `grace` seconds to land, and end the rest as unknown.

        What nobody awaits any more is given a second at most, unless `on_orphan` wants to know.
        """
        self._closed = True
        self._fail_waiting(ClientClosed("the client was closed"))
        self._stop_waiting()
        if self._flying:
            await asyncio.wait(self._flying, timeout=grace if self._is_awaited() else min(grace, ORPHAN_GRACE))
        rest = list(self._flying)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _is_awaited(self) -> bool:
        tickets = (ticket for group in self._flying.values() for ticket in group)
        return self._on_orphan is not None or any(not ticket.future.done() for ticket in tickets)

    # What leaves when.

    async def _find_limiter(self) -> RateLimiter:
        if isinstance(self._wanted, Plan) or self._wanted is None:
            self._limiter = shared_limiter(await self._signing.portal(), self._wanted)
        else:
            self._limiter = self._wanted
        return self._limiter

    def _refuse_if_late(self, exchange: Exchange, limiter: RateLimiter, now: float) -> None:
        ahead = max(0, self._line.ready(self._opens) - (self._at_limiter is not None))
        opens_in = self._opens_at(work_of(exchange.request), now) - now
        wait = max(limiter.wait(ahead + 1), opens_in if opens_in < float("inf") else 0.0)
        left = (exchange.deadline or 0.0) - now
        if wait > left:
            raise DeadlineExceeded(
                f"not sent: the portal's limits allow it in {wait:.1f} s at the earliest, {left:.1f} s are left",
                method=exchange.request.method,
            )

    def _schedule(self) -> None:
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if self._at_limiter is not None or self._limiter is None:
            return
        while (ticket := self._next()) is not None:
            if not self._limiter.try_acquire():
                self._at_limiter = asyncio.get_running_loop().create_task(self._depart_as_slots_come(self._limiter))
                return
            self._depart(ticket)
        if self._line:
            self._wake_when_a_method_opens()

    def _next(self) -> Ticket | None:
        if not self._line or self._renewals or self._closed or len(self._flying) >= self._max_in_flight:
            return None
        return self._line.first(self._opens)

    def _opens(self, ticket: Ticket) -> bool:
        now = asyncio.get_running_loop().time()
        return self._opens_at(ticket.work, now) <= now

    def _opens_at(self, work: Mapping[str, int], now: float) -> float:
        return max(self._budget.opens_at(method, now, count) for method, count in work.items())

    def _depart(self, ticket: Ticket) -> None:
        self._line.take(ticket)
        for method, count in ticket.work.items():
            self._budget.depart(method, count)
        group = [ticket]
        self._flying[asyncio.get_running_loop().create_task(self._fly(group))] = group

    async def _depart_as_slots_come(self, limiter: RateLimiter) -> None:
        try:
            while self._next() is not None:
                await limiter.acquire()
                ticket = self._next()
                if ticket is None:
                    limiter.release()
                else:
                    self._depart(ticket)
        except Exception as error:  # noqa: BLE001  # a limiter of the user's may raise anything
            self._fail_waiting(error)
        finally:
            self._at_limiter = None
            self._schedule()

    def _fail_waiting(self, error: Exception) -> None:
        for ticket in self._line:
            self._line.discard(ticket)
            self._settle(ticket, error)

    def _stop_waiting(self) -> None:
        if self._at_limiter is not None:
            self._at_limiter.cancel()
            self._at_limiter = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _wake_when_a_method_opens(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        opening = min(self._opens_at(head.work, loop.time()) for head in self._line.heads())
        if loop.time() < opening < float("inf"):
            self._alarm = loop.call_at(opening, self._schedule)

    # What flies.

    async def _fly(self, group: list[Ticket]) -> None:
        try:
            await self._take_there(group)
        except asyncio.CancelledError:
            self._end_as_unknown(group)
            raise
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._flying.pop(task, None)
            if not self._closed:
                self._schedule()

    async def _take_there(self, group: list[Ticket]) -> None:
        request = group[0].exchange.request
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        try:
            signed = await self._signing.sign(request)
            await self._announce(group)
            sent_at = loop.time()
            response = await self._exchange(group, signed)
        except QueryLimitExceeded:
            self._slow_down(group, sent_at)
        except OperationTimeLimit as error:
            self._budget.refuse(request.method, loop.time())
            self._fail(group, error)
        except BitrixError as error:
            self._fail(group, error)
        except Exception as error:  # noqa: BLE001  # a strategy or hook of the user's may raise anything
            self._fail(group, error)
        else:
            if response is not None:
                self._land(group, response)

    async def _announce(self, group: list[Ticket]) -> None:
        if self._departing is not None:
            await self._departing([ticket.exchange.request for ticket in group])

    async def _exchange(self, group: list[Ticket], signed: Signed) -> Response | None:
        try:
            return await self._signing.send(signed, partial(_mark_as_sent, group))
        except ExpiredToken as error:
            expired = error
        await self._renew(group, signed, expired)
        return None

    async def _renew(self, group: list[Ticket], signed: Signed, error: ExpiredToken) -> None:
        """Replace the token and send the group once more; nothing leaves while that runs."""
        _unsend(group)
        if any(ticket.exchange.renewed for ticket in group):
            error.outcome = Outcome.REFUSED
            raise error
        self._renewals += 1
        try:
            await self._signing.renew(signed)
        finally:
            self._renewals -= 1
        for ticket in group:
            ticket.exchange.renewed = True
        self._return(group)

    def _slow_down(self, group: list[Ticket], sent_at: float) -> None:
        _unsend(group)
        if self._limiter is not None:
            self._limiter.refuse(sent_at)
        self._return(group)

    def _return(self, group: list[Ticket]) -> None:
        self._release_budget(group)
        waiting = [ticket for ticket in group if not ticket.future.done()]
        if self._closed:
            for ticket in waiting:
                self._settle(ticket, ClientClosed("the client was closed", method=ticket.method))
        else:
            self._line.put_back(waiting)

    def _release_budget(self, group: list[Ticket]) -> None:
        for ticket in group:
            for method, count in ticket.work.items():
                self._budget.land(method, count)

    def _land(self, group: list[Ticket], response: Response) -> None:
        self._release_budget(group)
        for ticket in group:
            self._learn(ticket.exchange.request, response)
            self._settle(ticket, response)

    def _learn(self, request: Request, response: Response) -> None:
        now = asyncio.get_running_loop().time()
        for method, time in times_of(request, response):
            if isinstance(time, dict) and "operating" in time:
                self._budget.learn(method, Time.of(time), now)
        for method in refused_for_time(request, response):
            self._budget.refuse(method, now)

    def _fail(self, group: list[Ticket], error: Exception) -> None:
        self._release_budget(group)
        if self._limiter is not None and _never_left(group, error):
            self._limiter.release()
        for ticket in group:
            self._settle(ticket, error)

    def _end_as_unknown(self, group: list[Ticket]) -> None:
        for ticket in group:
            if ticket.exchange.outcome is Outcome.UNKNOWN:
                self._settle(ticket, ConnectionLost("the client was closed before the answer", method=ticket.method))
            else:
                self._settle(ticket, ClientClosed("the client was closed", method=ticket.method))

    # Who awaits it.

    def _settle(self, ticket: Ticket, result: Response | Exception) -> None:
        exchange = ticket.exchange
        if isinstance(result, Response):
            exchange.succeed(result)
        elif isinstance(result, BitrixError):
            exchange.fail(result)
        if ticket.future.done():
            self._tell_of_orphan(exchange.request, result)
        elif isinstance(result, Response):
            ticket.future.set_result(result)
        else:
            ticket.future.set_exception(result)

    def _abandon(self, ticket: Ticket) -> None:
        self._line.discard(ticket)
        if not self._line and self._at_limiter is not None:
            self._at_limiter.cancel()
        if ticket.future.done() and not ticket.future.cancelled():
            error = ticket.future.exception()
            self._tell_of_orphan(
                ticket.exchange.request, error if isinstance(error, Exception) else ticket.future.result()
            )

    def _tell_of_orphan(self, request: Request, result: Response | Exception) -> None:
        logger.info("%s: the answer came after its caller was cancelled", request.method)
        if self._on_orphan is None or not isinstance(result, Response | BitrixError):
            return
        try:
            self._on_orphan(request, result)
        except Exception:
            logger.exception("%s: `on_orphan` failed", request.method)


def _never_left(group: list[Ticket], error: Exception) -> bool:
    if isinstance(error, BitrixError):
        return error.outcome is Outcome.NOT_SENT
    return group[0].exchange.outcome is not Outcome.UNKNOWN


def _mark_as_sent(group: list[Ticket]) -> None:
    for ticket in group:
        ticket.exchange.outcome = Outcome.UNKNOWN


def _unsend(group: list[Ticket]) -> None:
    for ticket in group:
        ticket.exchange.outcome = Outcome.REFUSED_TEMPORARY
