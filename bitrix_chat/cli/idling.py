"""When a worker that is to stop once nothing is left has nothing left, though the queue holds jobs of others."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from docket import Docket
    from docket import Worker as DocketWorker

    from bitrix_chat.jobs.worker import Worker

_EVERY: Final = 1.0


async def end_when_idle(engine: "DocketWorker", ours: "Worker", working: "asyncio.Task[None]") -> None:
    """Tell the engine to end as soon as all that is left is none of this worker's, and say so."""
    from redis.exceptions import RedisError  # noqa: PLC0415  # an extra

    while True:
        await asyncio.sleep(_EVERY)
        left = 0
        with suppress(RedisError, OSError):  # the engine says so, and waits
            left = 0 if ours.is_busy else await _of_others(engine.docket, ours)
        if left:
            jobs = "1 job that is" if left == 1 else f"{left:,} jobs that are"
            print(
                f"bitrix-chat: idle but for {jobs} for another worker: of another portal, or with the bot's token",
                file=sys.stderr,
            )
            working.cancel()
            return


async def _of_others(docket: "Docket", ours: "Worker") -> int:
    """Return how many jobs are left if this worker can do none of them, else 0."""
    left = await docket.snapshot()
    calls = [*left.future, *left.running]
    jobs: list[Any] = [call.args[0] if call.args else None for call in calls]
    is_of_others = all(isinstance(job, Mapping) and ours.cannot_run(job) for job in jobs)
    return len(jobs) if is_of_others and left.total_tasks <= len(jobs) else 0
