"""An event in the hands of its consumer: it comes again until somebody says that it is finished."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from attrs import define, evolve, field, frozen

from bitrix_chat.events.event import BotEvent, Event
from bitrix_chat.resources.imbot.handle import BotHandle


@define(eq=False)
class Settlement:
    """What a source does once it is told how its delivery ended, and whether it was."""

    acknowledge: Callable[[], Awaitable[None]]
    give_back: Callable[[], None]
    is_settled: bool = False
    was_given_back: bool = False
    _writing: "asyncio.Future[None] | None" = None

    async def ack(self) -> None:
        """Settle as finished; where that cannot be written down, nothing is settled.

        A cancellation does not stop the writing: half of it would leave an event that nobody takes or gives back.
        """
        if self.is_settled:
            return
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._write())
            self._writing.add_done_callback(_seen)
        await asyncio.shield(self._writing)

    async def _write(self) -> None:
        try:
            await self.acknowledge()
            self.is_settled = True
        finally:
            self._writing = None

    def nack(self) -> None:
        """Settle as not finished."""
        if not self.is_settled and self._writing is None:
            self.is_settled = self.was_given_back = True
            self.give_back()


def _seen(writing: "asyncio.Future[None]") -> None:
    if not writing.cancelled():
        writing.exception()  # whoever was cancelled meanwhile does not look any more


@frozen(eq=False)
class Delivery:
    """An event, to be acknowledged when it was handled: `async with delivery: await handle(delivery.event)`.

    What is not acknowledged comes again, to the next process at the latest.

    Attributes:
        event: what happened.
        key: names the event among all that the store knows: the same each time.
        attempt: 1 for the first time, counted by this process.
        bot: the bot that the event is bound to, None where its source knows none.
    """

    event: Event
    key: str = field(kw_only=True)
    attempt: int = field(default=1, kw_only=True)
    bot: BotHandle | None = field(default=None, kw_only=True)
    _settlement: Settlement = field(kw_only=True, repr=False)

    @property
    def is_settled(self) -> bool:
        """Whether it was acknowledged, or given back; nothing changes that."""
        return self._settlement.is_settled

    @property
    def was_given_back(self) -> bool:
        """Whether somebody said that it is not finished."""
        return self._settlement.was_given_back

    async def ack(self) -> None:
        """Say that the event is finished, and return when that is written down; the portal learns of it later.

        A second call does nothing, and neither does one after `nack`.

        Raises:
            EventStoreError: it could not be written down; the event comes again unless another call can.
        """
        await self._settlement.ack()

    async def nack(self, error: BaseException | None = None) -> None:  # noqa: ARG002  # whoever wraps a source may look
        """Say that it is not finished: the same source delivers it again, later with each attempt."""
        self._settlement.nack()

    def bound_to(self, bot: BotHandle) -> "Delivery":
        """Return the same delivery of an event that is answered as `bot`."""
        return evolve(self, event=self.event.bound_to(bot), bot=bot)

    def concerns(self, bot: BotHandle) -> bool:
        """Whether the event is that of `bot`, or of none in particular."""
        return not isinstance(self.event, BotEvent) or self.event.bot.id == bot.id

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            await self.ack()
        else:
            await self.nack(error)


@runtime_checkable
class Source(Protocol):
    """Where deliveries come from: an async iterator whose `__anext__` may be cancelled and called again."""

    def __aiter__(self) -> Self:
        """Return itself."""
        ...

    async def __anext__(self) -> Delivery:
        """Wait for the next delivery, without acknowledging any."""
        ...

    async def aclose(self) -> None:
        """Tell the portal of what is finished, and let another consumer have the rest."""
        ...
