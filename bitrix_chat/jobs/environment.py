"""The worker that the environment describes, for engines that call a function and hand nothing over."""

import asyncio
import os
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final

from attrs import define, field

from bitrix_chat.client import BitrixChat
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.jobs.clients import OneClient
from bitrix_chat.jobs.journals import redis_journals
from bitrix_chat.jobs.worker import Worker
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.rest.secret import concealed_if_given
from bitrix_chat.rest.tracebacks import discreet

JOURNALS: Final = "BITRIX_CHAT_JOURNALS"
_BOT_TOKEN: Final = "BITRIX24_BOT_TOKEN"  # noqa: S105  # a variable's name


@discreet
def worker_from_env(
    environ: Mapping[str, str] = os.environ, *, server: str | None = None
) -> AbstractAsyncContextManager[Worker]:
    """Open the worker of one portal.

    The portal is what `BitrixChat.from_env` reads, `BITRIX24_BOT_TOKEN` the token of its bot. Journals are on the Redis
    server of `BITRIX_CHAT_JOURNALS`, and the limits are shared there, too, unless `BITRIX24_SHARED` says otherwise.

    Args:
        environ: where to look.
        server: the server where `BITRIX_CHAT_JOURNALS` is not set.

    Raises:
        InvalidParameter: a variable is missing; the message names it.
        RedisFailed: the server is away, or keeps no append-only file.
    """
    address = environ.get(JOURNALS) or server
    if address is None:
        raise InvalidParameter(f"the environment variable {JOURNALS} is not set: redis://host/0, for example")
    shared = environ.get("BITRIX24_SHARED") or address
    # A portal on this very machine is the emulator, which speaks plain http.
    b24 = BitrixChat.from_env(environ, shared=shared, allow_insecure_loopback=True)
    return _opened(RedisServer(address), b24, concealed_if_given(environ.get(_BOT_TOKEN)))


@asynccontextmanager
async def _opened(redis: RedisServer, b24: BitrixChat, token: str | None) -> AsyncIterator[Worker]:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(redis.close)
        await redis.require_durability()
        await stack.enter_async_context(b24)
        yield Worker(clients=OneClient(b24), journals=redis_journals(redis), bot_token=lambda _portal, _bot: token)


@define(eq=False)
class _Held:
    """The worker of one event loop."""

    lock: asyncio.Lock = field(factory=asyncio.Lock)
    stack: AsyncExitStack = field(factory=AsyncExitStack)
    worker: Worker | None = None


_held: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Held] = weakref.WeakKeyDictionary()


async def run_job(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Do what `Worker.run_job` does, by the worker of the environment; it is opened once for each event loop.

    Call it in one event loop that lasts, and `close_worker` there in the end: a loop for each job would throw away
    the connections each time, and nothing could travel together.

    Raises:
        InvalidParameter: the environment does not describe a worker.
        WrongJob: as for `Worker.run_job`.
        JobPostponed: as for `Worker.run_job`.
    """
    held = _held.setdefault(asyncio.get_running_loop(), _Held())
    async with held.lock:
        if held.worker is None:
            held.worker = await held.stack.enter_async_context(worker_from_env())
    return await held.worker.run_job(spec)


async def close_worker() -> None:
    """Close what `run_job` has opened in this event loop; jobs that run there should have ended."""
    held = _held.pop(asyncio.get_running_loop(), None)
    if held is not None:
        await held.stack.aclose()
