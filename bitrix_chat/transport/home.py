"""A client lives in the event loop in which it was first used: elsewhere its waits would never be woken."""

import asyncio
import os

from bitrix_chat.errors import WrongEventLoop


class Home:
    """The loop of one client."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    def enter(self) -> None:
        """Make the running loop the client's, if it has none yet.

        Raises:
            WrongEventLoop: it has another.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a coroutine that forked goes on in the child without a loop
            loop = None
        if self._loop is None:
            self._loop, self._process = asyncio.get_running_loop(), os.getpid()
        elif self._loop is not loop:
            raise WrongEventLoop(f"this client {self._whereabouts()}; make a client for each, and close it there")

    def _whereabouts(self) -> str:
        if self._process != os.getpid():
            return "was used before in the process that this one was forked from"
        if self._loop is not None and self._loop.is_running():
            return "is in use in an event loop of another thread"
        return "was used before in another event loop"
