"""What must not be left half done, because what comes next relies on it, is done although its caller is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def seen_through(work: Coroutine[Any, Any, T]) -> T:
    """Do some work to its end, and hold back a cancellation until then."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            await _again(task)
        if not task.cancelled():
            task.exception()  # seen, so that the loop does not complain of it later
        raise


async def _again(task: "asyncio.Task[Any]") -> None:
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        if asyncio.get_running_loop().is_closed():
            raise
