"""A token pair for machines that act as one application: the lease lets one of them renew, and none saves over another.

What is known of a portal here opens it: give the server a password and TLS, as the `redis` or `rediss` address
says, and guard its files like one.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final, Self

from attrs import define, field

from bitrix_chat.auth.loop_lock import LoopLock
from bitrix_chat.auth.token import Token
from bitrix_chat.errors import InvalidParameter, TokenStoreError
from bitrix_chat.redis.durable import evaluation, run_all
from bitrix_chat.redis.errors import LeaseLost, RedisFailed
from bitrix_chat.redis.lease import LENGTH, RedisLease
from bitrix_chat.redis.names import key_part
from bitrix_chat.redis.outages import OUTAGE, outlasting
from bitrix_chat.redis.seeing_through import seen_through
from bitrix_chat.redis.server import RedisServer, server_at
from bitrix_chat.rest.secret import concealed
from bitrix_chat.rest.tracebacks import discreet

_SAVE: Final = """
local pair, owner, read = unpack(ARGV)
if owner ~= '' and redis.call('GET', KEYS[2]) ~= owner then
  local stored = redis.call('GET', KEYS[1])
  local known = stored and '=' .. stored or '-'
  if known ~= read and stored ~= pair then return 0 end
end
redis.call('SET', KEYS[1], pair)
return 1
"""
"""Keeps the pair: it, the lease's owner ('' without one), and what was there when it was read under that lease: `=` and
the pair, `-` for none, '' if it was not read. Who lost the lease still replaces what he read, since nobody else has.
"""


@define(eq=False)
class _Held:
    """The lock as it is held: its lease, by whom, and what he has read since."""

    lease: RedisLease
    task: "asyncio.Task[Any] | None"
    read: str = field(default="", repr=False)


class RedisTokenStore:
    """Keeps the pair in one key of a Redis or Valkey server, for any number of processes and machines.

    The server needs an append-only file (`appendonly yes`), which is checked before anything is asked of it; a server
    that is not there by then is told at once. From then on one that restarts is waited for, for twenty seconds each
    time. What is saved is on its disk when `save` returns, from Redis 7.2 and Valkey on; older ones are as safe as
    their `appendfsync`. A replica that takes over may lack the last pair: nothing here waits for replicas.

    Every method raises `TokenStoreError` where the server fails; its `__cause__` tells how.

    Args:
        server: its address, or a `RedisServer` that is shared; one from an address is closed by `close`.
        name: what tells this pair from others on the server: the application and the portal, for example.
        lease: seconds after which whoever died while renewing no longer keeps the others out.
    """

    @discreet
    def __init__(self, server: str | RedisServer, name: str, *, lease: float = LENGTH) -> None:
        if not isinstance(name, str) or not name:
            raise InvalidParameter("`name` tells one pair from another; it is a text that is not empty")
        self._server, self._owns_server = server_at(server)
        self._owner = f"token:{key_part(name)}"
        self._length = lease
        self._lock = LoopLock()
        self._held: _Held | None = None
        self._is_durable = False

    def __repr__(self) -> str:
        return f"<RedisTokenStore {self._owner} at {self._server.place}>"

    async def load(self) -> Token | None:
        """Read the pair.

        Raises:
            TokenStoreError: the server fails, or would forget what is saved, or the key holds something else.
        """
        with _failures():
            await self._require_durability()
            content = await outlasting(self._content)
        held = self._held
        if held is not None and held.task is asyncio.current_task():
            held.read = _seen(content)
        return _parsed(content, self._owner)

    async def save(self, token: Token) -> None:
        """Replace the pair, and wait until that is on the server's disk.

        Within the lock, one whose lease ended meanwhile still replaces the pair that was read under it: what was
        renewed with that pair is the only one that the portal takes now. What another has saved since stays.

        A cancellation is held back until it is saved: a lock given back before that would let others read
        the old pair.

        Raises:
            TokenStoreError: it may not have been saved: the server fails, or would forget it, or another saved since.
        """
        await seen_through(self._save(concealed(json.dumps(token.to_dict()))))

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Keep other tasks, processes and machines out; waiting can be cancelled at any time.

        Raises:
            TokenStoreError: the server fails, or would forget what is saved.
        """
        async with self._lock.current():
            lease = RedisLease(self._server, self._server.key(self._owner, "lease"), length=self._length)
            with _failures():
                await self._require_durability()
                await lease.take(OUTAGE)
            self._held = _Held(lease, asyncio.current_task())
            try:
                yield
            finally:
                self._held = None
                await lease.give_back()

    async def close(self) -> None:
        """Close the connections, if they are this store's own; it opens them again when it is used again."""
        if self._owns_server:
            await self._server.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def _key(self) -> str:
        return self._server.key(self._owner, "pair")

    async def _save(self, content: str) -> None:
        with _failures():
            await self._require_durability()
            keys = [self._key, self._server.key(self._owner, "lease")]
            held = self._held
            proof = ("", "") if held is None else (held.lease.owner, held.read)
            command = evaluation(_SAVE, keys, [content, *proof])
            (answer,) = await outlasting(partial(run_all, self._server, [command], on_disk=True))
            if isinstance(answer, RedisFailed):
                raise answer
        if not answer:
            raise TokenStoreError("the pair was not saved") from LeaseLost("another renews the tokens by now")
        if held is not None:
            held.read = _seen(content)

    async def _content(self) -> str | None:
        with self._server.explained():
            content: Any = await self._server.redis.get(self._key)
        return None if content is None else concealed(content)

    async def _require_durability(self) -> None:
        if not self._is_durable:
            await self._server.require_durability()
            self._is_durable = True


def _seen(content: str | None) -> str:
    return "-" if content is None else concealed(f"={content}")


@discreet
def _parsed(content: Any, owner: str) -> Token | None:
    token = None if content is None else _token(content)
    if content is not None and token is None:
        raise TokenStoreError(f"{owner}: holds no token of this package, or a damaged one")
    return token


def _token(content: str) -> Token | None:
    # None instead of an exception: that of `json` carries the whole text, secrets and all.
    try:
        stored = json.loads(content)
        return Token.from_dict(stored) if isinstance(stored, dict) else None
    except (ValueError, RecursionError):
        return None


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except RedisFailed as error:
        # redis-py's own error, behind it, has frames in which the pair stands.
        error.__context__ = None
        raise TokenStoreError(str(error)) from error.with_traceback(None)
