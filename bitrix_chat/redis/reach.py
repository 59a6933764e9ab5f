"""Whether a Redis server is there: learned once for all of a loop who ask it, and asked again by one of them a second.

What comes in while an answer is awaited is sent together with the next, so that a thousand portals cost little more
than one. Limits and what else is exchanged have a lane each, so that neither waits for the other.
"""

import asyncio
import logging
from asyncio import get_running_loop
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from attrs import define, field, frozen

from bitrix_chat.redis.errors import RedisAway, RedisClosed, RedisFailed
from bitrix_chat.redis.server import Call, RedisServer

ANSWERS_WITHIN: Final = 1.0
"""Seconds after which a server that has not answered counts as away."""
ASKED_EVERY: Final = 1.0
"""Seconds between two attempts at a server that is away."""
_LOOKS: Final = 10
"""How often the loop has come round in that time at least: what it is late by itself is not the server's."""
_TOGETHER: Final = 100

logger: Final = logging.getLogger("bitrix_chat")


@frozen(eq=False)
class _Asked:
    call: Call
    answer: "asyncio.Future[Any]"


@define(eq=False)
class _Lane:
    """What is to be sent one after the other, and the task that sends it."""

    waiting: deque[_Asked] = field(factory=deque)
    on_their_way: Sequence[_Asked] = ()
    task: "asyncio.Task[None] | None" = None

    def is_wanted(self) -> bool:
        return any(not it.answer.done() for it in (*self.on_their_way, *self.waiting))

    def next(self) -> Sequence[_Asked]:
        batch: list[_Asked] = []
        while self.waiting and len(batch) < _TOGETHER:
            if not (asked := self.waiting.popleft()).answer.done():
                batch.append(asked)
        self.on_their_way = batch
        return batch

    def fail(self, error: Exception) -> None:
        for it in (*self.on_their_way, *self.waiting):
            if not it.answer.done():
                it.answer.set_exception(error)
        self.waiting.clear()


@define(eq=False)
class _Way:
    """What a loop knows of the way to a server."""

    is_away: bool = False
    again_at: float = 0.0
    back: asyncio.Event = field(factory=asyncio.Event)
    lanes: dict[str, _Lane] = field(factory=dict)


_ways: WeakKeyDictionary[RedisServer, WeakKeyDictionary[asyncio.AbstractEventLoop, _Way]] = WeakKeyDictionary()


class Reach:
    """The way to a server for those who can do without it for a while, refused at once if it is known to be away.

    Args:
        server: the server.
        lane: what is said in one lane is said one after the other.
    """

    def __init__(self, server: RedisServer, lane: str) -> None:
        self._server = server
        self._name = lane
        self._ways = _ways.setdefault(server, WeakKeyDictionary())

    @property
    def again_in(self) -> float:
        """Seconds until it may be asked; 0 as long as it is there."""
        way = self._way
        return max(0.0, way.again_at - get_running_loop().time()) if way.is_away else 0.0

    async def until_again(self) -> None:
        """Wait until it may be asked, or is known to be back."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.again_in):
                await self._way.back.wait()

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run a Lua script.

        Raises:
            RedisFailed: the server did not do it within a second, or did not at the last attempt.
        """
        way, loop = self._way, get_running_loop()
        if self.again_in:
            raise RedisAway(f"the Redis server at {self._server.place} is away")
        if way.is_away:  # it is asked by one: the others have to wait for what becomes of it
            way.again_at = loop.time() + ANSWERS_WITHIN + ASKED_EVERY
        lane = way.lanes.setdefault(self._name, _Lane())
        asked = _Asked(Call(script, keys, arguments), loop.create_future())
        lane.waiting.append(asked)
        self._go_on(way, lane)
        try:
            return await asked.answer
        except asyncio.CancelledError:
            if lane.task is not None and not lane.is_wanted():
                lane.task.cancel()
                await asyncio.wait([lane.task])
            raise

    @property
    def _way(self) -> _Way:
        loop = get_running_loop()
        way = self._ways.get(loop)
        if way is None:
            for ended in [it for it in self._ways if it.is_closed()]:
                del self._ways[ended]
            way = self._ways[loop] = _Way()
        return way

    def _go_on(self, way: _Way, lane: _Lane) -> None:
        if lane.task is None and lane.is_wanted():
            lane.task = get_running_loop().create_task(self._send(way, lane))

    async def _send(self, way: _Way, lane: _Lane) -> None:
        try:
            while batch := lane.next():
                await self._send_together(way, batch)
        except RedisClosed as error:
            lane.fail(error)
        except RedisFailed as error:
            self._lost(way, str(error))
            lane.fail(error)
        except TimeoutError:
            silent = f"the Redis server at {self._server.place} does not answer"
            self._lost(way, silent)
            lane.fail(RedisAway(silent))
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait hear it
            lane.fail(error)
        finally:
            lane.task, lane.on_their_way = None, ()
            self._go_on(way, lane)  # who came while it was cancelled

    async def _send_together(self, way: _Way, batch: Sequence[_Asked]) -> None:
        async with _patience():
            answers = await self._server.run_together([it.call for it in batch])
        failure = next((answer for answer in answers if isinstance(answer, RedisFailed)), None)
        if failure is None:
            self._found(way)
        else:
            self._lost(way, str(failure))
        for it, answer in zip(batch, answers, strict=True):
            if it.answer.done():
                continue
            if isinstance(answer, RedisFailed):
                it.answer.set_exception(answer)
            else:
                it.answer.set_result(answer)

    def _lost(self, way: _Way, said: str) -> None:
        way.again_at = get_running_loop().time() + ASKED_EVERY
        if not way.is_away:
            way.is_away = True
            way.back.clear()
            logger.warning("%s: this process keeps to a part of each limit until it is back", said)

    def _found(self, way: _Way) -> None:
        if way.is_away:
            way.is_away = False
            way.back.set()
            logger.info("the Redis server at %s is back: limits are shared again", self._server.place)


@asynccontextmanager
async def _patience() -> AsyncIterator[None]:
    """Raise `TimeoutError` after a second in which the loop has looked for an answer often enough."""
    loop, pause = get_running_loop(), ANSWERS_WITHIN / _LOOKS
    timer: asyncio.TimerHandle

    def look(looks: int) -> None:
        nonlocal timer
        if looks:
            timer = loop.call_later(pause, look, looks - 1)
        else:
            bound.reschedule(loop.time())

    timer = loop.call_later(pause, look, _LOOKS - 1)
    async with asyncio.timeout(None) as bound:
        try:
            yield
        finally:
            timer.cancel()
