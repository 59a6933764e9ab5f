"""What all sources have in common: they hand out what is ready, bring back what was given back, and fetch more."""

import asyncio
import heapq
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Final, Self

from bitrix_chat.events.delivery import Delivery, Settlement
from bitrix_chat.events.event import Event
from bitrix_chat.events.store import EventStore
from bitrix_chat.resources.imbot.handle import BotHandle

LONGEST: Final = 60.0
"""Seconds at most before something is tried again."""
_FIRST: Final = 1.0
_MOST_DOUBLINGS: Final = 16


def pause(failures: int, first: float = _FIRST, longest: float = LONGEST) -> float:
    """Return the seconds after so many failures in a row: they double from one to the next."""
    return min(longest, first * 2.0 ** min(max(0, failures - 1), _MOST_DOUBLINGS))


class Intake(ABC):
    """A source that fetches when it has nothing ready; `__anext__` may be cancelled and called again."""

    def __init__(self) -> None:
        self._ready: deque[Delivery] = deque()
        self._later: list[tuple[float, int, Delivery]] = []
        self._numbers = count()
        self._woken = asyncio.Event()
        self._turn = asyncio.Lock()
        self._due: float | None = 0.0
        self._is_open = self._is_closed = False

    @property
    def store(self) -> EventStore | None:
        """Where it writes down what is finished; None where that is forgotten with the process."""
        return None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        """Wait for the next delivery."""
        async with self._turn:
            while not self._is_closed:
                if not self._is_open:
                    await self._open()
                    self._is_open = True
                self._bring_back()
                if self._ready:
                    return self._ready.popleft()
                if not await self._is_due():
                    continue
                await self._fetch()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Hand out nothing more, tell the portal of what is finished, and let another consumer have the rest."""
        is_first, self._is_closed = not self._is_closed, True
        self._woken.set()
        if is_first:
            await self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @abstractmethod
    async def _open(self) -> None:
        """Become the one consumer; called again where it failed or was cancelled."""

    @abstractmethod
    async def _fetch(self) -> None:
        """Look for events once, and say in `_due` when to look again; None for when it is woken."""

    @abstractmethod
    async def _close(self) -> None:
        """Undo `_open`, as far as it came."""

    @abstractmethod
    async def _finish(self, event: Event, key: str) -> None:
        """Write down that an event is finished."""

    def _hand_out(self, event: Event, key: str, bot: BotHandle | None) -> None:
        self._ready.append(self._delivery(event, key, bot, 1))

    def _delivery(self, event: Event, key: str, bot: BotHandle | None, attempt: int) -> Delivery:
        async def acknowledge() -> None:
            await self._finish(event, key)

        def give_back() -> None:
            moment = asyncio.get_running_loop().time() + pause(attempt)
            again = self._delivery(event, key, bot, attempt + 1)
            heapq.heappush(self._later, (moment, next(self._numbers), again))
            self._woken.set()

        return Delivery(event, key=key, attempt=attempt, bot=bot, settlement=Settlement(acknowledge, give_back))

    def _bring_back(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])

    async def _is_due(self) -> bool:
        """Return whether it is time to fetch; else sleep until something may have changed."""
        now = asyncio.get_running_loop().time()
        if self._due is not None and now >= self._due:
            return True
        moments = [self._later[0][0]] if self._later else []
        moments += [] if self._due is None else [self._due]
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(moments, default=None)):
                await self._woken.wait()
        return False
