"""What the portal's two limits leave to one caller: slots of the bucket, and seconds of each method."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from bitrix_chat.limits.bucket import STANDARD
from bitrix_chat.limits.conditions import Conditions
from bitrix_chat.limits.limiter import RateLimiter
from bitrix_chat.limits.operating import COUNTED_FROM, OperatingBudget
from bitrix_chat.models.time import Time
from bitrix_chat.rest.accounting import duration_of, is_batch, refused_for_time, times_of
from bitrix_chat.rest.batch import MAX_COMMANDS
from bitrix_chat.rest.request import Request, Response
from bitrix_chat.transport.grouping import LONGEST, RESERVED, Seen
from bitrix_chat.transport.waiting import Ticket

BATCH: Final = "batch"
_SAMPLES: Final = 50
"""Calls of a method from which on its cost is taken for known."""


class Allowance:
    """The request limiter and the operating budget, asked and told together."""

    def __init__(self, limiter: RateLimiter, budget: OperatingBudget) -> None:
        self.limiter = limiter
        self.budget = budget
        plan = getattr(limiter, "plan", None)
        self.reserve = int(RESERVED * (limiter.free() if plan is None else plan.burst))

    @property
    def few(self) -> int:
        """How many calls of one kind need not wait behind the many of another."""
        return min(max(1, self.reserve), MAX_COMMANDS)

    def opens_at(self, ticket: Ticket, now: float) -> float:
        """Return when a ticket may leave, alone or with others; infinity for after an answer."""
        if ticket.packs:
            inside = self.budget.opens_at(ticket.method, now, inside=True)
            return inside if inside <= now else min(inside, self.budget.opens_at(ticket.method, now))
        return max(
            self.budget.opens_at(method, now, count, inside=len(ticket.work) > 1 and method != BATCH)
            for method, count in ticket.work.items()
        )

    def takes_batches(self, now: float) -> bool:
        """Return whether a request with several calls may leave."""
        return self.budget.opens_at(BATCH, now) <= now

    def room(self, method: str, now: float) -> float:
        """Return how many calls of a method may leave in a batch."""
        return self.budget.room(method, now)

    def depart_inside(self, group: Sequence[Ticket]) -> None:
        """Reserve seconds for calls that leave in one batch."""
        for ticket in group:
            ticket.inside = True
        for method, count in Counter([ticket.method for ticket in group]).items():
            self.budget.depart(method, count, inside=True)
        self.budget.depart(BATCH)

    def depart_alone(self, ticket: Ticket) -> None:
        """Reserve seconds for a ticket that leaves on its own."""
        ticket.inside = False
        for method, count in ticket.work.items():
            self.budget.depart(method, count, inside=len(ticket.work) > 1 and method != BATCH)

    def land(self, group: list[Ticket]) -> None:
        """Release what was reserved, and let those look again who wait for an answer of anyone's."""
        if group[0].inside:
            for method, count in Counter([ticket.method for ticket in group]).items():
                self.budget.land(method, count, inside=True)
            self.budget.land(BATCH)
        else:
            self._land_alone(group[0])
        if self.budget.watchers:
            waiting = list(self.budget.watchers)
            self.budget.watchers.clear()
            for watcher in waiting:
                watcher.schedule()

    def _land_alone(self, ticket: Ticket) -> None:
        for method, count in ticket.work.items():
            self.budget.land(method, count, inside=len(ticket.work) > 1 and method != BATCH)

    def learn(self, request: Request, response: Response) -> None:
        """Learn from the times that an answer tells, those inside a batch too."""
        now = asyncio.get_running_loop().time()
        if not is_batch(request):
            if "operating" in response.raw_time:
                self.budget.learn(request.method, Time.of(response.raw_time), now)
            return
        self._learn_inside(request, response, now)
        for method in refused_for_time(request, response):
            self.budget.refuse(method, now)

    def _learn_inside(self, request: Request, response: Response, now: float) -> None:
        last: dict[str, Any] = {}
        worked: dict[str, float] = {}
        dearest: dict[str, float] = {}
        for method, time in times_of(request, response):
            if isinstance(time, dict) and "operating" in time:
                last[method] = time
                duration = duration_of(time)
                worked[method] = worked.get(method, 0.0) + (duration if duration >= COUNTED_FROM else 0.0)
                dearest[method] = max(duration, dearest.get(method, 0.0))
        for method, time in last.items():
            inside = method != BATCH
            self.budget.learn(method, Time.of(time), now, worked=worked[method], inside=inside)
            self.budget.learn_price(method, dearest[method])

    def conditions(self, method: str, seen: Seen, *, max_in_flight: int, coalesce: bool) -> Conditions:
        """Return what the limits allow now, and what a method was seen to cost."""
        limiter, budget = self.limiter, self.budget
        is_known = seen.samples >= _SAMPLES
        in_batches = budget.share(BATCH) if coalesce else 0.0
        charged = BATCH if in_batches else method
        cost = seen.duration * in_batches if in_batches else budget.cost(method, inside=coalesce)
        used, resets_in = budget.used(charged, asyncio.get_running_loop().time())
        return Conditions(
            plan=getattr(limiter, "plan", STANDARD),
            free=max(0, limiter.free() - self.reserve),
            reserve=self.reserve,
            max_in_flight=max_in_flight,
            max_commands=MAX_COMMANDS if coalesce else 1,
            longest_batch=LONGEST,
            operating_limit=budget.limit,
            operating_used=used,
            operating_resets_in=resets_in,
            duration=seen.duration if is_known else None,
            cost=cost if is_known else None,
            samples=seen.samples,
        )
