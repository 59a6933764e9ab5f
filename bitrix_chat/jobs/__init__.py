"""Bulk creation as durable jobs: one job a key, by any engine, any number of workers, on any number of machines."""

from typing import TYPE_CHECKING, Any

from bitrix_chat.lazy import importer

if TYPE_CHECKING:
    from bitrix_chat.jobs.clients import Clients, OneClient
    from bitrix_chat.jobs.environment import close_worker, run_job, worker_from_env
    from bitrix_chat.jobs.errors import JobPostponed, WrongJob, WrongWorker
    from bitrix_chat.jobs.following import Following
    from bitrix_chat.jobs.journals import Journals, redis_journals
    from bitrix_chat.jobs.preparing import prepare_jobs
    from bitrix_chat.jobs.queues import queue_of
    from bitrix_chat.jobs.spec import JobSpec
    from bitrix_chat.jobs.worker import Worker

__all__ = [
    "Clients",
    "Following",
    "JobPostponed",
    "JobSpec",
    "Journals",
    "OneClient",
    "Worker",
    "WrongJob",
    "WrongWorker",
    "close_worker",
    "prepare_jobs",
    "queue_of",
    "redis_journals",
    "run_job",
    "worker_from_env",
]

_import = importer(
    __name__,
    {
        ".clients": "Clients OneClient",
        ".environment": "close_worker run_job worker_from_env",
        ".errors": "JobPostponed WrongJob WrongWorker",
        ".following": "Following",
        ".journals": "Journals redis_journals",
        ".preparing": "prepare_jobs",
        ".queues": "queue_of",
        ".spec": "JobSpec",
        ".worker": "Worker",
    },
)


def __getattr__(name: str) -> Any:
    return _import(name)


def __dir__() -> list[str]:
    return __all__
