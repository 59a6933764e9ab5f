"""Which clients are open: each is made once however many ask, and closed when nobody has used it for a while.

Theory of operation. A portal has one seat: a client that is being opened, or is open. Who uses it is counted, and one
in use is left alone. When its last user has gone it joins the end of a line, at whose head stands what has been idle
for the longest; one timer is set for that. Opening and closing are tasks, one a portal, and no lock is between them:
nobody waits for a portal but those who asked for it. All that has to outlive a client (the request limit, the
operating times, keys whose creation is in doubt) is kept elsewhere, by the portal's name.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from attrs import define, frozen

from bitrix_chat.auth.strategy import AuthStrategy
from bitrix_chat.client import GRACE, BitrixChat
from bitrix_chat.errors import BitrixError, ClientClosed
from bitrix_chat.portals.errors import TooManyPortals
from bitrix_chat.rest.evidence import twin

logger: Final = logging.getLogger("bitrix_chat")


class LentClient(BitrixChat):
    """A client that is not its user's to close."""

    async def close(self, grace: float = GRACE) -> None:
        """Leave it open: others may be using it, and it is closed when nobody does."""

    async def retire(self, grace: float) -> None:
        """Close it; see `BitrixChat.close`."""
        await super().close(grace)


@frozen
class Opened:
    """A client, and what it acts by."""

    auth: AuthStrategy
    client: LentClient


@define(eq=False)
class _Seat:
    opening: "asyncio.Task[Opened | Exception]"
    users: int = 0


class OpenClients:
    """The clients of one event loop.

    Args:
        idle: seconds without a user after which a client is closed.
        most: clients at a time.
    """

    def __init__(self, *, idle: float, most: int) -> None:
        self._idle_for = idle
        self._most = most
        self._seats: dict[str, _Seat] = {}
        self._idle_since: dict[str, float] = {}  # in this order, since whoever becomes idle is put at its end
        self._closing: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._seats)

    def __contains__(self, member_id: str) -> bool:
        return member_id in self._seats

    @property
    def in_use(self) -> int:
        """How many of them somebody uses."""
        return len(self._seats) - len(self._idle_since)

    @asynccontextmanager
    async def use(self, member_id: str, opening: Callable[[], Awaitable[Opened]]) -> AsyncIterator[Opened]:
        """Hand out a portal's client, by `opening` if it has none.

        Raises:
            TooManyPortals: there is no room for another.
            ClientClosed: all were closed, or this one before it was open.
        """
        seat = self._seats.get(member_id) or self._begin(member_id, opening)
        seat.users += 1
        self._idle_since.pop(member_id, None)
        try:
            yield await _opened(seat)
        finally:
            self._leave(member_id, seat)

    async def retire(self, member_id: str, grace: float) -> None:
        """Close a portal's client, used or not, and any failure is logged; whoever asks next gets another."""
        if member_id in self._seats:
            await asyncio.wait([self._retire(member_id, grace)])

    async def close(self, grace: float) -> None:
        """Close all at once; those that are being closed already are waited for."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for member_id in list(self._seats):
            _ = self._retire(member_id, grace)
        await asyncio.gather(*self._closing)

    def _begin(self, member_id: str, opening: Callable[[], Awaitable[Opened]]) -> _Seat:
        if self._closed:
            raise ClientClosed("the registry of portals is closed")
        self._make_room()
        task = asyncio.get_running_loop().create_task(_outcome(opening))
        seat = self._seats[member_id] = _Seat(task)
        task.add_done_callback(partial(self._settle, member_id, seat))
        return seat

    def _make_room(self) -> None:
        if len(self._seats) < self._most:
            return
        longest_idle = next(iter(self._idle_since), None)
        if longest_idle is None:
            raise TooManyPortals(f"the clients of {self._most} portals are in use; allow more by `most`")
        _ = self._retire(longest_idle, GRACE)

    def _settle(self, member_id: str, seat: _Seat, opening: "asyncio.Task[Opened | Exception]") -> None:
        """Give the seat up if opening failed, so that the next who asks tries again."""
        failed = opening.cancelled() or isinstance(opening.result(), Exception)
        if failed and self._seats.get(member_id) is seat:
            del self._seats[member_id]
            self._idle_since.pop(member_id, None)

    def _leave(self, member_id: str, seat: _Seat) -> None:
        seat.users -= 1
        if not seat.users and self._seats.get(member_id) is seat:
            self._idle_since[member_id] = asyncio.get_running_loop().time()
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is None and self._idle_since and self._idle_for != float("inf"):
            loop, since = asyncio.get_running_loop(), next(iter(self._idle_since.values()))
            self._timer = loop.call_at(since + self._idle_for, self._close_idle_ones)

    def _close_idle_ones(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for member_id, since in list(self._idle_since.items()):
            if since + self._idle_for > now:
                break
            _ = self._retire(member_id, GRACE)
        self._set_timer()

    def _retire(self, member_id: str, grace: float) -> "asyncio.Task[None]":
        seat = self._seats.pop(member_id)
        self._idle_since.pop(member_id, None)
        task = asyncio.get_running_loop().create_task(_close(member_id, seat, grace))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return task


async def _outcome(opening: Callable[[], Awaitable[Opened]]) -> Opened | Exception:
    try:
        return await opening()
    except Exception as error:  # noqa: BLE001  # a value, since several wait for it and perhaps nobody
        return error.with_traceback(None)


async def _opened(seat: _Seat) -> Opened:
    if not seat.opening.done():
        await asyncio.wait([seat.opening])  # and not the task itself: who is cancelled takes nothing from the others
    if seat.opening.cancelled():
        raise ClientClosed("the client was closed before it was open")
    result = seat.opening.result()
    if isinstance(result, Exception):
        raise twin(result) if isinstance(result, BitrixError) else result
    return result


async def _close(member_id: str, seat: _Seat, grace: float) -> None:
    seat.opening.cancel()
    await asyncio.wait([seat.opening])
    if seat.opening.cancelled() or isinstance(opened := seat.opening.result(), Exception):
        return
    try:
        await opened.client.retire(grace)
    except Exception:
        logger.exception("closing the client of the portal %s failed", member_id)
