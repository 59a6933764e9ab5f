"""What this process knows of the chats that it creates by key: who is at it, and what may still come true.

It is kept for the process and not for a client, since a key belongs to the portal: clients, event loops and threads
that use one key at a time wait for each other, and a creation given up in flight is not forgotten.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, NamedTuple

from attrs import define, field

from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.request import Exchange, Request, Response
from bitrix_chat.transport.doubt import Doubt


class Place(NamedTuple):
    """A key of one portal."""

    host: str
    key: str


@define(eq=False)
class Creation:
    """One chat on its way into being, whoever waits for it.

    Attributes:
        place: its key and portal.
        first: what its first caller asked for.
        owner: who works on it.
        bound: the deadline of whoever began it, by the loop's clock; None for none.
        loop: where it runs.
        exchange: its present attempt.
        doubt: what is remembered of that attempt; None before the first.
        task: what works on it, and gives the answer or what it failed with.
        waiting: how many wait for it.
        given_up: whether nobody does any more, so that it is being stopped.
    """

    place: Place
    first: Exchange
    owner: object
    bound: float | None
    loop: asyncio.AbstractEventLoop
    exchange: Exchange = field(init=False)
    doubt: Doubt | None = field(default=None, init=False)
    task: "asyncio.Task[Response | Exception]" = field(init=False)
    waiting: int = field(default=0, init=False)
    given_up: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.exchange = Exchange(self.request, None)

    @property
    def request(self) -> Request:
        """What creates it."""
        return self.first.request

    @property
    def outcome(self) -> Outcome:
        """Whether it ran, as far as is known."""
        return self.exchange.known

    @property
    def is_stranded(self) -> bool:
        """Whether its event loop has stopped without it."""
        return not (self.loop is asyncio.get_running_loop() or self.loop.is_running())

    def leave(self) -> None:
        """Wait for it no longer; the last who leaves stops it."""
        self.waiting -= 1
        if not self.waiting and not self.task.done():
            self.given_up = True
            self.task.cancel()


class Creations:
    """The register.

    Attributes:
        kept: hosts that are known to keep what `imbot.v2.Chat.add` is told of an entity.
        dropped: hosts that are known to drop it.
    """

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.dropped: set[str] = set()
        self._doubts: dict[Place, Doubt] = {}
        self._sighted: dict[Place, int] = {}
        self._first_hosts: dict[str, str] = {}
        self._begin()
        if hasattr(os, "register_at_fork"):
            # A child has its parent's doubts, but none of its tasks, and perhaps a lock that nobody will release.
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Place, Creation] = {}

    def place(self, host: str, key: str) -> Place:
        """Return the place of a key, which stays the same when the portal moves."""
        return Place(self._first_hosts.get(host, host), key)

    def moved(self, old: str, new: str) -> None:
        """Learn that a portal has moved: its keys are the same there."""
        with self._lock:
            first = self._first_hosts.get(old, old)
            if new == first:
                return
            self._first_hosts[new] = first
            for known in (self.kept, self.dropped):
                if new in known:
                    known.add(first)
            for place in [place for place in self._doubts if place.host == new]:
                self._doubts.setdefault(Place(first, place.key), self._doubts.pop(place))

    def join(
        self,
        place: Place,
        exchange: Exchange,
        owner: object,
        bound: float | None,
        work: Callable[[Creation], Coroutine[Any, Any, Response | Exception]],
    ) -> Creation:
        """Return what is being created under a key, started now if nobody is at it."""
        with self._lock:
            creation = self._running.get(place)
            if creation is None or creation.is_stranded:
                loop = asyncio.get_running_loop()
                creation = self._running[place] = Creation(place, exchange, owner, bound, loop)
                creation.task = loop.create_task(work(creation))
                creation.task.add_done_callback(partial(self._end, creation))
            return creation

    def is_current(self, creation: Creation) -> bool:
        """Return whether nobody has taken a creation over, whose event loop had seemed to have stopped."""
        return self._running.get(creation.place) is creation

    def is_running(self, place: Place) -> bool:
        """Return whether somebody is at it."""
        return place in self._running

    def _end(self, creation: Creation, _: object) -> None:
        with self._lock:
            if self.is_current(creation):
                del self._running[creation.place]

    def doubt(self, place: Place) -> Doubt | None:
        """Return what has left under a key without its end having reached a caller; None where nothing has."""
        return self._doubts.get(place)

    def remember(self, place: Place, doubt: Doubt) -> None:
        """Remember what leaves under a key, until a caller knows what became of it."""
        self._doubts[place] = doubt

    def settle(self, place: Place, doubt: Doubt | None) -> None:
        """Forget what a caller knows the end of."""
        if doubt is not None and self._doubts.get(place) is doubt:
            del self._doubts[place]
            self._sighted.pop(place, None)

    def has_lost(self, host: str) -> bool:
        """Return whether the answer to any creation on a portal was lost, so that it is being looked for."""
        host = self.place(host, "").host
        return any(
            place.host == host and doubt.is_open and not doubt.is_in_flight for place, doubt in self._doubts.items()
        )

    def sight(self, place: Place, chat_id: int) -> None:
        """Learn, from an event, that a chat bears a key; kept while somebody asks for that."""
        if place in self._doubts or place in self._running:
            self._sighted[place] = chat_id

    def sighted(self, place: Place) -> int | None:
        """Return the chat that an event has told of."""
        return self._sighted.get(place)


CREATIONS: Final = Creations()
