"""The portal in a thread of its own, for callers without a loop, or who block theirs."""

import asyncio
import threading
from types import TracebackType
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from bitrix_chat.portal.server import Portal


@final
class PortalThread:
    """Starts the portal on a loop in a daemon thread, and stops both."""

    def __init__(self, portal: "Portal") -> None:
        self._portal = portal
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bitrix-portal", daemon=True)

    def __enter__(self) -> "Portal":
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._portal.start(), self._loop).result()
        except BaseException:
            self._end()
            raise
        return self._portal

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self._portal.stop(), self._loop).result()
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
