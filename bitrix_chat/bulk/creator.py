"""How one chat is created and looked after, as a bulk run sees it: what differs between a user's chats and a bot's."""

import inspect
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Generic, TypeVar

from attrs import frozen

from bitrix_chat.bulk.spec import ChatSpec
from bitrix_chat.errors import InvalidParameter
from bitrix_chat.limits.bucket import STANDARD
from bitrix_chat.limits.conditions import Conditions
from bitrix_chat.limits.limiter import MAX_IN_FLIGHT
from bitrix_chat.limits.operating import CLOUD_LIMIT
from bitrix_chat.rest.batch import MAX_COMMANDS
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Request, Response, Transport
from bitrix_chat.transport.dispatch import WaitsFor
from bitrix_chat.transport.grouping import LONGEST
from bitrix_chat.transport.portal import PortalTransport

T = TypeVar("T")


@frozen(slots=False)
class Creator(Generic[T]):
    """Makes the calls of one kind.

    Attributes:
        method: the REST method.
        transport: by what they travel.
        add: makes a call; `chat.add` of a resource.
        chat_id_of: reads the id in what the call returns.
        bot_id: the bot, None for a user's chats.
    """

    method: str
    transport: Transport
    add: Callable[..., Call[T]]
    chat_id_of: Callable[[T], int]
    bot_id: str | None = None

    def call(self, spec: ChatSpec, key: str | None, *, is_new: bool) -> Call[T]:
        """Return the call that creates a chat.

        Raises:
            InvalidParameter: a value that the portal would drop or cut, or one that this kind of chat does not have.
        """
        fields = spec.given()
        if not fields.keys() <= self._names:
            foreign = min(fields.keys() - self._names)
            raise InvalidParameter(f"`{foreign}` is no part of a chat of {self.method}", method=self.method)
        return self.add(**fields) if key is None else self.add(**fields, key=key, key_is_new=is_new)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(inspect.signature(self.add).parameters)

    @property
    def queue(self) -> PortalTransport | None:
        """What takes calls without a coroutine for each; None where the transport is another."""
        return self.transport if isinstance(self.transport, PortalTransport) else None

    async def host(self) -> str:
        """Return the portal's host."""
        return await self.transport.host() if isinstance(self.transport, PortalTransport) else ""

    async def conditions(self) -> Conditions:
        """Return what the limits allow now; those of a standard plan where the transport knows of none."""
        if isinstance(self.transport, PortalTransport):
            return await self.transport.queue.conditions(self.method)
        return Conditions(
            plan=STANDARD,
            free=int(STANDARD.burst),
            reserve=0,
            max_in_flight=MAX_IN_FLIGHT,
            max_commands=MAX_COMMANDS,
            longest_batch=LONGEST,
            operating_limit=CLOUD_LIMIT,
        )

    @property
    def waits_for(self) -> WaitsFor | None:
        """What calls wait for now."""
        return self.transport.queue.waits_for if isinstance(self.transport, PortalTransport) else None

    async def assume_sent(self, seconds_ago: float) -> None:
        """Take it that the request limit was used up so many seconds ago."""
        if isinstance(self.transport, PortalTransport):
            await self.transport.queue.assume_sent(seconds_ago)

    async def recall(self, request: Request, sent_at: datetime, seconds_ago: float) -> None:
        """Remember what an earlier process has sent without having heard of its end."""
        if isinstance(self.transport, PortalTransport):
            await self.transport.keys.recall(request, sent_at, seconds_ago)

    async def resolve(self, request: Request) -> Response | None:
        """Find out by lookups what became of a request that bears a key; None if it did not run."""
        if isinstance(self.transport, PortalTransport):
            return await self.transport.keys.resolve(request)
        raise InvalidParameter("a transport of your own looks nothing up", method=self.method)

    async def is_taught(self) -> bool:
        """Return whether a lookup that finds nothing proves anything: of a bot's chats that has to be seen first."""
        if self.bot_id is None or not isinstance(self.transport, PortalTransport):
            return True
        return await self.transport.keys.keeps_entities()

    async def refuses_keys(self) -> bool:
        """Return whether the portal was seen to drop the entity of a bot's chat, so that keys are of no use there."""
        if self.bot_id is None or not isinstance(self.transport, PortalTransport):
            return False
        return await self.transport.keys.drops_entities()

    async def teach(self) -> None:
        """Take it from an earlier process that the portal keeps the entity of a bot's chat."""
        if isinstance(self.transport, PortalTransport):
            await self.transport.keys.learn_that_entities_are_kept()
