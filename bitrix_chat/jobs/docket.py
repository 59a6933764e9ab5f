r"""Jobs on docket (PyPI: pydocket): durable in Redis or Valkey, taken over from a worker that died, one for each key.

Docket renews the lease of what a worker runs at a quarter of its redelivery timeout, so that a job may wait for the
portal's limits as long as it must, and one whose worker was killed is another's after about that timeout: 30 seconds
suit these jobs better than the five minutes that it takes by default.

Workers of one portal, described by the environment, run by docket's own command. Let its pool hold some more
connections than it has jobs at a time: it holds a hundred unless told otherwise, and fails when it is empty.

    docket worker --tasks bitrix_chat.jobs.docket:tasks --docket bitrix-chat:acme.bitrix24.example \
        --concurrency 100 --redelivery-timeout 30s --url 'redis://host/0?max_connections=150'

`bitrix-chat worker redis://host/0` does the same with a pool of the right size. The queue is `queue_of(portal)` there;
for one of another name, say so on both sides: `Docket(name="chats", ...)` and `bitrix-chat worker --docket chats`.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final, Self, TypeAlias
from urllib.parse import quote

from bitrix_chat.bulk.source import Specs
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.jobs.environment import worker_from_env
from bitrix_chat.jobs.errors import JobPostponed, WrongJob, WrongWorker
from bitrix_chat.jobs.following import Following
from bitrix_chat.jobs.journals import Journals, redis_journals
from bitrix_chat.jobs.preparing import prepare_jobs
from bitrix_chat.jobs.spec import JobSpec
from bitrix_chat.jobs.worker import Worker

try:
    from docket import Disposition, Docket, ExponentialRetry, Shared
    from docket.dependencies import TaskOutcome, current_docket, current_execution
    from docket.execution import Execution, ExecutionState
    from redis.exceptions import RedisError

    from bitrix_chat.jobs.reasons import last_reason, leave_reason
except ModuleNotFoundError:
    raise ImportError('this module needs its extra: pip install "bitrix-chat[docket]"') from None

REDELIVERY: Final = timedelta(seconds=30)
"""After this time the job of a worker that died is another's; docket's own default is five minutes."""
_SOONEST: Final = timedelta(seconds=1)
_LATEST: Final = timedelta(seconds=60)
_ELSEWHERE: Final = timedelta(seconds=1)
"""Until a job that came to the wrong worker is given out again, more or less: each time, however often it happens."""
_TASK: Final = "create_bitrix_chat"
_LIVE: Final = frozenset({ExecutionState.SCHEDULED, ExecutionState.QUEUED, ExecutionState.RUNNING})

MakeWorker: TypeAlias = Callable[[], AbstractAsyncContextManager[Worker]]
"""Opens a worker in docket's own event loop, and closes it in the end."""
Task: TypeAlias = Callable[..., Awaitable[dict[str, Any]]]


class _Again(ExponentialRetry):
    """Runs a job again until it comes to its end, ever more rarely; what can never run is given up."""

    async def __aenter__(self) -> Self:
        again = type(self)(attempts=None, minimum_delay=_SOONEST, maximum_delay=_LATEST)
        again.attempt = current_execution.get().attempt
        again.delay = min(_LATEST, _SOONEST * 2 ** min(again.attempt - 1, 10))
        return again

    async def handle_failure(self, execution: Execution, outcome: TaskOutcome) -> bool:
        """Schedule the next run; False where there is to be none."""
        await leave_reason(execution, outcome.exception)
        if isinstance(outcome.exception, WrongJob):
            return False
        if isinstance(outcome.exception, WrongWorker):
            self.delay = _ELSEWHERE * random.uniform(0.5, 1.5)  # noqa: S311  # no secret
            execution.attempt -= 1  # it was none
        return await super().handle_failure(execution, outcome)


def chat_tasks(worker: Worker | MakeWorker) -> list[Task]:
    """Return docket tasks that run jobs by a worker of your own: many portals, a limiter, proxies.

    In a module of yours, for `docket worker --tasks yours:tasks`:

        @asynccontextmanager
        async def worker():
            async with Portals.of_application(..., shared=REDIS) as portals:
                yield Worker(clients=portals, journals=redis_journals(REDIS))

        tasks = chat_tasks(worker)

    Args:
        worker: a worker, or what opens one; the latter is called once for each docket worker.
    """
    make = partial(_lent, worker) if isinstance(worker, Worker) else worker

    async def create_bitrix_chat(
        job: dict[str, Any],
        held: Worker = Shared(make),  # noqa: B008  # docket reads its dependencies there
        again: _Again = _Again(attempts=None),  # noqa: ARG001, B008
    ) -> dict[str, Any]:
        return await held.run_job(job)

    return [create_bitrix_chat]


@asynccontextmanager
async def _lent(worker: Worker) -> AsyncIterator[Worker]:
    yield worker


@asynccontextmanager
async def _of_environment() -> AsyncIterator[Worker]:
    async with worker_from_env(server=current_docket.get().url) as worker:
        yield worker


tasks: Final = chat_tasks(_of_environment)
"""Tasks of a worker that the environment describes: see `worker_from_env`; journals are on docket's own server."""


async def enqueue(
    specs: Specs,
    *,
    portal: str,
    journal: str,
    docket: Docket,
    bot: int | None = None,
    journals: Journals | None = None,
) -> Following:
    """Let workers create chats, each once: write them into a journal, and give docket one job for each key.

    It takes the same specs again without adding anything twice, and so completes what was cut short; a job that was
    lost or given up gets a new one. Every chat of the journal that has not come to its end has a job afterwards.

    Args:
        specs: what `chat.bulk` takes; all of it is read before anything is written, and each needs a key.
        portal: the portal, as the workers' clients know it: its host, or the `member_id` where they have `Portals`.
        journal: its name, made if it is not there.
        docket: where the jobs go; it has to be open. The workers take them from a docket of the same name: with
            `name=queue_of(portal)` it is where `bitrix-chat worker` looks.
        bot: the bot that creates the chats; a user does without it.
        journals: opens journals; those on docket's own server by default. The workers have to find them there.

    Returns:
        What tells how far they are: `progress()`, `follow()`, `wait()`, `report()`; it may as well be asked elsewhere,
        by `following(journal, docket)`.

    Raises:
        InvalidParameter: a spec has no key, or is one that the portal would refuse, or the journal is another
            portal's, method's or bot's; nothing was written.
        KeyReused: the journal has another chat under one of the keys; nothing was written.
        JournalError: the journal cannot be written.
        JobPostponed: docket did not take all jobs; enqueue again.
    """
    opener = journals or _beside(docket)
    jobs = await prepare_jobs(specs, portal=portal, journal=journal, journals=opener, bot=bot)
    task: Any = _TASK if _TASK in docket.tasks else tasks[0]
    calls = (docket.call(task, key=job_key(job))(job) for job in jobs)
    for execution in await docket.add_many(calls):
        if execution.disposition not in {Disposition.SCHEDULED, Disposition.ALREADY_SCHEDULED}:
            raise JobPostponed(f"docket did not take the job of the key {execution.args[0]['key']!r}: enqueue again")
    return following(journal, docket, journals=opener)


def following(journal: str, docket: Docket, *, journals: Journals | None = None) -> Following:
    """Return what tells how far the jobs of a journal are, whoever has enqueued them."""
    return Following(
        journal,
        journals or _beside(docket),
        still_runs=partial(_still_runs, docket, journal),
        last_reason=partial(last_reason, docket, journal),
    )


async def _still_runs(docket: Docket, journal: str, key: str) -> bool:
    try:
        execution = await docket.get_execution(_job_key(journal, key))
    except RedisError:
        return True  # for all that is known
    return execution is not None and execution.state in _LIVE


def job_key(job: Mapping[str, Any]) -> str:
    """Return the key of a job with docket, which takes one job for each."""
    spec = JobSpec.from_dict(job)
    return _job_key(spec.journal, spec.key)


def _job_key(journal: str, key: str) -> str:
    # Quoted, so that no two pairs read the same.
    return f"bitrix_chat:{quote(journal, safe='')}:{quote(key, safe='')}"


def _beside(docket: Docket) -> Journals:
    if not docket.url.startswith(("redis://", "rediss://", "unix://")):
        raise InvalidParameter("docket is on no Redis server that can hold journals: say `journals`")
    return redis_journals(docket.url)
