"""An event store for many machines: one keeps what is posted, another handles it, and a third goes on when that dies.

A consumer waits for what others keep by asking for one number every 0.2 s. A subscription, or a blocking command,
would be a connection for each consumer and one more thing to mend after an outage, and save a tenth of a second.
"""

import asyncio
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.errors import EventStoreError, InboxFull
from bitrix_chat.events.memory_store import HANDLED, INBOX
from bitrix_chat.events.sqlite_rows import MEMORY
from bitrix_chat.events.store import DeadLetter, KeptEvent, Release
from bitrix_chat.redis import event_scripts as scripts
from bitrix_chat.redis.consumers import Consumers, lost
from bitrix_chat.redis.errors import RedisFailed
from bitrix_chat.redis.lease import LENGTH
from bitrix_chat.redis.names import key_part
from bitrix_chat.redis.outages import outlasting
from bitrix_chat.redis.server import RedisServer, server_at
from bitrix_chat.rest.tracebacks import discreet

_PARTS: Final = ("counts", "posted", "bodies", "waiting", "finished", "buried", "graves")
_STEP: Final = 0.2
"""Seconds between two looks at what others have kept."""


class RedisEventStore:
    """Keeps everything in a Redis or Valkey server; any number of processes and machines may use it at a time.

    The server needs an append-only file (`appendonly yes`), which is checked when the store is first used. What a
    method has written survives every process, the server's too; a power cut there may take the last second with it,
    unless it says `appendfsync always`. Whoever can read the server can read the events.

    A consumer's lease ends when it was not renewed for 30 seconds: another takes over from one that died. One that was
    merely cut off for so long gets `ConsumerBusy` when it next writes down what it has handled, or asks for more.
    Every method raises `EventStoreError` where the server refuses, or was away for longer than twenty seconds.

    Args:
        server: its address, or a `RedisServer` that is shared; one from an address is closed by `close`.
        name: what tells this store from others on the server.
        inbox: how many posted events may wait.
        clock: tells unix seconds; the server does, unless told otherwise.
        lease: seconds after which another may take the events of a consumer that died.
    """

    @discreet
    def __init__(
        self,
        server: str | RedisServer,
        name: str = "events",
        *,
        inbox: int = INBOX,
        clock: Callable[[], float] | None = None,
        lease: float = LENGTH,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise InvalidParameter("`name` tells one store from another; it is a text that is not empty")
        self._server, self._owns_server = server_at(server)
        self._name = name
        self._owner = f"events:{key_part(name)}"
        self._keys = [self._server.key(self._owner, part) for part in _PARTS]
        self._limit = inbox
        self._clock = clock
        self._consumers = Consumers(self._server, lease)
        self._is_durable = False
        self._arrivals: set[asyncio.Future[None]] = set()
        self._seen: str | None = None

    def __repr__(self) -> str:
        return f"<RedisEventStore {self._name!r} at {self._server.place}>"

    async def lease(self, name: str) -> Release:
        """Take a consumer, until it is released, or the process has ended for as long as a lease lasts."""
        with _failures():
            await self._require_durability()
            return await self._consumers.take(name, self._lease_key(name))

    async def handled(self, consumer: str) -> Collection[int]:
        """Return the ids that were handled last."""
        ids = await self._do(scripts.HANDLED, self._now, int(MEMORY), keys=self._consumer_keys(consumer))
        return frozenset(map(int, ids))

    async def mark_handled(self, consumer: str, event_ids: Collection[int]) -> None:
        """Remember that these events were handled.

        Raises:
            ConsumerBusy: the lease was lost.
        """
        owner = self._consumers.owner(consumer)
        told: list[str | int] = [self._now, owner, HANDLED, int(MEMORY), *event_ids]
        if not await self._do(scripts.MARK, *told, keys=self._consumer_keys(consumer)):
            raise lost(consumer)

    async def keep(self, key: str, body: Mapping[str, Any], *, ttl: float) -> bool:
        """Keep a posted event; one whose answer was lost, and that was asked for again, is kept and counts as known."""
        content = _text({"key": key, "body": dict(body)})
        verdict, *number = await self._do(scripts.KEEP, self._now, _field(key), content, repr(float(ttl)), self._limit)
        if verdict == "full":
            raise InboxFull(f"{number[0]} posted events wait for their handlers")
        if verdict == "kept":
            self._announce()
        return bool(verdict == "kept")

    async def pending(self, after: int = 0, limit: int = 100) -> Sequence[KeptEvent]:
        """Return posted events that wait, those that other processes have kept too.

        Raises:
            ConsumerBusy: the lease of a consumer of this store was lost.
        """
        self._consumers.check()
        seen, numbers, bodies = await self._do(scripts.PENDING, after, limit)
        self._seen = seen
        return [
            KeptEvent(number=int(number), **_told(body, "kept_at"))
            for number, body in zip(numbers, bodies, strict=True)
        ]

    async def finish(self, key: str) -> None:
        """Remember that a posted event was handled."""
        await self._do(scripts.FINISH, _field(key))

    async def arrival(self, timeout: float) -> None:  # noqa: ASYNC109  # the protocol's
        """Wait for `keep` of this object, or 0.2 s longer of another."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + timeout
        future: asyncio.Future[None] = loop.create_future()
        self._arrivals.add(future)
        try:
            while not future.done() and (left := ends_at - loop.time()) > 0:
                await asyncio.wait([future], timeout=min(_STEP, left))
                if not future.done() and left > _STEP and await self._has_grown():
                    return
        finally:
            self._arrivals.discard(future)

    async def bury(self, key: str, body: Mapping[str, Any], error: str) -> None:
        """Keep an event that was given up."""
        letter = {"key": key, "body": dict(body), "error": error.encode(errors="backslashreplace").decode()}
        await self._do(scripts.BURY, self._now, _field(key), _text(letter))

    async def buried(self, after: int = 0, limit: int = 100) -> Sequence[DeadLetter]:
        """Return what was given up."""
        numbers, letters = await self._do(scripts.DEAD, after, limit)
        return [
            DeadLetter(number=int(float(number)), **_told(letter, "buried_at"))
            for number, letter in zip(numbers, letters, strict=True)
        ]

    async def exhume(self, key: str) -> bool:
        """Forget a dead letter."""
        return bool(await self._do(scripts.EXHUME, _field(key)))

    async def close(self) -> None:
        """Let others have what was released, and close connections of its own; it opens again when it is used again."""
        await self._consumers.settle()
        if self._owns_server:
            await self._server.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def _now(self) -> str:
        return "" if self._clock is None else repr(float(self._clock()))

    def _lease_key(self, consumer: str) -> str:
        return self._server.key(self._owner, "lease", key_part(consumer))

    def _consumer_keys(self, consumer: str) -> list[str]:
        return [self._server.key(self._owner, "handled", key_part(consumer)), self._lease_key(consumer)]

    async def _do(self, script: str, *arguments: str | int, keys: Sequence[str] = ()) -> Any:
        with _failures():
            await self._require_durability()
            return await outlasting(partial(self._server.run, script, keys or self._keys, arguments))

    async def _has_grown(self) -> bool:
        try:
            with self._server.explained():
                seen = str(await self._server.redis.hget(self._keys[0], "posted") or "0")
        except RedisFailed:
            return False  # whoever asks for what waits is told
        before, self._seen = self._seen, seen
        return before is not None and seen != before

    async def _require_durability(self) -> None:
        if not self._is_durable:
            await outlasting(self._server.require_durability)
            self._is_durable = True

    def _announce(self) -> None:
        for future in self._arrivals:
            if not future.done():
                future.set_result(None)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except RedisFailed as error:
        raise EventStoreError(str(error)) from error


def _told(text: str, moment: str) -> dict[str, Any]:
    """Read what was kept, and when."""
    seconds, _, content = text.partition(" ")
    told: dict[str, Any] = json.loads(content)
    return {**told, moment: datetime.fromtimestamp(float(seconds), UTC)}


def _text(content: Mapping[str, Any]) -> str:
    # ASCII alone: a text of bytes that were no UTF-8 may hold what no encoding takes.
    return json.dumps(content, separators=(",", ":"))


def _field(key: str) -> str:
    return key.encode(errors="backslashreplace").decode()
