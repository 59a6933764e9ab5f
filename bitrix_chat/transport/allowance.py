"""What the portal's two limits leave to one caller: slots of the bucket, and seconds of each method."""

import asyncio
from collections.abc import Mapping

from bitrix_chat.limits.limiter import RateLimiter
from bitrix_chat.limits.operating import OperatingBudget
from bitrix_chat.models.time import Time
from bitrix_chat.rest.accounting import is_batch, refused_for_time, times_of
from bitrix_chat.rest.request import Request, Response

Work = Mapping[str, int]
"""The methods a request makes the portal run, and how often each."""


class Allowance:
    """The request limiter and the operating budget, asked and told together."""

    def __init__(self, limiter: RateLimiter, budget: OperatingBudget) -> None:
        self.limiter = limiter
        self.budget = budget

    def opens_at(self, work: Work, now: float) -> float:
        """Return when all methods of `work` may run; infinity for after an answer."""
        return max(self.budget.opens_at(method, now, count) for method, count in work.items())

    def depart(self, work: Work) -> None:
        """Reserve seconds for work that leaves."""
        for method, count in work.items():
            self.budget.depart(method, count)

    def land(self, work: Work) -> None:
        """Release what was reserved, and let those look again who wait for an answer of anyone's."""
        for method, count in work.items():
            self.budget.land(method, count)
        if self.budget.watchers:
            waiting = list(self.budget.watchers)
            self.budget.watchers.clear()
            for watcher in waiting:
                watcher.schedule()

    def learn(self, request: Request, response: Response) -> None:
        """Learn from the times that an answer tells, those inside a batch too."""
        if "operating" not in response.raw_time and not is_batch(request):
            return
        now = asyncio.get_running_loop().time()
        for method, time in times_of(request, response):
            if isinstance(time, dict) and "operating" in time:
                self.budget.learn(method, Time.of(time), now)
        for method in refused_for_time(request, response):
            self.budget.refuse(method, now)
