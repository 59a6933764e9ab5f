"""Those who wait at a limiter, first come first served: joining and leaving cost the same however many they are."""

import asyncio
from collections import deque


class Waiters(deque[asyncio.Future[None]]):
    """The line of one event loop; true as long as somebody stands in it.

    A waiter that is cancelled further back stays until it stands at the head.
    """

    def __init__(self) -> None:
        super().__init__()
        self._cancelled: set[asyncio.Future[None]] = set()
        self._dropped: set[asyncio.Future[None]] = set()

    @property
    def waiting(self) -> int:
        """How many wait, less those that are known to be cancelled."""
        return len(self) - len(self._cancelled)

    def let_first(self) -> None:
        """Wake the first, who must not be cancelled, and let it leave the line."""
        self.popleft().set_result(None)

    def leave(self, waiter: asyncio.Future[None]) -> bool:
        """Note that a waiter was cancelled before its turn; True where it was the first, so that another is now."""
        if waiter in self._dropped:  # another's turn met it at the head before its own came
            self._dropped.discard(waiter)
            return False
        self._cancelled.add(waiter)
        return self[0] is waiter

    def drop_cancelled(self) -> None:
        """Let those leave the head of the line who were cancelled."""
        while self and self[0].cancelled():
            waiter = self.popleft()
            if waiter in self._cancelled:
                self._cancelled.discard(waiter)
            else:
                self._dropped.add(waiter)

    def fail(self, error: Exception) -> None:
        """Send all home with an error."""
        self.drop_cancelled()
        while self:
            self.popleft().set_exception(error)
            self.drop_cancelled()

    def clear(self) -> None:
        """Forget all who wait, without a word."""
        super().clear()
        self._cancelled.clear()
        self._dropped.clear()
