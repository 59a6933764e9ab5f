"""Chats on a virtual clock, beside the shortest time there is: the portal's limits hold, and hours pass in seconds.

Every row runs in a process of its own: client and emulator share one loop there, and talk over sockets.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from bulk_optimum import Limits, shortest
from bulk_tables import Bars, markdown, seconds

from bitrix_chat import ENTERPRISE, STANDARD, BitrixChat
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.testing import run_on_virtual_clock, virtual_clock

COUNTS = (100, 1_000, 10_000, 100_000)
MOST_ONE_BY_ONE = 10_000
METHODS = ("gather", "bulk", "one by one")
LIMITS = tuple(Limits(size, leak, cost) for size, leak in ((50, 2), (250, 5)) for cost in (0.1, 0.2))
PLANS = {50: (STANDARD, PortalPlan.STANDARD), 250: (ENTERPRISE, PortalPlan.ENTERPRISE)}
EPOCH = 1_800_000_000.0  # the portal's counter drains on the second: let each run begin on one
POINTS = 200
WITHIN = 1.05
PLANNED_WITHIN = 0.10
REAL_SECONDS = 60.0


@dataclass(frozen=True)
class Task:
    """One row that is to be measured."""

    method: str
    chats: int
    limits: Limits


@dataclass(frozen=True)
class Row:
    """What one run took; `curve` is (seconds, chats) in up to 200 points."""

    task: Task
    seconds: float
    optimum: float
    planned: tuple[float, float] | None
    requests: int
    refused: int
    chats: int
    distinct: int
    real_seconds: float
    curve: list[tuple[float, int]]

    @property
    def ratio(self) -> float:
        """How many times the optimum it took."""
        return self.seconds / self.optimum


def measure(task: Task) -> Row:
    """Run one task on a virtual clock."""
    # Before a long jump the clock waits a while for bytes under way; here both ends are served by this very loop.
    vars(virtual_clock)["_LONG_MOMENT"] = vars(virtual_clock)["_MOMENT"]
    started = time.perf_counter()
    figures = run_on_virtual_clock(_run(task))
    return Row(
        task,
        optimum=shortest(task.chats, task.limits),
        real_seconds=time.perf_counter() - started,
        **figures,
    )


async def _run(task: Task) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    ours, theirs = PLANS[task.limits.size]
    portal = Portal(
        plan=theirs,
        cost=task.limits.cost,
        operating_limit=480.0,
        clock=lambda: EPOCH + loop.time(),
        keep_requests=0,
    )
    async with portal, portal.client(limiter=ours) as b24:
        began = loop.time()
        planned = await _create(b24, task)
        took = loop.time() - began
    created = sorted(chat.created_at - EPOCH - began for chat in portal.chats.values())
    return {
        "seconds": took,
        "planned": planned,
        "requests": portal.hits,
        "refused": portal.refused + portal.blocked,
        "chats": len(portal.chats),
        "distinct": len({chat.title for chat in portal.chats.values()}),
        "curve": _curve(created),
    }


async def _create(b24: BitrixChat, task: Task) -> tuple[float, float] | None:
    titles = (f"Chat {number}" for number in range(task.chats))
    if task.method == "gather":
        await asyncio.gather(*(b24.im.chat.add(title=title) for title in titles))
    elif task.method == "one by one":
        for title in titles:
            await b24.im.chat.add(title=title)
    else:
        return await _create_by_bulk(b24, task, titles)
    return None


async def _create_by_bulk(b24: BitrixChat, task: Task, titles: Iterator[str]) -> tuple[float, float]:
    """Create by bulk, as a run that knows its keys to be new, and return what was planned before."""
    cost = task.limits.cost
    charged = cost if task.limits.chats_per_window else 0.0
    job = b24.im.chat.bulk(titles, key=lambda spec: spec.title, key_is_new=True)
    plan = await job.plan(cost=charged, duration=cost, count=task.chats)
    async for result in job:
        assert result.chat_id, result
    return plan.seconds.low, plan.seconds.high


def _curve(created: list[float]) -> list[tuple[float, int]]:
    step = max(1, len(created) // POINTS)
    return [(0.0, 0), *((moment, number) for number, moment in enumerate(created, 1) if number % step == 0)]


def tasks(counts: tuple[int, ...]) -> list[Task]:
    """List the rows, those that take longest first."""
    return [
        Task(method, count, limits)
        for count in sorted(counts, reverse=True)
        for method in METHODS
        for limits in LIMITS
        if method != "one by one" or count <= MOST_ONE_BY_ONE
    ]


async def _iterate(rows: list[Task], workers: int) -> AsyncIterator[Row]:
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for done in asyncio.as_completed([loop.run_in_executor(pool, measure, task) for task in rows]):
            yield await done


async def measured(rows: list[Task], workers: int) -> list[Row]:
    """Measure all rows, each in a fresh process, and return them in the order of a reader."""
    done = [row async for row in _iterate(rows, workers)]
    return sorted(done, key=lambda row: (row.task.limits.size, row.task.limits.cost, row.task.chats, row.task.method))


def report(rows: list[Row], bars: Bars) -> str:
    """Write the table, and hold every row against its bars."""
    for row in rows:
        _hold(row, bars)
    heads = (
        "plan",
        "s a chat",
        "chats",
        "method",
        "seconds",
        "optimum",
        "ratio",
        "planned",
        "requests",
        "refused",
        "real s",
    )
    return markdown(heads, [_cells(row) for row in rows])


def _cells(row: Row) -> tuple[object, ...]:
    limits = row.task.limits
    return (
        f"{limits.size}/{limits.leak}",
        limits.cost,
        f"{row.task.chats:,}",
        row.task.method,
        seconds(row.seconds),
        seconds(row.optimum),
        f"{row.ratio:.3f}",
        "" if row.planned is None else seconds(row.planned[1]),
        row.requests,
        row.refused,
        f"{row.real_seconds:.1f}",
    )


def _hold(row: Row, bars: Bars) -> None:
    limits, task = row.task.limits, row.task
    what = f"{task.method}, {task.chats:,} chats at {limits.size}/{limits.leak}, {limits.cost} s each"
    bars.hold(met=row.chats == row.distinct == task.chats, promise=f"{what}: {row.chats} chats, {row.distinct} titles")
    bars.at_most(f"{what}: requests refused", row.refused, 0)
    if task.method != "one by one":
        bars.at_most(f"{what}: times the optimum", row.ratio, WITHIN)
    if row.planned is not None:
        off = max(abs(planned / row.seconds - 1) for planned in row.planned)
        bars.at_most(f"{what}: how far the plan was off", off, PLANNED_WITHIN)
    if task.method == "bulk" and task.chats == max(COUNTS):
        bars.at_most(f"{what}: real seconds", row.real_seconds, REAL_SECONDS)
