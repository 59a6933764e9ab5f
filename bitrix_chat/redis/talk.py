"""A conversation in the background: one task, which lasts as long as there is something to say."""

import asyncio
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from contextlib import suppress


class Talk:
    """Says one thing after the other, until nothing is left; begins again when there is more.

    Args:
        say_next: says what is to be said next; False where that is nothing.
        failed: is told what it failed with; False where nobody hears of it by that.
    """

    def __init__(self, say_next: Callable[[], Awaitable[bool]], failed: Callable[[Exception], bool]) -> None:
        self._say_next = say_next
        self._failed = failed
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    def go_on(self) -> None:
        """See that what there is to say is said, soon."""
        self._news.set()
        if self._task is None or self._task.done():
            self._task = get_running_loop().create_task(self._run())
            self._task.add_done_callback(self._ended)

    async def pause(self, seconds: float) -> None:
        """Wait until there is more to say, so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def forget_loop(self) -> None:
        """Begin anew in another event loop: the former has ended the task."""
        self._task, self._news = None, asyncio.Event()

    async def close(self) -> None:
        """End it, whatever is left to say."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        is_going_on = True
        while is_going_on:
            self._news.clear()
            is_going_on = await self._say_next()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or not isinstance(error := task.exception(), Exception) or self._failed(error):
            return
        said = "the conversation with a Redis server broke off"
        task.get_loop().call_exception_handler({"message": said, "exception": error, "task": task})
