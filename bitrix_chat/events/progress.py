"""How far a consumer may let the portal forget: up to the oldest event that is not finished or may yet turn up.

The portal forgets whatever lies below the offset it is asked with, also what it has not shown yet. Ids are given out as
events begin to be written and become visible as that ends: 101 may be there before 100 is. So an id that is missing
below a fresh event is a hole, and nothing from there on is acknowledged before the hole was looked at again some
seconds later. Most holes stay empty, since the portal numbers the events of all its bots in one row.

Events end in any order. What is finished stays known until the offset has passed it, and a while longer.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field, frozen

RECENT: Final = 10_000
"""Finished events that are told from new ones although the portal should have forgotten them."""
SETTLING: Final = 5.0
"""Seconds after which every event that began to be written before another is visible."""


@frozen
class Page:
    """What was seen by one request.

    Attributes:
        ages: the ids shown, in that order, and how many seconds each event was old, 0 if nobody knows.
        offset: what was asked with, 0 for nothing.
        asked_at: when, by the loop's clock.
        is_whole: whether nothing lies behind it.
    """

    ages: Mapping[int, float]
    offset: int
    asked_at: float
    is_whole: bool

    def covers(self, hole: "Hole") -> bool:
        """Whether whatever lies in a hole would be on it."""
        return self.offset <= hole.start and (self.is_whole or max(self.ages, default=-1) >= hole.end)


@frozen
class Hole:
    """Ids that were not there when an event above them was.

    Attributes:
        start: the lowest of them.
        end: the first behind them that was seen.
        since: when the event was written at the latest, by the loop's clock.
    """

    start: int
    end: int
    since: float


@define(eq=False)
class Progress:
    """What is finished and what is not, in one queue of events.

    Attributes:
        unfinished: ids that were handed out and not finished.
        holes: where events may yet turn up.
    """

    unfinished: set[int] = field(init=False, factory=set)
    holes: list[Hole] = field(init=False, factory=list)
    _finished: set[int] = field(init=False, factory=set)
    _forgotten: OrderedDict[int, None] = field(init=False, factory=OrderedDict)
    _highest: int = field(init=False, default=0)

    @classmethod
    def after(cls, handled: Iterable[int]) -> "Progress":
        """Go on where another process has handled these."""
        progress = cls()
        progress._finished.update(handled)
        return progress

    @property
    def offset(self) -> int:
        """What the portal may be asked with: all below it is finished, and nothing more turns up there."""
        return min([self.frontier, *(hole.start for hole in self.holes)])

    @property
    def frontier(self) -> int:
        """The oldest event that is not finished, or the place behind all that were seen."""
        return min(self.unfinished, default=self._highest + 1)

    @property
    def is_behind(self) -> bool:
        """Whether the portal still has an event that is finished, and before which nothing is unfinished."""
        return any(event_id < self.frontier for event_id in self._finished)

    def admit(self, page: Page, settling: float = SETTLING) -> list[int]:
        """Take note of a page, and return the ids that are neither finished nor under way, each once."""
        self.holes = [hole for hole in self.holes if not (page.covers(hole) and page.asked_at - hole.since >= settling)]
        self._open_holes(page, settling)
        fresh = [event_id for event_id in page.ages if not self._knows(event_id)]
        self.unfinished.update(fresh)
        return fresh

    def finish(self, event_id: int) -> None:
        """Take note that an event is finished, and that this is written down."""
        self.unfinished.discard(event_id)
        self._finished.add(event_id)

    def confirm(self, offset: int) -> None:
        """Take note that the portal was asked with this offset and has answered."""
        for event_id in sorted(event_id for event_id in self._finished if event_id < offset):
            self._finished.discard(event_id)
            self._forgotten[event_id] = None
        while len(self._forgotten) > RECENT:
            self._forgotten.popitem(last=False)

    def _open_holes(self, page: Page, settling: float) -> None:
        for event_id in sorted(event_id for event_id in page.ages if event_id > self._highest):
            age, end = page.ages[event_id], event_id
            while end - 1 in self._finished:  # by another process, which has seen them
                end -= 1
            if end > self._highest + 1 and age < settling:
                self.holes.append(Hole(self._highest + 1, end, page.asked_at - age))
            self._highest = event_id

    def _knows(self, event_id: int) -> bool:
        return event_id in self.unfinished or event_id in self._finished or event_id in self._forgotten
