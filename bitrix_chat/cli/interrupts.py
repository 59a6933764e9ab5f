"""Ctrl-C twice: the first lets what flies land, the second stops at once, and a third is Python's own again."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Counts what arrives, and does what is due.

    Args:
        drain: done at the first.
        stop: done at the second.
    """

    def __init__(self, drain: Callable[[], object], stop: Callable[[], object]) -> None:
        self.count = 0
        self._due = [stop, drain]

    def __bool__(self) -> bool:
        return self.count > 0

    def arrived(self) -> None:
        """Do what is due now."""
        self.count += 1
        if self._due:
            self._due.pop()()


@contextmanager
def listening(interrupts: Interrupts) -> Iterator[None]:
    """Hand SIGINT and SIGTERM over while a run lasts; outside the main thread they stay as they are."""
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}
    left = 2

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal left
        left -= 1
        if not left:
            restore()
        # A signal breaks in anywhere; the loop takes it up where nothing is half done.
        loop.call_soon_threadsafe(interrupts.arrived)

    def restore() -> None:
        while before:
            number, handler = before.popitem()
            signal.signal(number, handler)

    try:
        for number in _SIGNALS:
            before[number] = signal.signal(number, on_signal)
    except ValueError:
        before.clear()
    try:
        yield
    finally:
        restore()
