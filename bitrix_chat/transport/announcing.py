"""Those who keep books are told that a group is about to leave; then it leaves soon, or is announced anew.

Others count from what was written down: once the portal can no longer be working on a request that left then, they
look whether it ran, and send it themselves if it did not. So a process that stands still between the books and the
first byte (stopped, or asleep with its machine) must not go on where it was.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from attrs import frozen

from bitrix_chat.rest.request import Announce, Exchange, Request
from bitrix_chat.transport.deadline import QUIESCENCE
from bitrix_chat.transport.groups import Group, announcements
from bitrix_chat.transport.waiting import Ticket

Departing = Callable[[Sequence[Request]], Awaitable[None]]
"""Awaited with a group's requests before its first byte; if it raises, nothing is sent."""

_SHARE: Final = 0.25
"""Part of the quiescence that the way to the first byte may take; half of it is the portal's."""
_LEAST: Final = 1.0
"""Seconds that it may take in any case: a journal whose disk is slow has to come to an end."""


class Objection(Exception):
    """Some of those who were told object: what is theirs is not to leave, and the rest has to be formed anew.

    Attributes:
        held: the tickets of each, and what it failed with.
    """

    def __init__(self, held: list[tuple[list[Ticket], Exception]]) -> None:
        super().__init__()
        self.held = held


@frozen
class Announcing:
    """Announces groups.

    Attributes:
        departing: told of every group, None for nobody.
        quiescence: seconds after which others take it that the portal is done with a request.
    """

    departing: Departing | None = None
    quiescence: float = QUIESCENCE

    async def announce(self, group: Group) -> float:
        """Tell all who want to know, and return until when, by `uptime`, the group may leave on the strength of that.

        Raises:
            Objection: some could not write it down.
        """
        told = announcements(group)
        if self.departing is None and not told:
            return float("inf")
        latest = uptime() + max(_LEAST, self.quiescence * _SHARE)
        if self.departing is not None:
            await self.departing([ticket.exchange.request for ticket in group])
        if held := await _objections(group, told):
            raise Objection(held)
        return latest


async def _objections(
    group: Group, told: list[tuple[Announce, list[Exchange]]]
) -> list[tuple[list[Ticket], Exception]]:
    """Tell each of its own calls, all at the same time, so that what they write can be written together."""
    if len(told) == 1:
        errors = [await _objection(*told[0])]
    else:
        errors = await asyncio.gather(*(_objection(*each) for each in told))
    return [
        ([ticket for ticket in group if ticket.exchange.announce == announce], error)
        for (announce, _), error in zip(told, errors, strict=True)
        if error is not None
    ]


async def _objection(announce: Announce, exchanges: list[Exchange]) -> Exception | None:
    try:
        await announce(exchanges)
    except Exception as error:  # noqa: BLE001  # a journal of the user's may raise anything
        return error
    return None


def uptime() -> float:
    """Return seconds of a clock that goes on while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
