"""Many small commits as few: what arrives while one is under way goes together into the next."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import define, field

from bitrix_chat.errors import WrongEventLoop

W = TypeVar("W")

_Queue: TypeAlias = list[tuple[W, asyncio.Future[Any]]]


@define(eq=False)
class WriterThread(Generic[W]):
    """One thread that is handed, once a loop turn at most, all that waits, in the order in which it came.

    `perform` runs in that thread. It returns for each piece of work what became of it: a value, or the error that its
    caller is to see. Work that was submitted is done even if its caller is cancelled. The thread starts with the
    first work and ends with `rest`. Errors and the thread's name call `what` it writes by its name.
    """

    _perform: Callable[[Sequence[W]], Sequence[Any]]
    _what: str
    _waiting: _Queue[W] = field(init=False, factory=list)
    _is_flying: bool = field(init=False, default=False)
    _loop: asyncio.AbstractEventLoop | None = field(init=False, default=None)
    _thread: Executor | None = field(init=False, default=None)
    _process: int = field(init=False, default=0)

    def submit(self, work: W) -> asyncio.Future[Any]:
        """Queue work; the future ends with what became of it.

        Raises:
            WrongEventLoop: the thread serves a loop that is still running, or has stayed in the process this one was
                forked from.
        """
        loop = self._settle_in()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((work, future))
        if not self._is_flying:
            self._is_flying = True
            loop.call_soon(self._leave)
        return future

    async def see_through(self, work: W) -> Any:
        """Wait for work as `submit` does it, also through a cancellation, which is raised after it."""
        future = self.submit(work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            future.exception()  # Seen, so that the loop does not complain of it later.
            raise

    def rest(self) -> None:
        """Let the thread end, unless there is work again."""
        if self._thread is not None and not self._is_flying:
            self._thread.shutdown(wait=False)
            self._thread = None

    def _settle_in(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if self._thread is not None and self._process != os.getpid():
            raise WrongEventLoop(f"this {self._what} was in use in the process that this one was forked from")
        if self._loop is not loop:
            if self._loop is not None and self._loop.is_running():
                raise WrongEventLoop(f"this {self._what} is in use in an event loop of another thread")
            self._loop, self._is_flying = loop, False
        return loop

    def _leave(self) -> None:
        group, self._waiting = self._waiting, []
        try:
            flight = self._work_in_thread([work for work, _ in group])
        except RuntimeError as error:  # no thread can be started, or the interpreter is ending
            self._land(group, [error] * len(group))
        else:
            flight.add_done_callback(lambda done: self._land(group, _outcomes(done, len(group))))

    def _work_in_thread(self, works: list[W]) -> asyncio.Future[Sequence[Any]]:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"bitrix-chat-{self._what}")
            self._process = os.getpid()
        return asyncio.get_running_loop().run_in_executor(self._thread, self._perform, works)

    def _land(self, group: _Queue[W], outcomes: Sequence[Any]) -> None:
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if future.done() or future.get_loop().is_closed():  # its caller was cancelled, or its loop has ended
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        if self._waiting:
            self._leave()
        else:
            self._is_flying = False


def _outcomes(flight: asyncio.Future[Sequence[Any]], count: int) -> Sequence[Any]:
    try:
        return flight.result()
    except Exception as error:  # noqa: BLE001  # nobody may be left waiting
        return [error] * count
