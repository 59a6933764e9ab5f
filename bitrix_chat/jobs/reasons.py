"""Why jobs are not done yet, left where whoever follows them finds it: workers may be on any machine."""

from contextlib import suppress
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from docket import Docket
from docket.execution import Execution
from redis.exceptions import RedisError

from bitrix_chat.errors import BitrixError
from bitrix_chat.jobs.errors import WrongJob

_OF_POSTPONED: Final = timedelta(seconds=150)
"""Longer than a job waits for its next run, and so gone soon after all jobs get on."""
_OF_GIVEN_UP: Final = timedelta(minutes=15)


async def leave_reason(execution: Execution, error: BaseException | None) -> None:
    """Keep what a job ended with, in place of what another of its journal has left; nothing where that cannot be."""
    journal = _journal_of(execution)
    if journal is None or error is None:
        return
    # What is no error of ours may quote anything.
    said = error.description if isinstance(error, BitrixError) else type(error).__name__
    kept = _OF_GIVEN_UP if isinstance(error, WrongJob) else _OF_POSTPONED
    with suppress(RedisError, OSError):
        async with execution.docket.redis() as redis:
            await redis.set(_key(execution.docket, journal), said, ex=kept)


async def last_reason(docket: Docket, journal: str) -> str | None:
    """Return what the jobs of a journal were last postponed or given up for, None if that is not known."""
    with suppress(RedisError, OSError):
        async with docket.redis() as redis:
            said: Any = await redis.get(_key(docket, journal))
        return said.decode() if isinstance(said, bytes) else said
    return None


def _journal_of(execution: Execution) -> str | None:
    job: Any = execution.args[0] if execution.args else None
    journal = job.get("journal") if isinstance(job, dict) else None
    return journal if isinstance(journal, str) else None


def _key(docket: Docket, journal: str) -> str:
    return docket.key(f"bitrix_chat:reason:{quote(journal, safe='')}")
