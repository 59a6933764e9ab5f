"""One Redis or Valkey server: a pool whose callers wait for a connection, scripts, and keys that say whose they are."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet, ref

from attrs import frozen

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.redis.address import LastPool, place_of
from bitrix_chat.redis.errors import RedisAway, RedisClosed, RedisFailed, RedisNotDurable
from bitrix_chat.rest.secret import concealed
from bitrix_chat.rest.tracebacks import discreet

try:
    from redis import exceptions
    from redis.asyncio import Redis
except ModuleNotFoundError:
    raise ImportError('this module needs its extra: pip install "bitrix-chat[redis]"') from None

CONNECTIONS: Final = 16
"""Connections of one process to one server; further commands wait for one of them."""
PATIENCE: Final = 5.0
"""Seconds until a server that does not answer, or has no connection free, counts as away."""
_AWAY: Final = (exceptions.ConnectionError, exceptions.TimeoutError, OSError, TimeoutError)
_UNWELCOME: Final = (exceptions.AuthenticationError, exceptions.AuthorizationError)
"""What waiting does not help against, although redis-py takes it for a broken connection."""
_LANES: Final = 2
"""Connections that are kept for short scripts alone, so that these wait for nothing that takes its time."""


@frozen
class Call:
    """A script with its keys and arguments."""

    script: str
    keys: Sequence[str]
    arguments: Sequence[str | int | float]


@frozen
class _Connected:
    """What one event loop has of a server.

    Attributes:
        redis: for all commands.
        short: for short scripts alone.
        open: closes both when it is dropped.
        scripts: what `redis` has been told.
    """

    redis: Redis
    short: Redis
    open: AsyncGenerator[None, None]
    scripts: dict[str, Any]


class RedisServer:
    """A server, and the part of its keys that is ours; connects with its first command, in each event loop on its own.

    The keys of one portal share a hash tag, so that a cluster keeps them together. Every method raises `RedisFailed`
    where the server does not answer or refuses; the text never holds the address's password.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, as redis-py reads it, password and options included.
        prefix: what all keys begin with; different ones keep installations apart.
        connections: how many connections at a time.
        patience: seconds to wait for an answer or a connection.

    Raises:
        InvalidParameter: the address is none, or its password is not percent-encoded.
    """

    @discreet
    def __init__(
        self, url: str, *, prefix: str = "bitrix_chat", connections: int = CONNECTIONS, patience: float = PATIENCE
    ) -> None:
        if not prefix or "{" in prefix or "}" in prefix:
            raise InvalidParameter(f"`prefix` is {prefix!r}, but keys begin with a text without braces")
        self._place = place_of(url)
        self._url = concealed(url)
        self._prefix = prefix
        self._connections = connections
        self._patience = patience
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Connected] = WeakKeyDictionary()
        self._closed: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
        self._connecting = threading.Lock()

    def __repr__(self) -> str:
        return f"<RedisServer {self.place}>"

    @property
    def place(self) -> str:
        """Host and port, or the socket's path; without password."""
        return self._place

    @property
    def redis(self) -> Redis:
        """The client of the running loop.

        Raises:
            RedisClosed: the server was closed in this loop.
        """
        return self._of_running_loop().redis

    def key(self, owner: str, *parts: str) -> str:
        """Return the name of a key; those of one owner, a portal mostly, live on one node of a cluster."""
        return ":".join((self._prefix, f"{{{owner}}}", *parts))

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run a Lua script, sent as a whole only when the server does not know it yet."""
        connected = self._of_running_loop()
        registered = connected.scripts.get(script)
        if registered is None:
            registered = connected.scripts[script] = connected.redis.register_script(script)
        with self.explained():
            return await registered(keys=keys, args=arguments)

    async def run_together(self, calls: Sequence[Call]) -> list[Any]:
        """Run short Lua scripts in one go, by a connection of their own.

        Returns:
            Each one's answer, or a `RedisFailed`.

        Raises:
            RedisFailed: none of them has been answered.
        """
        short = self._of_running_loop().short
        answers = await self._sent(short, [("EVALSHA", _digest(call.script), *_words(call)) for call in calls])
        unknown = [number for number, answer in enumerate(answers) if isinstance(answer, exceptions.NoScriptError)]
        if unknown:
            whole = [("EVAL", calls[number].script, *_words(calls[number])) for number in unknown]
            for number, answer in zip(unknown, await self._sent(short, whole), strict=True):
                answers[number] = answer
        return [self.explanation(answer) if isinstance(answer, Exception) else answer for answer in answers]

    async def _sent(self, redis: Redis, commands: Sequence[Sequence[str | int | float]]) -> list[Any]:
        with self.explained():
            async with redis.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return answers

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the server or the way to it fails with into an error without secrets; lose no cancellation."""
        before = _cancellations()
        try:
            yield
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            raise self.explanation(error) from None
        # redis-py waits by `asyncio.wait_for`, which drops one that comes together with the answer (until Python 3.12).
        if _cancellations() > before:
            raise asyncio.CancelledError

    def explanation(self, error: Exception) -> RedisFailed:
        """Return what to say of an error of redis-py's, whose own text may quote the command."""
        kind = RedisAway if isinstance(error, _AWAY) and not isinstance(error, _UNWELCOME) else RedisFailed
        return kind(f"the Redis server at {self.place} failed ({type(error).__name__})")

    async def require_durability(self) -> None:
        """See that the server keeps what it is given, across its own restart and whatever else fills it.

        Raises:
            RedisNotDurable: it keeps no append-only file, or may evict keys that do not expire.
        """
        with self.explained():
            facts: dict[str, Any] = {**await self.redis.info("persistence"), **await self.redis.info("memory")}
        if not facts.get("aof_enabled"):
            raise RedisNotDurable(
                f"the Redis server at {self.place} keeps no append-only file: a restart would lose what must be kept;"
                " set `appendonly yes` there, or use a file"
            )
        policy = str(facts.get("maxmemory_policy", "noeviction"))
        if policy.startswith("allkeys"):
            raise RedisNotDurable(
                f"the Redis server at {self.place} evicts keys when it is full (`maxmemory-policy {policy}`);"
                " set `noeviction` or a `volatile-` policy there, or use another server"
            )

    async def close(self) -> None:
        """Close the connections of the running loop, for good: whatever comes late meets a `RedisClosed`."""
        loop = asyncio.get_running_loop()
        self._closed.add(loop)
        connected = self._loops.pop(loop, None)
        if connected is not None:
            await connected.open.aclose()

    def _of_running_loop(self) -> _Connected:
        loop = asyncio.get_running_loop()
        connected = self._loops.get(loop)
        return self._connected(loop) if connected is None else connected

    def _connected(self, loop: asyncio.AbstractEventLoop) -> _Connected:
        if loop in self._closed:
            raise RedisClosed(f"the way to the Redis server at {self._place} was closed")
        redis, short = self._client(self._connections), self._client(_LANES)
        connected = _Connected(redis, short, _opened((redis, short), ref(self)), {})
        with self._connecting:  # other loops run in other threads
            for former in [it for it in self._loops if it.is_closed()]:
                del self._loops[former]
            self._loops[loop] = connected
        return connected

    def _forget(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._connecting:
            self._loops.pop(loop, None)

    def _client(self, connections: int) -> Redis:
        # A pool that fails when it is empty would turn a busy moment into an outage.
        pool = LastPool.from_url(
            self._url,
            max_connections=connections,
            timeout=self._patience,
            socket_timeout=self._patience,
            socket_connect_timeout=self._patience,
            decode_responses=True,
            protocol=2,
            # A connection may have gone stale with a restart of the server: redis-py then tries once more, at once.
            retry_on_error=[exceptions.ConnectionError],
        )
        return Redis(connection_pool=pool)


def _cancellations() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _opened(clients: Sequence[Redis], server: "ref[RedisServer]") -> AsyncGenerator[None, None]:
    """Return what closes the connections when it is dropped, and before the loop ends, since nobody can after that."""
    opened = _until_the_end(clients, server)
    with suppress(StopIteration):  # at its `yield`; what has begun is ended by the loop itself
        opened.asend(None).send(None)
    return opened


async def _until_the_end(clients: Sequence[Redis], server: "ref[RedisServer]") -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        if (held_by := server()) is not None:
            held_by._forget(asyncio.get_running_loop())  # noqa: SLF001  # this module's
        for client in clients:
            await client.connection_pool.aclose()


def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def _words(call: Call) -> list[str | int | float]:
    return [len(call.keys), *call.keys, *call.arguments]


def server_at(server: str | RedisServer) -> tuple[RedisServer, bool]:
    """Return the server that is meant, and whether whoever asked has to close it."""
    return (server, False) if isinstance(server, RedisServer) else (RedisServer(server), True)
