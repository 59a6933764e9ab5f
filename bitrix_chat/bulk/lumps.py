"""Specs as they are pulled: many at a time where they are there, and never waiting for one that is still to come."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from itertools import islice
from typing import Final, Generic, TypeVar

G = TypeVar("G")

LUMP: Final = 200
"""Specs pulled at a time at most."""


async def lumps_of(specs: Iterable[G] | AsyncIterable[G]) -> AsyncGenerator[list[G], None]:
    """Yield all specs in their order; what an iterator gave before it failed comes before its exception."""
    if isinstance(specs, AsyncIterable):
        pulled = _Pulled(specs)
        try:
            while lump := await pulled.lump():
                yield lump
        finally:
            await pulled.close()
        return
    iterator = iter(specs)
    while True:
        lump, failure = _next_of(iterator)
        if lump:
            yield lump
        if failure is not None:
            raise failure
        if len(lump) < LUMP:
            return
        await asyncio.sleep(0)  # an endless iterable must not hold the loop


def _next_of(iterator: Iterator[G]) -> tuple[list[G], Exception | None]:
    lump: list[G] = []
    try:
        for given in islice(iterator, LUMP):
            lump.append(given)  # noqa: PERF402  # what came before an exception must not be lost
    except Exception as failure:  # noqa: BLE001  # the caller's iterator may raise anything
        return lump, failure
    return lump, None


class _Pulled(Generic[G]):
    """What an async iterable has given and nobody has taken yet."""

    def __init__(self, specs: AsyncIterable[G]) -> None:
        self._specs = specs
        self._given: deque[G] = deque()
        self._has_more, self._has_room = asyncio.Event(), asyncio.Event()
        self._pulling = asyncio.get_running_loop().create_task(self._pull())

    async def lump(self) -> list[G]:
        """Return what is there, at least one; nothing at the end."""
        self._has_room.set()
        await self._has_more.wait()
        lump = list(self._given)
        self._given.clear()
        if not lump:
            await self._pulling
        elif not self._pulling.done():
            self._has_more.clear()
        return lump

    async def close(self) -> None:
        """Pull no more."""
        self._pulling.cancel()
        await asyncio.wait([self._pulling])
        if not self._pulling.cancelled():
            self._pulling.exception()  # whoever takes no more does not want to know

    async def _pull(self) -> None:
        try:
            await self._has_room.wait()
            async for given in self._specs:
                self._given.append(given)
                self._has_more.set()
                if len(self._given) >= LUMP:
                    self._has_room.clear()
                await self._has_room.wait()
        finally:
            self._has_more.set()
