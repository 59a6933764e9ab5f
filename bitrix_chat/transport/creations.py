"""What this process knows of the chats that it creates by key: who is at it, and what may still come true.

It is kept for the process and not for a client, since a key belongs to the portal: clients, event loops and threads
that use one key at a time wait for each other, and a creation given up in flight is not forgotten.
"""

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, NamedTuple

from attrs import define, field

from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.request import Exchange, Request, Response


class Place(NamedTuple):
    """A key of one portal."""

    host: str
    key: str


@define(eq=False)
class Creation:
    """One chat on its way into being, whoever waits for it.

    Attributes:
        place: its key and portal.
        request: what creates it.
        loop: where it runs.
        exchange: its present attempt.
        task: what works on it, and gives the answer or what it failed with.
        waiting: how many wait for it.
        given_up: whether nobody does any more, so that it is being stopped.
        over: done when the task is, for those who wait in another loop.
    """

    place: Place
    request: Request
    loop: asyncio.AbstractEventLoop
    exchange: Exchange = field(init=False)
    task: "asyncio.Task[Response | Exception]" = field(init=False)
    waiting: int = field(default=0, init=False)
    given_up: bool = field(default=False, init=False)
    over: "Future[None]" = field(factory=Future, init=False)

    def __attrs_post_init__(self) -> None:
        self.exchange = Exchange(self.request, None)

    @property
    def outcome(self) -> Outcome:
        """Whether it ran, as far as is known."""
        return self.exchange.known

    def leave(self) -> None:
        """Wait for it no longer; the last who leaves stops it."""
        self.waiting -= 1
        if not self.waiting and not self.task.done():
            self.given_up = True
            self.task.cancel()


class Doubt:
    """A creation that may have run, or may run yet: while the portal works on it, finding nothing proves nothing.

    Attributes:
        exchange: what left; where its caller has gone, its outcome may still come.
    """

    def __init__(self, exchange: Exchange, quiescence: float) -> None:
        loop = asyncio.get_running_loop()
        self.exchange = exchange
        self._quiescence = quiescence
        self._loop = weakref.ref(loop)
        self._ahead = time.monotonic() - loop.time()

    @property
    def is_open(self) -> bool:
        """Whether it is still unknown what became of it."""
        return self.exchange.known is Outcome.UNKNOWN

    def left_at(self) -> float:
        """Return when it left, by the clock of the running loop."""
        loop = asyncio.get_running_loop()
        left_at = loop.time() if self.exchange.left_at is None else self.exchange.left_at
        return left_at if self._loop() is loop else left_at + self._ahead + loop.time() - time.monotonic()

    def ends_at(self) -> float:
        """Return when the portal can no longer be working on it, by the clock of the running loop."""
        return self.left_at() + self._quiescence


class Creations:
    """The register.

    Attributes:
        kept: hosts that are known to keep what `imbot.v2.Chat.add` is told of an entity.
        dropped: hosts that are known to drop it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Place, Creation] = {}
        self._doubts: dict[Place, Doubt] = {}
        self.kept: set[str] = set()
        self.dropped: set[str] = set()

    def join(
        self, place: Place, request: Request, work: Callable[[Creation], Coroutine[Any, Any, Response | Exception]]
    ) -> Creation:
        """Return what is being created under a key, started now if nobody is at it."""
        with self._lock:
            creation = self._running.get(place)
            loop = asyncio.get_running_loop()
            if creation is None or not (creation.loop is loop or creation.loop.is_running()):
                creation = self._running[place] = Creation(place, request, loop)
                creation.task = loop.create_task(work(creation))
                creation.task.add_done_callback(partial(self._end, creation))
            return creation

    def _end(self, creation: Creation, _: object) -> None:
        with self._lock:
            if self._running.get(creation.place) is creation:
                del self._running[creation.place]
        creation.over.set_result(None)

    def doubt(self, place: Place) -> Doubt | None:
        """Return what may have run under a key, None where nothing has."""
        doubt = self._doubts.get(place)
        if doubt is not None and not doubt.is_open:
            self.settle(place)
            return None
        return doubt

    def remember(self, place: Place, doubt: Doubt) -> None:
        """Remember what leaves under a key, until it is known what became of it."""
        self._doubts[place] = doubt

    def settle(self, place: Place) -> None:
        """Forget what is no longer in doubt."""
        self._doubts.pop(place, None)


CREATIONS: Final = Creations()
