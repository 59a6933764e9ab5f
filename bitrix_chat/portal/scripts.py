"""One PHP script per request: it goes on when nobody listens any more, and has only so many seconds.

The proxy in front gives up on a script that works too long. Whether the script dies with that or finishes
unheard depends on the portal, so both can be had.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, final

T = TypeVar("T")


@final
class OvertimeError(Exception):
    """The proxy has given up on the script."""


@final
class Script:
    """The time one request has, and spends.

    Args:
        limit: Seconds it may work; None for any number.
        finishes: Whether it works on when they are over, instead of dying.
        sleep: What passes the time.
        lingers: Seconds for which a message that it sends has not noted its template id.
    """

    def __init__(
        self,
        *,
        limit: float | None,
        finishes: bool,
        sleep: Callable[[float], Awaitable[object]],
        lingers: float,
    ) -> None:
        self.lingers = lingers
        self.given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = float("inf") if limit is None else limit
        self._finishes = finishes
        self._sleep = sleep

    async def work(self, seconds: float) -> None:
        """Spend working time.

        Raises:
            OvertimeError: The script has died of it, at the moment its time was over.
        """
        if seconds > self._left and not self.given_up.done():
            await self._pass(self._left)
            seconds -= self._left
            self.given_up.set_result(None)
            if not self._finishes:
                raise OvertimeError
        self._left -= seconds
        await self._pass(seconds)

    async def _pass(self, seconds: float) -> None:
        if seconds:
            await self._sleep(seconds)


@final
class Scripts:
    """Runs the scripts, and ends those that still run when the portal stops.

    Args:
        limit: Seconds the proxy gives each; None for any number.
        finish: Whether a script finishes its work unheard when they are over.
        sleep: What passes the time.
    """

    def __init__(self, *, limit: float | None, finish: bool, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._limit = limit
        self._finish = finish
        self._sleep = sleep
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, *, lingers: float = 0.0) -> Script:
        """Return a script that has all its time before it."""
        return Script(limit=self._limit, finishes=self._finish, sleep=self._sleep, lingers=lingers)

    async def run(self, script: Script, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the work of a script.

        Raises:
            OvertimeError: It takes too long; where scripts finish, this one goes on.
        """
        if self._limit is None or not self._finish:
            return await work
        working = asyncio.create_task(work)
        self._tasks.add(working)
        working.add_done_callback(self._tasks.discard)
        either: set[asyncio.Future[Any]] = {working, script.given_up}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if script.given_up.done():
            raise OvertimeError
        return working.result()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Remember the running task: aiohttp forgets a handler whose client has left."""
        task = asyncio.current_task()
        if task is None:  # nobody to remember
            yield
            return
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def stop(self) -> None:
        """End what still runs; it leaves no more traces."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
