"""The queue before the portal: who leaves when.

Theory of operation. Callers put their exchange into one waiting line and await a future. Once a loop turn the
pump looks at the line: while a slot is free, nothing is being renewed and fewer than `max_in_flight` groups fly,
the first exchange whose methods may work leaves. When no slot is free, one task waits at the limiter for the head
of the line: the limiter has one waiter a client, cancelled callers cost nothing, and clients that share a limiter
take turns. What leaves belongs to `flights`; what proves to have not run comes back to its place in the line.
"""

import asyncio
import copy
from datetime import UTC, datetime, timedelta
from typing import Final

from bitrix_chat.errors import BitrixError, ClientClosed, DeadlineExceeded
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.limiter import MAX_IN_FLIGHT, RateLimiter
from bitrix_chat.limits.operating import CLOUD_LIMIT
from bitrix_chat.limits.sharing import shared_budget, shared_limiter
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.accounting import work_of
from bitrix_chat.rest.redaction import host_of
from bitrix_chat.rest.request import Exchange, Response
from bitrix_chat.transport.allowance import Allowance
from bitrix_chat.transport.flights import Departing, Flights, OnOrphan
from bitrix_chat.transport.signing import Signing
from bitrix_chat.transport.waiting import Ticket, WaitingLine

_NEVER: Final = float("inf")


class Dispatch:
    """Queues exchanges and lets them leave within the portal's limits."""

    def __init__(
        self,
        signing: Signing,
        *,
        limiter: RateLimiter | Plan | None = None,
        operating_limit: float | None = CLOUD_LIMIT,
        max_in_flight: int = MAX_IN_FLIGHT,
        departing: Departing | None = None,
        on_orphan: OnOrphan | None = None,
    ) -> None:
        self._signing = signing
        self._limiter = limiter
        self._operating_limit = operating_limit
        self._max_in_flight = max_in_flight
        self._allowance: Allowance | None = None
        self._flights = Flights(signing, self, departing, on_orphan)
        self._line = WaitingLine()
        self._pumping = False
        self._finding: asyncio.Task[None] | None = None
        self._at_limiter: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, exchange: Exchange) -> Response:
        """Queue an exchange and wait for its answer.

        Raises:
            DeadlineExceeded: the wait is known to be longer than the exchange's deadline allows.
            ClientClosed: the client is closed.
            BitrixError: whatever became of it.
        """
        if self._closed:
            raise ClientClosed("the client is closed", method=exchange.request.method)
        loop = asyncio.get_running_loop()
        if self._allowance is None:
            self._begin_to_find_allowance()
        else:
            self._refuse_if_late(exchange, self._allowance, self._ready(self._allowance) if exchange.deadline else 0)
        ticket = Ticket(exchange, loop.create_future())
        self._line.push(ticket)
        self.schedule()
        try:
            return await ticket.future
        except (asyncio.CancelledError, GeneratorExit):
            self._abandon(ticket)
            raise

    async def take_slot(self) -> None:
        """Wait for a slot of the request limit, for what is no call and counts as one.

        Raises:
            ClientClosed: the client is closed.
        """
        if self._allowance is None and not self._closed:
            self._begin_to_find_allowance()
        if (finding := self._finding) is not None:
            await asyncio.wait([finding])
            if not finding.cancelled():
                finding.result()
        if self._allowance is not None and not self._closed:
            await self._allowance.limiter.acquire()
            if self._closed:
                self.give_back_slot()
        if self._closed or self._allowance is None:
            raise ClientClosed("the client is closed")

    def give_back_slot(self) -> None:
        """Give back a slot of `take_slot` by which nothing left."""
        if self._allowance is not None:
            self._allowance.limiter.release()

    def refused(self, sent_at: float) -> None:
        """Learn that what left at `sent_at` by a slot of `take_slot` met the limit."""
        if self._allowance is not None:
            self._allowance.limiter.refuse(sent_at)

    async def close(self, grace: float) -> None:
        """Refuse what waits, give what flies `grace` seconds to land, and end the rest as unknown."""
        self._closed = True
        self.fail_waiting(ClientClosed("the client was closed"))
        self._silence_alarm()
        waiting = [task for task in (self._finding, self._at_limiter) if task is not None]
        for task in waiting:
            task.cancel()
        try:
            await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            await self._flights.close(grace)

    def _begin_to_find_allowance(self) -> None:
        if self._finding is None:
            self._finding = asyncio.get_running_loop().create_task(self._find_allowance())
            self._finding.add_done_callback(self._found_allowance)

    async def _find_allowance(self) -> None:
        endpoint = await self._signing.endpoint()
        limiter = self._limiter
        if limiter is None or isinstance(limiter, Plan):
            limiter = shared_limiter(host_of(endpoint), limiter)
        self._allowance = Allowance(limiter, shared_budget(endpoint, self._operating_limit))

    def _found_allowance(self, task: "asyncio.Task[None]") -> None:
        self._finding = None
        self._fail_waiting_if_failed(task)
        if self._allowance is not None:
            self._refuse_late_ones(self._allowance)
        self.schedule()

    def _refuse_late_ones(self, allowance: Allowance) -> None:
        for ahead, ticket in enumerate(self._line):
            try:
                self._refuse_if_late(ticket.exchange, allowance, ahead)
            except DeadlineExceeded as error:
                self._line.discard(ticket)
                self._flights.settle(ticket, error)

    def _fail_waiting_if_failed(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.fail_waiting(error)

    def _ready(self, allowance: Allowance) -> int:
        """Return how many wait for a slot alone, the head of the line aside that waits at the limiter itself."""
        now = asyncio.get_running_loop().time()
        ready = self._line.ready(lambda ticket: allowance.opens_at(ticket.work, now) <= now)
        return max(0, ready - (self._at_limiter is not None))

    def _refuse_if_late(self, exchange: Exchange, allowance: Allowance, ahead: int) -> None:
        if exchange.deadline is None:
            return
        now = asyncio.get_running_loop().time()
        opens_at = allowance.opens_at(work_of(exchange.request), now)
        wait = max(allowance.limiter.wait(ahead + 1), 0.0 if opens_at == _NEVER else opens_at - now)
        left = exchange.deadline - now
        if wait > left:
            raise _late(exchange, wait, left)

    def schedule(self) -> None:
        """Look at the line in the next turn of the loop."""
        if not self._pumping and not self._closed:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if self._at_limiter is not None or self._allowance is None:
            return
        try:
            self._let_leave(self._allowance)
        except Exception as error:  # noqa: BLE001  # a limiter of the user's may raise anything
            self.fail_waiting(error)

    def _let_leave(self, allowance: Allowance) -> None:
        now = asyncio.get_running_loop().time()
        while (ticket := self._next(allowance, now)) is not None:
            if not allowance.limiter.try_acquire():
                self._wait_at_limiter(allowance)
                return
            self._depart(ticket, allowance)
        if self._line and self._may_depart():
            self._wake_when_a_method_opens(allowance, now)

    def _may_depart(self) -> bool:
        return not (self._closed or self._flights.renewing or len(self._flights) >= self._max_in_flight)

    def _next(self, allowance: Allowance, now: float) -> Ticket | None:
        if not self._line or not self._may_depart():
            return None
        return self._line.first(lambda ticket: allowance.opens_at(ticket.work, now) <= now)

    def _depart(self, ticket: Ticket, allowance: Allowance) -> None:
        self._line.take(ticket)
        allowance.depart(ticket.work)
        self._flights.launch([ticket], allowance)

    def _wait_at_limiter(self, allowance: Allowance) -> None:
        self._at_limiter = asyncio.get_running_loop().create_task(self._depart_as_slots_come(allowance))
        # A callback and not a `finally`: a task that is cancelled before its first step runs none.
        self._at_limiter.add_done_callback(self._left_limiter)

    async def _depart_as_slots_come(self, allowance: Allowance) -> None:
        loop = asyncio.get_running_loop()
        while self._next(allowance, loop.time()) is not None:
            await allowance.limiter.acquire()
            ticket = self._next(allowance, loop.time())
            if ticket is None:
                allowance.limiter.release()
            else:
                self._depart(ticket, allowance)

    def _left_limiter(self, task: "asyncio.Task[None]") -> None:
        self._at_limiter = None
        self._fail_waiting_if_failed(task)
        self.schedule()

    def _wake_when_a_method_opens(self, allowance: Allowance, now: float) -> None:
        self._silence_alarm()
        openings = [allowance.opens_at(head.work, now) for head in self._line.heads()]
        if _NEVER in openings:  # only an answer opens it, and it may come to another client
            allowance.budget.watchers.add(self)
        if (opening := min(openings)) < _NEVER:
            self._alarm = asyncio.get_running_loop().call_at(opening, self.schedule)

    def _silence_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def put_back(self, group: list[Ticket]) -> None:
        """Take back tickets that did not run, to their places in the line."""
        self._line.put_back(group)

    def fail_waiting(self, error: Exception) -> None:
        """End all who wait with an error that would meet each of them."""
        for ticket in self._line:
            self._line.discard(ticket)
            own = error
            if isinstance(error, BitrixError):
                own = copy.copy(error)
                own.method, own.status = ticket.method, None
            self._flights.settle(ticket, own)

    def _abandon(self, ticket: Ticket) -> None:
        self._line.discard(ticket)
        if not self._line and self._at_limiter is not None:
            self._at_limiter.cancel()
        self._flights.abandon(ticket)


def _late(exchange: Exchange, wait: float, left: float) -> DeadlineExceeded:
    again = "" if exchange.outcome is Outcome.NOT_SENT else " again"
    error = DeadlineExceeded(
        f"not sent{again}: the portal's limits allow it in {wait:.1f} s at the earliest, {left:.1f} s are left",
        method=exchange.request.method,
        outcome=exchange.known,
    )
    error.retry_at = datetime.now(UTC) + timedelta(seconds=wait)
    return error
