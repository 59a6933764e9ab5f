"""A creation that may have run, or may run yet: while the portal works on it, finding nothing proves nothing."""

import asyncio
import os
import time
import weakref
from typing import Final

from attrs import evolve

from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.keys import key_of
from bitrix_chat.rest.request import Exchange

_LOOKS: Final = (2.0, 5.0, 15.0, 60.0)
"""Seconds after the departure of a request of unknown outcome at which to look for what it made."""
_BETWEEN: Final = 5.0
"""Seconds between looks while an answer is waited for beyond that: what is sent slowly arrives later than it leaves."""


class Doubt:
    """What is remembered of an attempt.

    Attributes:
        exchange: what left; where its caller has gone, its outcome may still come.
        is_told: whether whoever asks for it has written down that it may have left.
        of_bot: whether it creates a bot's chat, whose entity a portal need not keep.
    """

    def __init__(self, exchange: Exchange, quiescence: float) -> None:
        loop = asyncio.get_running_loop()
        self.exchange = exchange
        self.of_bot = key_of(exchange.request).fetch is not None
        self.is_told = False
        self._quiescence = quiescence
        self._loop = weakref.ref(loop)
        self._process = os.getpid()
        self._ahead = time.monotonic() - loop.time()

    @property
    def is_open(self) -> bool:
        """Whether it is still unknown what became of it."""
        return self.exchange.known is Outcome.UNKNOWN

    @property
    def is_in_flight(self) -> bool:
        """Whether somebody still waits for its answer, so that its end may come by itself."""
        if self.exchange.error is not None or self.exchange.response is not None or self._process != os.getpid():
            return False
        loop = self._loop()
        return loop is not None and (loop is asyncio.get_running_loop() or loop.is_running())

    def shed_when_landed(self) -> None:
        """Let go of what was sent, as soon as it has landed: of many lost avatars nothing should stay in memory."""
        if self.is_in_flight and self.is_open:
            asyncio.get_running_loop().call_later(self._quiescence, self.shed_when_landed)
        else:
            self.exchange.request = evolve(self.exchange.request, params={})

    def next_look(self, last: float | None = None, *, was_in_flight: bool = False) -> float | None:
        """Return when to look next, by the clock of the running loop; None after a look that could not be too early.

        Args:
            last: when the last look was, None before the first.
            was_in_flight: whether somebody still waited for the answer then.
        """
        left_at = self._left_at()
        ends_at = left_at + self._quiescence  # later than it was, if it was still being sent
        if last is not None and last >= ends_at:
            return last + _BETWEEN if was_in_flight else None
        now = asyncio.get_running_loop().time()
        earliest = now if last is None else last
        return next((left_at + after for after in _LOOKS if earliest < left_at + after < ends_at), ends_at)

    def _left_at(self) -> float:
        loop = asyncio.get_running_loop()
        left_at = loop.time() if self.exchange.left_at is None else self.exchange.left_at
        return left_at if self._loop() is loop else left_at + self._ahead + loop.time() - time.monotonic()
