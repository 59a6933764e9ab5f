"""Who may send next: a queue before the portal's counter, first come first served.

Theory of operation. One timer serves all waiters: it is set for the moment at which the first of them may
leave, and a grant wakes exactly that one. A waiter that is cancelled leaves the queue without having spent
anything, and one that is cancelled between its grant and its turn gives the grant back. Where the counter is
shared with other queues, only the first of each has a turn there: so queues take turns, however long they are.
"""

import asyncio
import weakref
from asyncio import get_running_loop
from typing import Generic, Protocol, TypeVar

from bitrix_chat.errors import WrongEventLoop
from bitrix_chat.limits.waiters import Waiters


class Slots(Protocol):
    """The counter before which a queue stands; `now` is the time of the loop."""

    def take(self, now: float) -> bool:
        """Count a request of somebody who has not waited, if it may leave now."""
        ...

    def take_turn(self, now: float) -> bool:
        """Count a request of the first who waits, if it may leave now; else its turn may be put down for later."""
        ...

    def until_turn(self, now: float) -> float | None:
        """Return in how many seconds the first who waits is to ask again; None where it will be told."""
        ...

    def give_back(self) -> None:
        """Uncount a request that was granted and never left; the next turn or the next rest settles it."""
        ...

    def rest(self) -> float | None:
        """Drop what was put down for those who wait, since nobody does; tell in how many seconds to try again."""
        ...

    def free(self, now: float) -> int:
        """Return how many requests may leave now."""
        ...

    def wait(self, now: float, count: int) -> float:
        """Return the seconds until the `count`-th request from now may leave."""
        ...

    def refuse(self, now: float, sent_at: float) -> bool:
        """Learn of a refusal; False where it changes nothing."""
        ...


S = TypeVar("S", bound=Slots)


class QueueingLimiter(Generic[S]):
    """A `RateLimiter` for one event loop, over slots of its own or of many."""

    def __init__(self, slots: S) -> None:
        self._slots = slots
        self._waiters = Waiters()
        self._timer: asyncio.TimerHandle | None = None
        # Weak, since the limiters that a loop's clients share live as long as the loop.
        self._loop: weakref.ref[asyncio.AbstractEventLoop] | None = None
        self._loop_id = 0

    def try_acquire(self) -> bool:
        """Take a slot if one is free and nobody waits."""
        loop = get_running_loop()
        if self._loop_id != id(loop):
            self._settle_in(loop)
        return not self._waiters and self._slots.take(loop.time())

    async def acquire(self) -> None:
        """Wait for a slot, in the order of the calls; cancelled, it takes none."""
        loop = get_running_loop()
        if self._loop_id != id(loop):
            self._settle_in(loop)
        if not self._waiters and self._slots.take(loop.time()):
            return
        waiter = loop.create_future()
        self._waiters.append(waiter)
        if self._waiters[0] is waiter:
            self._grant(loop.time())
        try:
            await waiter
        except asyncio.CancelledError:
            self._forget(waiter)
            raise

    def release(self) -> None:
        """Give back a slot whose request never left."""
        now = self._now()
        self._slots.give_back()
        self._grant(now)

    def free(self) -> int:
        """Return how many slots are free now."""
        return 0 if self._waiters else self._slots.free(self._now())

    def wait(self, position: int) -> float:
        """Return the seconds until the `position`-th request from now may leave (1 is the next)."""
        return self._slots.wait(self._now(), self._waiters.waiting + position)

    def refuse(self, sent_at: float) -> None:
        """Pause everyone once for a wave of refusals and lower the pace; it recovers by itself."""
        if self._slots.refuse(self._now(), sent_at):
            self._arm()

    def _now(self) -> float:
        loop = get_running_loop()
        if self._loop_id != id(loop):
            self._settle_in(loop)
        return loop.time()

    def _settle_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve another event loop once the former has ended: those who wait there would not be woken from here."""
        former = None if self._loop is None else self._loop()
        if former is not None and former.is_running():
            raise WrongEventLoop("this limiter is in use in an event loop of another thread; give each its own")
        self._loop, self._loop_id, self._timer = weakref.ref(loop), id(loop), None
        self._waiters.clear()

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        if not waiter.cancelled():
            if waiter.exception() is None:
                self.release()
        elif self._waiters.leave(waiter):
            self._waiters.drop_cancelled()
            self._arm()

    def _grant(self, now: float) -> None:
        waiters = self._waiters
        waiters.drop_cancelled()
        try:
            while waiters and self._slots.take_turn(now):
                waiters.let_first()
                waiters.drop_cancelled()
        except Exception as error:  # noqa: BLE001  # of whoever keeps the slots; those who wait hear it
            waiters.fail(error)
        self._arm()

    def _on_timer(self) -> None:
        self._timer = None
        self._grant(self._now())

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        delay = self._slots.until_turn(self._now()) if self._waiters else self._slots.rest()
        if delay is not None:
            self._timer = get_running_loop().call_later(delay, self._on_timer)
