"""Who may take the events of which consumer: one on all machines, who is told when another may have taken over."""

import asyncio

from attrs import define, field

from bitrix_chat.events.errors import ConsumerBusy
from bitrix_chat.events.leases import busy
from bitrix_chat.redis.errors import LeaseLost
from bitrix_chat.redis.lease import LENGTH, RedisLease
from bitrix_chat.redis.outages import OUTAGE
from bitrix_chat.redis.server import RedisServer


@define(eq=False)
class ConsumerLease:
    """A lease, given back with the object at the latest."""

    _consumers: "Consumers"
    _name: str
    _lease: RedisLease | None

    def __call__(self) -> None:
        """Give it back, in the background."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._consumers.let_go(self._name, lease)

    def __del__(self) -> None:
        self()


@define(eq=False)
class Consumers:
    """The leases that one store has handed out.

    Attributes:
        server: where they are.
        length: seconds after which one that is not renewed is free.
    """

    server: RedisServer
    length: float = LENGTH
    _held: dict[str, RedisLease] = field(factory=dict, init=False)
    _leaving: set["asyncio.Task[None]"] = field(factory=set, init=False)

    async def take(self, name: str, key: str) -> ConsumerLease:
        """Take a consumer.

        Raises:
            ConsumerBusy: somebody has it.
            RedisFailed: the server does not answer.
        """
        if name in self._held:
            raise busy(name)
        await self.settle()
        lease = RedisLease(self.server, key, length=self.length)
        if not await lease.try_take(OUTAGE):
            raise busy(name)
        self._held[name] = lease
        return ConsumerLease(self, name, lease)

    def owner(self, name: str) -> str:
        """Return what proves in a script that a consumer is ours; '' where it was never taken.

        Raises:
            ConsumerBusy: it was lost.
        """
        lease = self._held.get(name)
        if lease is None:
            return ""
        lease.tend()
        try:
            lease.check()
        except LeaseLost as error:
            raise lost(name) from error
        return lease.owner

    def check(self) -> None:
        """Return if none was lost.

        Raises:
            ConsumerBusy: one was.
        """
        for name in self._held:
            self.owner(name)

    def let_go(self, name: str, lease: RedisLease) -> None:
        """Begin to give a lease back."""
        if self._held.get(name) is lease:
            del self._held[name]
        leaving = lease.give_back_soon()
        if leaving is not None:
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def settle(self) -> None:
        """Return when what was let go of is given back."""
        loop = asyncio.get_running_loop()
        leaving = [task for task in self._leaving if task.get_loop() is loop]
        if leaving:
            await asyncio.wait(leaving)


def lost(name: str) -> ConsumerBusy:
    """Return the error of whoever was away for longer than a lease lasts."""
    return ConsumerBusy(
        f"the events of {name} may be taken by another consumer, since the lease was not renewed in time; begin again"
    )
