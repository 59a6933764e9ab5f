"""A lease in Redis: one holds it on all machines, for as long as it says that it lives.

The holder renews it at a third of its length, so that a moment without the server costs nothing. A holder that died
is waited for until the lease ends; one that was only stopped for longer than that has lost it, and is told: its own
clock says so before the server's does, on Linux also after the machine slept. Elsewhere sleep may hide from it that the
lease ended, and anywhere a command may be under way then; so what must not be written by two compares the `owner` in
the script that writes it.
"""

import asyncio
import secrets
from contextlib import suppress
from typing import Final
from weakref import ReferenceType, ref

from bitrix_chat.redis.errors import LeaseLost, RedisAway, RedisFailed
from bitrix_chat.redis.outages import growing, outlasting
from bitrix_chat.redis.server import RedisServer
from bitrix_chat.transport.announcing import uptime

LENGTH: Final = 30.0
"""Seconds after which a lease that is not renewed is free."""
_POLL: Final = (0.05, 0.6)
"""Between two attempts, the longest first pause, and the longest of all: a long wait costs the server little."""

_TAKE: Final = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_GIVE_BACK: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""

_giving_back: Final[set["asyncio.Task[None]"]] = set()


class RedisLease:
    """One key that names its holder, from `take` until `give_back`; a dropped object gives up renewing it.

    Args:
        server: where the key is.
        key: its name.
        length: seconds after which it is free if it is not renewed.

    Attributes:
        key: the key.
        owner: what names this holder; new each time it is taken.
        lost: set as soon as another may hold it.
    """

    def __init__(self, server: RedisServer, key: str, *, length: float = LENGTH) -> None:
        self.key = key
        self.owner = ""
        self.lost = asyncio.Event()
        self._server = server
        self._length = length
        self._ends_at: float | None = None
        self._renewing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<RedisLease {self.key}: {'held' if self.is_held else 'not held'}>"

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have it."""
        return self._ends_at is not None and not self.lost.is_set() and uptime() < self._ends_at

    async def try_take(self, outage: float = 0.0) -> bool:
        """Take it and return True; False where somebody has it.

        Args:
            outage: seconds for which the server may be away meanwhile.

        Raises:
            RedisFailed: the server does not answer; nothing is held.
        """
        self.owner, self.lost = secrets.token_hex(16), asyncio.Event()
        try:
            # Under one name: what was taken although the answer got lost is ours when it is asked for again.
            is_taken = await outlasting(self._ask, outage)
        except BaseException:
            self._give_back_soon(self.owner)  # whether it was taken is not known
            raise
        if is_taken:
            self.tend()
        return is_taken

    async def take(self, outage: float = 0.0) -> None:
        """Wait until it is taken; a wait that is cancelled leaves nothing behind.

        Args:
            outage: seconds for which the server may be away meanwhile, each time.

        Raises:
            RedisFailed: the server does not answer.
        """
        for pause in growing(*_POLL):  # another machine can set no event of ours
            if await self.try_take(outage):
                return
            await asyncio.sleep(pause)

    def tend(self) -> None:
        """See that it is renewed in the running loop, where the one in which it was taken has ended."""
        loop = asyncio.get_running_loop()
        if self._renewing is None or self._renewing.get_loop() is not loop:
            self._renewing = loop.create_task(_renew(ref(self)))

    def check(self) -> None:
        """Return if it is held.

        Raises:
            LeaseLost: it is not, or not any more.
        """
        if not self.is_held:
            raise LeaseLost("a lease was not renewed in time, so that another may hold it now")

    async def give_back(self) -> None:
        """Let others have it at once; if the server does not answer, they have it when it ends."""
        giving = self.give_back_soon()
        if giving is not None:
            await asyncio.shield(giving)

    def give_back_soon(self) -> "asyncio.Task[None] | None":
        """Do so without waiting; None where it is not held, or no loop is left to do it in."""
        if self._ends_at is None:
            return None
        self._ends_at = None
        renewing, self._renewing = self._renewing, None
        giving = self._give_back_soon(self.owner)
        if renewing is not None and giving is not None and renewing.get_loop() is giving.get_loop():
            renewing.cancel()
        return giving

    async def _ask(self) -> bool:
        begun = uptime()
        is_taken = bool(await self._server.run(_TAKE, [self.key], [self.owner, self._milliseconds]))
        if is_taken:
            self._ends_at = begun + self._length
        return is_taken

    def _give_back_soon(self, owner: str) -> "asyncio.Task[None] | None":
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        giving = loop.create_task(_give_back(self._server, self.key, owner))
        _giving_back.add(giving)
        giving.add_done_callback(_giving_back.discard)
        return giving

    @property
    def _milliseconds(self) -> int:
        return max(1, round(self._length * 1000))

    @property
    def renewed_in(self) -> float | None:
        """Seconds until it is to be renewed; None where it is not held."""
        if self._ends_at is None or self.lost.is_set():
            return None
        return max(0.0, self._ends_at - self._length * 2 / 3 - uptime())

    async def renew(self) -> None:
        """Renew it, again and again as long as the server is away and it has not ended."""
        while self.is_held and self._ends_at is not None:
            begun = uptime()
            with suppress(RedisAway, TimeoutError):
                async with asyncio.timeout(self._ends_at - begun):
                    if await self._server.run(_RENEW, [self.key], [self.owner, self._milliseconds]):
                        self._ends_at = begun + self._length
                        return
                    break
            await asyncio.sleep(min(1.0, self._length / 30))
        self.lost.set()


async def _renew(lease_of: "ReferenceType[RedisLease]") -> None:
    # By a weak reference: what nobody holds any more must not live on because it is renewed.
    while (lease := lease_of()) is not None and (pause := lease.renewed_in) is not None:
        del lease
        await asyncio.sleep(pause)
        lease = lease_of()
        if lease is not None and lease.renewed_in == 0:
            try:
                await lease.renew()
            except RedisFailed:
                lease.lost.set()
        del lease


async def _give_back(server: RedisServer, key: str, owner: str) -> None:
    with suppress(RedisFailed):
        await server.run(_GIVE_BACK, [key], [owner])
