"""An event loop whose time jumps when nothing is ready: hours of limits and deadlines in milliseconds.

Theory of operation. asyncio asks a selector to sleep until the next timer. Ours looks whether a socket is ready
and, if none is, moves the loop's time to that timer instead of sleeping. Work in other threads takes real time,
so while an executor future is pending the loop really waits; and bytes on loopback take a moment of real time
too, so before a jump it grants them one, longer before a long jump.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

_SHORT_JUMP: Final = 5.0
_MOMENT: Final = 0.0005
_LONG_MOMENT: Final = 0.01


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.jump: Callable[[float], None] = lambda seconds: None  # noqa: ARG005
        self.busy: Callable[[], bool] = lambda: False

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self.busy():
            return super().select(_LONG_MOMENT)
        ready = super().select(self._moment(timeout))
        if not ready:
            self.jump(timeout)
        return ready

    def _moment(self, timeout: float) -> float:
        if len(self.get_map()) <= 1:  # the loop's own wake-up socket
            return 0.0
        return _MOMENT if timeout <= _SHORT_JUMP else _LONG_MOMENT


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """A loop on virtual time; give it to `asyncio.Runner(loop_factory=VirtualClockLoop)`."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        super().__init__(selector)
        self._elapsed = 1000.0
        self._in_threads = 0
        selector.jump = self._jump
        selector.busy = lambda: self._in_threads > 0

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._elapsed

    def _jump(self, seconds: float) -> None:
        self._elapsed += seconds

    def run_in_executor(  # type: ignore[override]  # typeshed types it as a coroutine function
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Run `func` in a thread; time stands still meanwhile."""
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: "asyncio.Future[Any]") -> None:
        self._in_threads -= 1


def run_on_virtual_clock(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine like `asyncio.run`, on virtual time."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(main)


def on_virtual_clock(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make a plain test function of an async one, which runs on virtual time."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_on_virtual_clock(test(*args, **kwargs))

    return run
