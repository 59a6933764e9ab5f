"""One operating budget for processes that know nothing of each other but what stands on a board.

Theory of operation. Each process decides by what it has, at once, and a moment later puts up what it knows and
what it has in flight, in exchange for the same of the others, only while it is in use: once a second as long as all
stays below half of the limit, ten times a second above that, and at once after a 429. So between two swaps the
invariant is advice: two processes may let the last affordable call leave twice, and one of them meets the 429 that any
process alone may meet. The sums are the portal's own and carry the time by its
clock: the later one is right, whoever was told. What says nothing for ten seconds has nothing in flight any more.
Where the board is away, each goes by what it has heard, as long as that lasts, and by its own knowledge.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from attrs import define, field, frozen

from bitrix_chat.errors import BitrixError
from bitrix_chat.limits.method_use import MethodUse
from bitrix_chat.limits.operating import CLOUD_LIMIT, OperatingBudget
from bitrix_chat.limits.operating_facts import Facts, MethodFacts, adopt, known_of, read, written
from bitrix_chat.models.time import Time

REMEMBERED: Final = 600.0
"""Seconds that a board keeps what a process has put up: the portal itself forgets after them."""
AT_MOST_EVERY: Final = 0.1
"""Seconds between two swaps of one process where something may soon be short."""
LOOK_EVERY: Final = 1.0
"""Seconds between two swaps while the budget is in use and nothing is short."""
_NEAR: Final = 0.5
"""Part of the limit from which on a method may soon be short."""

logger: Final = logging.getLogger("bitrix_chat")


@frozen
class Posted:
    """What another process has put up: a text, and how many seconds ago, by the board's own clock."""

    age: float
    facts: str


class Board(Protocol):
    """Where processes put up what they know of one caller's operating times; one object a process and caller.

    It keeps one text a process, for `REMEMBERED` seconds, and need not survive anything.
    """

    async def swap(self, facts: str) -> Sequence[Posted]:
        """Put up `facts` in place of what this object put up before (an empty text only takes that down).

        It must come to an end within about a second.

        Returns:
            What all others have up.

        Raises:
            BitrixError: the board is away. `OSError` may be raised as well.
        """
        ...


@define(eq=False)
class SharedOperatingBudget(OperatingBudget):
    """An `OperatingBudget` that exchanges what it knows with other processes, in a task of the running loop.

    The task ends by itself when the budget is no longer asked, and with the loop.

    Args:
        limit: seconds a method may work in ten minutes, None for a portal without this limit.
        board: where to exchange.
    """

    board: Board = field(kw_only=True)
    _agreed: float | None = field(init=False)
    _heard: Sequence[Posted] = field(default=(), init=False, repr=False)
    _heard_at: float = field(default=0.0, init=False, repr=False)
    _in_use: bool = field(default=False, init=False)
    _unheard: bool = field(default=False, init=False)
    _hurry: asyncio.Event = field(factory=asyncio.Event, init=False, repr=False)
    _swapping: "asyncio.Task[None] | None" = field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._agreed = self.limit

    def opens_at(self, method: str, now: float, count: int = 1, *, inside: bool = False) -> float:
        """Return when `count` calls of `method` may leave; infinity for after an answer, to whichever process."""
        self._stir()
        return super().opens_at(method, now, count, inside=inside)

    def depart(self, method: str, count: int = 1, *, inside: bool = False) -> None:
        """Reserve for calls that leave, before all processes."""
        super().depart(method, count, inside=inside)
        self._tell(is_urgent=self._is_near(method))

    def land(self, method: str, count: int = 1, *, inside: bool = False) -> None:
        """Release calls that ended."""
        was_near = self._is_near(method)
        super().land(method, count, inside=inside)
        self._tell(is_urgent=was_near)

    def learn(self, method: str, time: Time, now: float, *, worked: float | None = None, inside: bool = False) -> None:
        """Learn from the `time` of a call that ran, for all processes."""
        was_near = self._is_near(method)
        super().learn(method, time, now, worked=worked, inside=inside)
        self._tell(is_urgent=was_near or self._is_near(method))

    def refuse(self, method: str, now: float) -> float:
        """Learn of a 429, for all processes, and return when the method opens again."""
        opens_at = super().refuse(method, now)
        self._tell(is_urgent=True)
        return opens_at

    async def close(self) -> None:
        """Stop exchanging; the others are told the last that changed here."""
        task, self._swapping = self._swapping, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self._unheard:  # also what was on its way
                await self._swap()

    def _is_near(self, method: str) -> bool:
        known = self._methods.get(method)
        if known is None or self.limit is None:
            return False
        return known.probing or known.used + known.reserved >= _NEAR * self.limit

    def _tell(self, *, is_urgent: bool) -> None:
        self._stir()
        self._unheard = True
        if is_urgent:
            self._hurry.set()

    def _stir(self) -> None:
        self._in_use = True
        if self._swapping is None or self._swapping.done():
            self._hurry = asyncio.Event()  # of this loop
            self._swapping = asyncio.get_running_loop().create_task(self._keep_swapping())

    async def _keep_swapping(self) -> None:
        while self._in_use or self._flies_here() or self._waits_for_others():
            self._in_use = False
            self._hurry.clear()
            await self._swap()
            await asyncio.sleep(AT_MOST_EVERY)
            if not self._waits_for_others():
                await self._hurry_within(LOOK_EVERY - AT_MOST_EVERY)

    async def _hurry_within(self, seconds: float) -> None:
        end = asyncio.get_running_loop().call_later(seconds, self._hurry.set)
        try:
            await self._hurry.wait()
        finally:
            end.cancel()

    def _flies_here(self) -> bool:
        return any(use.flying or use.flying_inside for use in self._methods.values())

    def _waits_for_others(self) -> bool:
        elsewhere = (use.elsewhere for use in self._methods.values())
        return bool(self.watchers) and any(held.flying or held.flying_inside for held in elsewhere)

    async def _swap(self) -> None:
        loop = asyncio.get_running_loop()
        is_new, self._unheard = self._unheard, False
        try:
            heard = await self.board.swap(written(self._facts(loop.time())))
        except asyncio.CancelledError:
            self._unheard = self._unheard or is_new
            raise
        except (BitrixError, OSError) as error:
            logger.debug("operating times are not exchanged (%s)", type(error).__name__)
            later = loop.time() - self._heard_at
            heard = [Posted(it.age + later, it.facts) for it in self._heard]
        self._heard, self._heard_at = [it for it in heard if it.age <= REMEMBERED], loop.time()
        if self._adopt(loop.time()):
            self._let_watchers_look()

    def _facts(self, now: float) -> Facts:
        methods = {name: known_of(use, now) for name, use in self._methods.items()}
        return Facts(methods, None if self.limit == self._agreed else self.limit)

    def _adopt(self, now: float) -> bool:
        limit, others = self.limit, dict[str, list[tuple[float, MethodFacts]]]()
        for it in self._heard:
            if (facts := read(it.facts)) is not None:
                self._adopt_limit(facts.limit)
                for name, of_method in facts.methods.items():
                    others.setdefault(name, []).append((it.age, of_method))
        for name in others:
            self._methods.setdefault(name, MethodUse())
        changed = [adopt(use, others.get(name, ()), now) for name, use in self._methods.items()]
        return any(changed) or self.limit != limit

    def _adopt_limit(self, shown: float | None) -> None:
        if shown is not None and shown > 0:
            self.limit = min(CLOUD_LIMIT if self.limit is None else self.limit, shown)

    def _let_watchers_look(self) -> None:
        waiting = list(self.watchers)
        self.watchers.clear()
        for watcher in waiting:
            watcher.schedule()
