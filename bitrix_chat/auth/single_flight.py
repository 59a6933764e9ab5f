"""However many wait for one piece of work, it runs once, and nobody who stops waiting takes it from the others."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from attrs import define, field

from bitrix_chat.errors import BitrixError, TokenRefreshFailed
from bitrix_chat.rest.tracebacks import forget_frames

T = TypeVar("T")


@define(eq=False)
class SingleFlight(Generic[T]):
    """Runs work in a task of its own and hands its end to everyone who joined.

    An expected error travels as a value and is raised afresh for each who waits: one exception shared by
    many would collect all their tracebacks, and one that nobody fetches would be complained of.
    """

    _task: "asyncio.Task[T | BitrixError] | None" = field(default=None, init=False)

    @property
    def running(self) -> bool:
        """Whether work is under way in this loop; what a dead loop left behind does not count."""
        task = self._task
        return task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop()

    async def join(self, work: Callable[[], Awaitable[T]]) -> T:
        """Wait for the work under way, whichever it is, or start this one."""
        task = self._task
        if task is None or not self.running:
            task = self._task = asyncio.create_task(_outcome(work))
        # `wait` and not the task itself: it can be cancelled without the task.
        await asyncio.wait([task])
        if task.cancelled():
            raise TokenRefreshFailed("interrupted, since the event loop is shutting down")
        result = task.result()
        if isinstance(result, BitrixError):
            raise afresh(result)
        return result

    async def after(self, work: Callable[[], Awaitable[T]]) -> T:
        """Start this work as soon as no other is under way, and wait for it."""
        while self.running and self._task is not None:
            await asyncio.wait([self._task])
        return await self.join(work)


async def _outcome(work: Callable[[], Awaitable[T]]) -> T | BitrixError:
    try:
        return await work()
    except BitrixError as error:
        return afresh(error)


def afresh(error: BitrixError) -> BitrixError:
    """Return an equal error without a traceback."""
    copy = type(error)(
        error.description, method=error.method, code=error.code, status=error.status, outcome=error.outcome
    )
    copy.__cause__ = error.__cause__
    forget_frames(copy)
    return copy
