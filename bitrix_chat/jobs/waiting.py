"""Whether anything is still to be waited for: what has no job any more will never come to its end by itself."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from bitrix_chat.bulk.errors import JournalError
from bitrix_chat.bulk.journal import IntentState
from bitrix_chat.bulk.shared_journal import SharedJournal
from bitrix_chat.redis.errors import RedisFailed

logger: Final = logging.getLogger("bitrix_chat")

PATIENCE: Final = 5.0
"""Seconds without any movement after which it is asked whether there are jobs, and why they do not get on."""
_PAGE: Final = 50
"""Intents that are read at a time: each may have an avatar of many megabytes."""
_OPEN: Final = frozenset({IntentState.PENDING, IntentState.SENT, IntentState.UNKNOWN})

StillRuns: TypeAlias = Callable[[str], Awaitable[bool]]
"""Tells whether an engine still has the job of a key, so that it may yet come to its end."""
LastReason: TypeAlias = Callable[[], Awaitable[str | None]]
"""Tells what a job was last postponed or given up for, None if that is not known."""
Tally: TypeAlias = Mapping[IntentState, int]


class Waiting:
    """Watches one journal while somebody waits for its jobs.

    Args:
        journal: the journal.
        still_runs: asked for open chats when nothing has moved for a while, and for unknown ones at the end.
        last_reason: asked when nothing has moved for a while; each answer is logged once.

    Attributes:
        is_deserted: whether chats are open that have no job.
    """

    def __init__(self, journal: SharedJournal, still_runs: StillRuns | None, last_reason: LastReason | None) -> None:
        self.is_deserted = False
        self._journal = journal
        self._still_runs = still_runs
        self._last_reason = last_reason
        self._now = asyncio.get_running_loop().time
        self._tally: Tally = {}
        self._moved_at = self._now()
        self._keys: list[str] = []
        self._said: set[str] = set()

    async def has_ended(self, tally: Tally) -> bool:
        """Return whether nothing is to be expected any more; a server that is away is no end."""
        if tally != self._tally:
            self._tally, self._moved_at = tally, self._now()
        if not any(tally[state] for state in _OPEN):
            return True
        is_running = bool(tally[IntentState.PENDING] or tally[IntentState.SENT])
        if self._now() - self._moved_at >= PATIENCE:
            await self._tell_reason()
        elif is_running:
            return False
        if self._still_runs is None:
            return not is_running
        try:
            if await self._has_job(self._still_runs) or await self._journal.tally() != tally:
                return False
        except (JournalError, RedisFailed):
            return False
        self.is_deserted = is_running
        return True

    async def _tell_reason(self) -> None:
        reason = None if self._last_reason is None else await self._last_reason()
        if reason is not None and reason not in self._said:
            self._said.add(reason)
            logger.warning("the jobs do not get on: %s", reason)

    async def _has_job(self, still_runs: StillRuns) -> bool:
        """Return whether any open chat has a job; the journal is read only when those known to be open have none."""
        asked: set[str] = set()
        for is_to_be_read in (False, True):
            if is_to_be_read:
                self._keys = [key for key in await self._open_keys() if key not in asked]
            while self._keys:
                if await still_runs(self._keys[-1]):
                    return True
                asked.add(self._keys.pop())
        return False

    async def _open_keys(self) -> list[str]:
        found: list[str] = []
        after = -1
        while page := await self._journal.read(after, _PAGE):
            found.extend(intent.key for intent in page if intent.state in _OPEN and intent.key is not None)
            after = page[-1].number
        return found
