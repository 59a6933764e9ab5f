"""What lives as long as the server does: one client for all its requests, and the work beside them."""

import asyncio
import inspect
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, TypeAlias

from bitrix_chat.client import BitrixChat
from bitrix_chat.events.dead_letters import error_text

logger: Final = logging.getLogger("bitrix_chat")

MakeClient: TypeAlias = Callable[[], BitrixChat | Awaitable[BitrixChat]]
"""Makes the client, in the server's own loop; `BitrixChat.from_env` is one."""
OnFailure: TypeAlias = Callable[[BaseException], object]
"""Told by what error a work has ended that should not have; `stop_server` is one."""


def stop_server(error: BaseException) -> None:  # noqa: ARG001  # it was logged
    """Stop the server as its supervisor would, by SIGTERM to this very process, so that it is started anew."""
    signal.raise_signal(signal.SIGTERM)


@asynccontextmanager
async def opened(make: MakeClient) -> AsyncIterator[BitrixChat]:
    """Open the client, and close it in the end."""
    made = make()
    async with await made if inspect.isawaitable(made) else made as b24:
        yield b24


@asynccontextmanager
async def background(work: Coroutine[Any, Any, object], *, on_failure: OnFailure | None = None) -> AsyncIterator[None]:
    """Let something work beside the server, `bot.run(...)` for example, and cancel it in the end, so that it drains.

    Work that fails is logged at once. `on_failure` is told, and when the server ends the error is raised again; until
    then the server goes on, which keeps what is posted for the next process.
    """
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(partial(_tell, on_failure))
    try:
        yield
    finally:
        task.cancel()
        await _ended(task)
    if not task.cancelled():
        task.result()


async def _ended(task: "asyncio.Task[object]") -> None:
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        # Whoever is in a hurry does not wait until it has drained, but until it has stopped.
        task.cancel()
        await asyncio.wait([task])
        raise


def _tell(on_failure: OnFailure | None, task: "asyncio.Task[object]") -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    logger.critical("the work beside the server has failed, and nothing is handled any more:\n%s", error_text(error))
    if on_failure is not None:
        on_failure(error)
