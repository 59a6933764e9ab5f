"""One job's part of a journal, which names the portal as jobs do and not by the host of the moment."""

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve, frozen

from bitrix_chat.bulk.journal import Ending, Intent, Journal, Run


@frozen
class NamedPart:
    """A part of a shared journal.

    A portal known by its `member_id` may be renamed while its jobs wait; a run compares hosts.

    Attributes:
        part: the part.
        portal: the portal, as the job names it.
    """

    part: Journal
    portal: str

    async def begin(self, run: Run) -> Run:
        """Return the stored run, as if of the host that asks where it is of the portal that the job names."""
        stored = await self.part.begin(evolve(run, portal=self.portal))
        return evolve(stored, portal=run.portal) if stored.portal == self.portal else stored

    async def add(self, intents: Sequence[Intent]) -> Sequence[Intent]:
        """Do as the part does."""
        return await self.part.add(intents)

    async def departing(self, numbers: Sequence[int], sent_at: datetime, uptime: float) -> None:
        """Do as the part does."""
        await self.part.departing(numbers, sent_at, uptime)

    async def finish(self, endings: Sequence[Ending]) -> None:
        """Do as the part does."""
        await self.part.finish(endings)

    async def note(self, *, is_complete: bool | None = None, keeps_entities: bool | None = None) -> None:
        """Do as the part does."""
        await self.part.note(is_complete=is_complete, keeps_entities=keeps_entities)

    async def read(self, after: int = -1, limit: int = 500) -> Sequence[Intent]:
        """Do as the part does."""
        return await self.part.read(after, limit)

    async def count(self) -> int:
        """Do as the part does."""
        return await self.part.count()

    async def close(self) -> None:
        """Do as the part does."""
        await self.part.close()
