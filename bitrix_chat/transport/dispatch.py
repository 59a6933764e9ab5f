"""The queue before the portal: who leaves when.

Theory of operation. Callers put their exchange into one waiting line and await a future. Once a loop turn the
pump looks at the line: while a slot is free, nothing is being renewed and fewer than `max_in_flight` groups fly, the
first whose methods may work leave. A few leave at once and alone; many as the commands of batches, reads and writes
apart, whose number and size follow from the whole line, the free slots and what calls were seen to take (`grouping`).
Nobody waits for a group to fill up. Long queues leave a share of the bucket to single calls of other kinds, which pass
them and wait at most for the group that is being formed.

When no slot is free, one task waits at the limiter for the head of the line: the limiter has one waiter a client,
cancelled callers cost nothing, and clients that share a limiter take turns. What leaves belongs to `flights`; what
proves to have not run comes back to its place in the line.
"""

import asyncio
from collections import Counter
from typing import Final, Literal

from bitrix_chat.errors import BitrixError, ClientClosed, DeadlineExceeded
from bitrix_chat.limits.bucket import Plan
from bitrix_chat.limits.conditions import Conditions
from bitrix_chat.limits.limiter import MAX_IN_FLIGHT, MemoryRateLimiter, RateLimiter
from bitrix_chat.limits.operating import CLOUD_LIMIT
from bitrix_chat.rest.batch import MAX_COMMANDS
from bitrix_chat.rest.redaction import host_of
from bitrix_chat.rest.request import Exchange, Response
from bitrix_chat.transport.allowance import Allowance
from bitrix_chat.transport.announcing import Announcing
from bitrix_chat.transport.deadline import too_late
from bitrix_chat.transport.flights import Flights, OnOrphan
from bitrix_chat.transport.grouping import Grouping, Pool, PoolKey, pools_of, pools_of_singles
from bitrix_chat.transport.groups import own
from bitrix_chat.transport.loading import Loading
from bitrix_chat.transport.sharing import LoopSharing, Sharing
from bitrix_chat.transport.signing import Signing
from bitrix_chat.transport.waiting import Kind, Ticket, WaitingLine

_NEVER: Final = float("inf")
_ROUNDING: Final = 1e-6

WaitsFor = Literal["requests", "operating", "latency"]


class Dispatch:
    """Queues exchanges and lets them leave within the portal's limits."""

    def __init__(
        self,
        signing: Signing,
        *,
        limiter: RateLimiter | Plan | None = None,
        sharing: Sharing | None = None,
        egress: str = "",
        operating_limit: float | None = CLOUD_LIMIT,
        max_in_flight: int = MAX_IN_FLIGHT,
        coalesce: bool = False,
        announcing: Announcing = Announcing(),  # noqa: B008  # frozen
        on_orphan: OnOrphan | None = None,
    ) -> None:
        self._signing = signing
        self._limiter = limiter
        self._sharing = sharing or LoopSharing()
        self._egress = egress
        self._operating_limit = operating_limit
        self._max_in_flight = max_in_flight
        self._allowance: Allowance | None = None
        self._coalesce = coalesce
        self._grouping = Grouping()
        self._flights = Flights(signing, self, self._grouping, announcing, on_orphan)
        self._line = WaitingLine()
        self._loading = Loading(self._line, self._grouping, self._flights, max_in_flight)
        self._short_left_last = False
        self._turns: dict[PoolKey, int] = {}
        self._refilled_at: float | None = None
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
        ticket = self.queue(exchange)
        try:
            return await ticket.future
        except (asyncio.CancelledError, GeneratorExit):
            self.abandon(ticket)
            raise

    def queue(self, exchange: Exchange) -> Ticket:
        """Queue an exchange; its answer, or what it failed with, will be in the ticket's future.

        Whoever waits for it no longer has to `abandon` the ticket.

        Raises:
            DeadlineExceeded: the wait is known to be longer than the exchange's deadline allows.
            ClientClosed: the client is closed.
        """
        if self._closed:
            raise ClientClosed("the client is closed", method=exchange.request.method)
        ticket = Ticket(exchange, asyncio.get_running_loop().create_future(), self._coalesce)
        if self._allowance is None:
            self._begin_to_find_allowance()
        elif exchange.deadline is not None:
            self._refuse_if_late(ticket, self._allowance, self._ahead(ticket, self._allowance))
        self._line.push(ticket)
        self.schedule()
        return ticket

    async def conditions(self, method: str) -> Conditions:
        """Return what the limits allow now, and what a method was seen to cost."""
        allowance = await self._known_allowance()
        return allowance.conditions(
            method, self._grouping.seen(method), max_in_flight=self._max_in_flight, coalesce=self._coalesce
        )

    @property
    def waits_for(self) -> WaitsFor | None:
        """What those in the line wait for; None where nobody waits."""
        if not self._line or self._allowance is None:
            return None
        if self._at_limiter is not None or self._refilled_at is not None:
            return "requests"
        now = asyncio.get_running_loop().time()
        is_closed = all(self._allowance.opens_at(head, now) > now for head in self._line.heads())
        return "operating" if is_closed else "latency"

    async def assume_sent(self, seconds_ago: float) -> None:
        """Take it that the bucket was filled by another process so many seconds ago, and has drained since."""
        limiter = (await self._known_allowance()).limiter
        if isinstance(limiter, MemoryRateLimiter):
            limiter.assume_full(seconds_ago)

    async def take_slot(self) -> None:
        """Wait for a slot of the request limit, for what is no call and counts as one.

        Raises:
            ClientClosed: the client is closed.
        """
        await (await self._known_allowance()).limiter.acquire()
        if self._closed:
            self.give_back_slot()
            raise ClientClosed("the client is closed")

    async def _known_allowance(self) -> Allowance:
        if self._allowance is None and not self._closed:
            self._begin_to_find_allowance()
        if (finding := self._finding) is not None:
            await asyncio.wait([finding])
            if not finding.cancelled():
                finding.result()
        if self._closed or self._allowance is None:
            raise ClientClosed("the client is closed")
        return self._allowance

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
            limiter = self._sharing.limiter(host_of(endpoint), limiter, self._egress)
        self._allowance = Allowance(limiter, self._sharing.budget(endpoint, self._operating_limit))

    def _found_allowance(self, task: "asyncio.Task[None]") -> None:
        self._finding = None
        self._fail_waiting_if_failed(task)
        if self._allowance is not None:
            self._refuse_late_ones(self._allowance)
        self.schedule()

    def _refuse_late_ones(self, allowance: Allowance) -> None:
        if all(ticket.exchange.deadline is None for ticket in self._line):
            return
        ahead: Counter[Kind | None] = Counter()
        for ticket in self._line:
            of = ticket.kind if self._coalesce or self._line.count(ticket.kind) <= allowance.few else None
            ahead[of] += 1
            try:
                self._refuse_if_late(ticket, allowance, self._requests_for(ahead[of] - 1, ticket, allowance))
            except DeadlineExceeded as error:
                self._line.discard(ticket)
                self._flights.settle(ticket, error)

    def _fail_waiting_if_failed(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.fail_waiting(error)

    def _ahead(self, ticket: Ticket, allowance: Allowance) -> int:
        """Return how many requests leave before a ticket at least, but for the one that waits at the limiter itself."""
        if self._coalesce:  # queues of other methods take turns with its own
            return self._requests_for(self._line.count(ticket.kind), ticket, allowance)
        now = asyncio.get_running_loop().time()
        lanes = self._line.lanes(lambda other: allowance.opens_at(other, now) <= now)
        is_few = self._line.count(ticket.kind) < allowance.few
        ready = sum(lane.count for lane in lanes if lane.count <= allowance.few or not is_few)
        return max(0, ready - (self._at_limiter is not None))

    def _requests_for(self, tickets: int, ticket: Ticket, allowance: Allowance) -> int:
        """Return how many requests so many tickets of one kind leave in; a few go first, by the reserve."""
        if not self._coalesce:
            return tickets
        if tickets <= allowance.few:
            return 0
        return tickets // MAX_COMMANDS if ticket.packs else tickets

    def _refuse_if_late(self, ticket: Ticket, allowance: Allowance, ahead: int) -> None:
        exchange = ticket.exchange
        if exchange.deadline is None:
            return
        now = asyncio.get_running_loop().time()
        opens_at = allowance.opens_at(ticket, now)
        wait = max(allowance.limiter.wait(ahead + 1), 0.0 if opens_at == _NEVER else opens_at - now)
        left = exchange.deadline - now
        if wait > left:
            raise too_late(exchange, wait, left)

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
        loop = asyncio.get_running_loop()
        while self._line and self._may_depart():
            now = loop.time()
            pool = self._choose(allowance, now)
            if pool is None:
                if self._refilled_at is None:
                    self._wake_when_a_method_opens(allowance, now)
                return
            if not allowance.limiter.try_acquire():
                self._wait_at_limiter(allowance)
                return
            self._depart(pool, allowance, now)

    def _may_depart(self) -> bool:
        return not (self._closed or self._flights.renewing or len(self._flights) >= self._max_in_flight)

    def _choose(self, allowance: Allowance, now: float) -> Pool | None:
        """Return from whom the next leave if a slot is free: of short queues, where the reserve is all there is."""
        pool = self._next(allowance, now)
        if pool is None:
            self._refilled_at = None
        elif self._leaves_the_reserve(pool, allowance, now):
            return self._next(allowance, now, only_short=True)
        return pool

    def _next(self, allowance: Allowance, now: float, *, only_short: bool = False) -> Pool | None:
        """Return from whom the next leave: short queues and long ones take turns, and so do those of each."""
        if not self._line or not self._may_depart():
            return None
        lanes = self._line.lanes(lambda ticket: self._may_leave(ticket, allowance, now))
        pools = (pools_of if self._coalesce else pools_of_singles)(lanes, allowance.few)
        if only_short:
            pools = [pool for pool in pools if pool.is_short]
        has_turn = [pool for pool in pools if pool.is_short is not self._short_left_last] or pools
        return min(has_turn, key=lambda pool: (self._turns.get(pool.key, 0), pool.number), default=None)

    def _may_leave(self, ticket: Ticket, allowance: Allowance, now: float) -> bool:
        if ticket.packs and self._grouping.awaits(ticket.method):
            return False
        return allowance.opens_at(ticket, now) <= now

    def _leaves_the_reserve(self, pool: Pool, allowance: Allowance, now: float) -> bool:
        """Return whether a long queue has to wait until the bucket holds more than its reserve."""
        if pool.is_short or not allowance.reserve or allowance.limiter.free() > allowance.reserve:
            self._refilled_at = None
            return False
        if self._refilled_at is not None and now >= self._refilled_at:
            self._refilled_at = None
            return False  # others take what comes in: queue up with them
        if self._refilled_at is None:
            self._refilled_at = now + allowance.limiter.wait(allowance.reserve + 1) + _ROUNDING
        self._wake_at(self._refilled_at)
        return True

    def _depart(self, pool: Pool, allowance: Allowance, now: float) -> None:
        """Let the next group of a pool leave by a slot that was just taken."""
        group = self._loading.load(pool, allowance, now)
        if not group:
            allowance.limiter.release()
            return
        self._short_left_last = pool.is_short
        self._turns[pool.key] = max(self._turns.values(), default=0) + 1
        seconds = self._grouping.seconds(group)
        self._flights.launch(group, allowance, None if seconds is None else now + seconds)

    def _wait_at_limiter(self, allowance: Allowance) -> None:
        self._at_limiter = asyncio.get_running_loop().create_task(self._depart_as_slots_come(allowance))
        # A callback and not a `finally`: a task that is cancelled before its first step runs none.
        self._at_limiter.add_done_callback(self._left_limiter)

    async def _depart_as_slots_come(self, allowance: Allowance) -> None:
        loop = asyncio.get_running_loop()
        pool = self._next(allowance, loop.time())
        while pool is not None:
            await allowance.limiter.acquire()
            pool = self._next(allowance, loop.time())
            if pool is None:
                allowance.limiter.release()
                return
            self._depart(pool, allowance, loop.time())
            pool = self._choose(allowance, loop.time())

    def _left_limiter(self, task: "asyncio.Task[None]") -> None:
        self._at_limiter = None
        self._fail_waiting_if_failed(task)
        self.schedule()

    def _wake_when_a_method_opens(self, allowance: Allowance, now: float) -> None:
        openings = [allowance.opens_at(head, now) for head in self._line.heads()]
        if _NEVER in openings:  # only an answer opens it, and it may come to another client
            allowance.budget.watchers.add(self)
        later = [opening for opening in openings if now < opening < _NEVER]
        if later:
            self._wake_at(min(later))

    def _wake_at(self, moment: float) -> None:
        self._silence_alarm()
        self._alarm = asyncio.get_running_loop().call_at(moment, self.schedule)

    def _silence_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def pack_no_more(self) -> None:
        """Let every call leave on its own from now on: the portal takes no batch."""
        self._coalesce = False
        for ticket in self._line:
            ticket.packs = False

    def put_back(self, group: list[Ticket]) -> None:
        """Take back tickets that did not run, to their places in the line; a client that is closed has none."""
        self._line.put_back(group)
        if self._closed:
            self.fail_waiting(ClientClosed("the client was closed"))

    def fail_waiting(self, error: Exception) -> None:
        """End all who wait with an error that would meet each of them."""
        for ticket in self._line:
            self._line.discard(ticket)
            its_own = own(error, ticket)
            if isinstance(its_own, BitrixError):
                its_own.status = None  # of another's request
            self._flights.settle(ticket, its_own)

    def abandon(self, ticket: Ticket) -> None:
        """Let a caller go: what has not left stays here."""
        self._line.discard(ticket)
        if not self._line and self._at_limiter is not None:
            self._at_limiter.cancel()
        self._flights.abandon(ticket)
