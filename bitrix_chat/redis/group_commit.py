"""Scripts of one owner, in the order in which they were called: what is called while some are under way goes together.

One pipeline is on its way at a time. So an operation sees what was called before it, fifty that end in one turn of the
loop cost one round trip, and one wait for the server's disk serves all. Each must be one that may be done twice: when
the answer is lost, the whole pipeline goes again, in the same order. A caller that is cancelled no longer waits; its
operation is done with the others, since what it says has happened.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from attrs import define, field, frozen

from bitrix_chat.redis.durable import Command, evaluation, run_all
from bitrix_chat.redis.errors import RedisFailed
from bitrix_chat.redis.outages import outlasting
from bitrix_chat.redis.server import RedisServer

_BYTES: Final = 8_000_000
"""What one pipeline brings at most, unless a single script brings more."""


@frozen(eq=False)
class _Waiting:
    command: Command
    size: int
    on_disk: bool
    answer: "asyncio.Future[Any]"


@define(eq=False)
class GroupCommit:
    """Takes operations, and waits through a short absence of the server.

    Attributes:
        server: the server.
    """

    server: RedisServer
    _waiting: deque[_Waiting] = field(factory=deque, init=False)
    _task: "asyncio.Task[None] | None" = field(default=None, init=False)

    def submit(
        self, script: str, keys: Sequence[str], arguments: Sequence[str | int], *, on_disk: bool = False
    ) -> "asyncio.Future[Any]":
        """Have a script run after those that were submitted before, and return what will hold its answer.

        That is a `RedisFailed` where the server refuses it, or was away for too long; whether it was done is not
        known then.
        """
        loop = asyncio.get_running_loop()
        # Now, since a text that no encoding takes would fail those that go with it.
        encoded = [argument.encode() if isinstance(argument, str) else argument for argument in arguments]
        size = sum(len(argument) for argument in encoded if isinstance(argument, bytes))
        waiting = _Waiting(evaluation(script, keys, encoded), size, on_disk, loop.create_future())
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._waiting, self._task = deque(), loop.create_task(self._work())
        self._waiting.append(waiting)
        return waiting.answer

    async def settle(self) -> None:
        """Return when all that was called is done."""
        while self._task is not None and not self._task.done() and self._task.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        await asyncio.sleep(0)
        while self._waiting:
            together = self._together()
            try:
                answers = await self._answers(together)
            except BaseException:  # the loop ends
                for waiting in (*together, *self._waiting):
                    waiting.answer.cancel()
                raise
            for waiting, answer in zip(together, answers, strict=True):
                _tell(waiting.answer, answer)

    def _together(self) -> list[_Waiting]:
        together = [self._waiting.popleft()]
        size = together[0].size
        while self._waiting and (size := size + self._waiting[0].size) <= _BYTES:
            together.append(self._waiting.popleft())
        return together

    async def _answers(self, together: list[_Waiting]) -> Sequence[Any]:
        commands = [waiting.command for waiting in together]
        on_disk = any(waiting.on_disk for waiting in together)
        try:
            return await outlasting(partial(run_all, self.server, commands, on_disk=on_disk))
        except Exception as error:  # noqa: BLE001  # whoever waits for it is told
            return [error] * len(together)


def _tell(future: "asyncio.Future[Any]", answer: Any) -> None:
    if future.done():
        return  # whoever waited was cancelled
    if isinstance(answer, RedisFailed):
        future.set_exception(type(answer)(answer.description))  # one that is shared would collect all their tracebacks
    elif isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
