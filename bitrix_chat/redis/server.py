"""One Redis or Valkey server: a pool whose callers wait for a connection, scripts, and keys that say whose they are."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.redis.errors import RedisAway, RedisFailed, RedisNotDurable
from bitrix_chat.rest.secret import concealed
from bitrix_chat.rest.tracebacks import discreet

try:
    from redis import exceptions
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
except ModuleNotFoundError:
    raise ImportError('this module needs its extra: pip install "bitrix-chat[redis]"') from None

CONNECTIONS: Final = 16
"""Connections of one process to one server; further commands wait for one of them."""
PATIENCE: Final = 5.0
"""Seconds until a server that does not answer, or has no connection free, counts as away."""
_AWAY: Final = (exceptions.ConnectionError, exceptions.TimeoutError, OSError, TimeoutError)
_UNWELCOME: Final = (exceptions.AuthenticationError, exceptions.AuthorizationError)
"""What waiting does not help against, although redis-py takes it for a broken connection."""
_SCHEMES: Final = ("redis", "rediss", "unix")


class RedisServer:
    """A server, and the part of its keys that is ours; connects with its first command.

    The keys of one portal share a hash tag, so that a cluster keeps them together. Every method raises `RedisFailed`
    where the server does not answer or refuses; the text never holds the address's password.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, as redis-py reads it, password and options included.
        prefix: what all keys begin with; different ones keep installations apart.
        connections: how many connections at a time.
        patience: seconds to wait for an answer or a connection.

    Raises:
        InvalidParameter: the address is none.
    """

    @discreet
    def __init__(
        self, url: str, *, prefix: str = "bitrix_chat", connections: int = CONNECTIONS, patience: float = PATIENCE
    ) -> None:
        if not isinstance(url, str) or urlsplit(url).scheme not in _SCHEMES:
            raise InvalidParameter("the address of a Redis server is redis://, rediss:// or unix://, not this")
        if not prefix or "{" in prefix or "}" in prefix:
            raise InvalidParameter(f"`prefix` is {prefix!r}, but keys begin with a text without braces")
        self._url = concealed(url)
        self._prefix = prefix
        self._connections = connections
        self._patience = patience
        self._redis: Redis | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: AsyncGenerator[None, None] | None = None
        self._scripts: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"<RedisServer {self.place}>"

    @property
    def place(self) -> str:
        """Host and port, or the socket's path; without password."""
        parts = urlsplit(self._url)
        return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"

    @property
    def redis(self) -> Redis:
        """The client of the running loop."""
        loop = asyncio.get_running_loop()
        if self._redis is None or self._loop is not loop:
            self._redis, self._loop, self._scripts = self._connected(), loop, {}
            self._open = _opened(self._redis)
        return self._redis

    def key(self, owner: str, *parts: str) -> str:
        """Return the name of a key; those of one owner, a portal mostly, live on one node of a cluster."""
        return ":".join((self._prefix, f"{{{owner}}}", *parts))

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run a Lua script, sent as a whole only when the server does not know it yet."""
        redis = self.redis
        registered = self._scripts.get(script)
        if registered is None:
            registered = self._scripts[script] = redis.register_script(script)
        with self.explained():
            return await registered(keys=keys, args=arguments)

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
        """Close the connections of the running loop."""
        opened, self._redis, self._open = self._open, None, None
        if opened is not None and self._loop is asyncio.get_running_loop():
            await opened.aclose()

    def _connected(self) -> Redis:
        # A pool that fails when it is empty would turn a busy moment into an outage.
        pool = BlockingConnectionPool.from_url(
            self._url,
            max_connections=self._connections,
            timeout=self._patience,
            socket_timeout=self._patience,
            socket_connect_timeout=self._patience,
            decode_responses=True,
            protocol=2,
            # Once: for a connection that went stale with a restart of the server.
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[exceptions.ConnectionError],  # redis-py 5 repeats nothing that is not named
        )
        return Redis(connection_pool=pool)


def _cancellations() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _opened(redis: Redis) -> AsyncGenerator[None, None]:
    """Return what closes the connections when it is dropped, and before the loop ends, since nobody can after that."""
    opened = _until_the_end(redis)
    with suppress(StopIteration):  # at its `yield`; what has begun is ended by the loop itself
        opened.asend(None).send(None)
    return opened


async def _until_the_end(redis: Redis) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await redis.aclose(close_connection_pool=True)


def server_at(server: str | RedisServer) -> tuple[RedisServer, bool]:
    """Return the server that is meant, and whether whoever asked has to close it."""
    return (server, False) if isinstance(server, RedisServer) else (RedisServer(server), True)
