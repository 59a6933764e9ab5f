"""Which handler takes which event: the first that fits, in the order in which they were registered, and no other."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias, TypeVar

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.bot_events import CommandAdded
from bitrix_chat.events.delivery import Delivery
from bitrix_chat.events.event import Event
from bitrix_chat.events.handlers import Handle, Handler, handler

E = TypeVar("E", bound=Event)
H = TypeVar("H", bound=Handle)

Around: TypeAlias = Callable[[Delivery], AbstractAsyncContextManager[object]]
"""Makes what is entered before a handler and left after it."""
A = TypeVar("A", bound="Callable[[Delivery], AbstractAsyncContextManager[object] | AsyncIterator[object]]")


class EventRouter:
    """Finds the handler of an event.

    Handlers and included routers are asked in the order of their registration; the first that takes an event handles it
    alone. What none takes is acknowledged and counted.

        router = EventRouter()

        @router.on(MessageAdded, lambda event: event.chat.is_group)
        async def greet(event: MessageAdded, chat: ChatHandle) -> None:
            await chat.send(f"You said: {event.message.text}")

        @router.command("report")
        async def report(event: CommandAdded) -> None:
            await event.answer("Working on it")
    """

    def __init__(self) -> None:
        self._entries: list[Handler | EventRouter] = []
        self._around: list[Around] = []

    def __repr__(self) -> str:
        return f"<EventRouter: {len(self._entries)} entries>"

    def on(self, kind: type[E], *predicates: Callable[[E], object]) -> Callable[[H], H]:
        """Register the decorated function for the events of a class, its subclasses included.

        The function is async and takes the event. Further parameters are given by their annotations: a `ChatHandle`
        is the event's chat, a `BotHandle` the bot, a `Delivery` tells attempt and key. One function may be
        registered several times.

        Args:
            kind: the class; `Event` takes whatever no handler before it has taken.
            predicates: plain functions of the event, all of which have to return something true. One that
                raises counts as a failure of the handler.

        Raises:
            InvalidParameter: the function is not async, or has a parameter that nobody gives.
        """

        def register(handle: H) -> H:
            self._entries.append(handler(kind, predicates, handle))
            return handle

        return register

    def command(self, name: str, *predicates: Callable[[CommandAdded], object]) -> Callable[[H], H]:
        """Register the decorated function for a command of the bot, with or without its slash; see `on`."""
        if not isinstance(name, str) or not (wanted := name.strip().removeprefix("/").lower()):
            raise InvalidParameter(f"`name` is {name!r}, not the name of a command")

        def is_wanted(event: CommandAdded) -> bool:
            return event.command.name.lower() == wanted

        return self.on(CommandAdded, is_wanted, *predicates)

    def include(self, router: "EventRouter") -> None:
        """Ask another router at this place.

        Raises:
            InvalidParameter: it is no router, or includes this one.
        """
        if not isinstance(router, EventRouter):
            raise InvalidParameter(f"`router` is {type(router).__name__}, not an EventRouter")
        if self in router.family():
            raise InvalidParameter("`router` includes this one: an event would go round in a circle")
        self._entries.append(router)

    def around(self, around: A) -> A:
        """Enter what the decorated function makes of a delivery before each handler, and leave it afterwards.

        The function is an `asynccontextmanager`, or an async generator that yields once. The one registered first is
        the outermost; those of a router surround those of the routers it includes. One that swallows an error makes
        the event a handled one.
        """
        made: Any = around
        if inspect.isasyncgenfunction(around):
            made = asynccontextmanager(around)
        elif not callable(around) or inspect.iscoroutinefunction(around):
            raise InvalidParameter(
                "`around` takes an async generator or a function that makes an async context manager"
            )
        self._around.append(made)
        return around

    async def dispatch(self, delivery: Delivery) -> bool:
        """Let the first handler that fits handle the event; False if there is none. Nothing is acknowledged here."""
        found = self.find(delivery.event)
        if found is None:
            return False
        handle, arounds = found
        async with AsyncExitStack() as stack:
            for around in arounds:
                await stack.enter_async_context(around(delivery))
            await handle(delivery)
        return True

    def find(self, event: Event) -> tuple[Handler, list[Around]] | None:
        """Return the handler that takes an event, and what surrounds it; None if none does."""
        for entry in self._entries:
            if isinstance(entry, Handler):
                if entry.takes(event):
                    return entry, list(self._around)
            elif (found := entry.find(event)) is not None:
                return found[0], [*self._around, *found[1]]
        return None

    def family(self) -> Iterator["EventRouter"]:
        """Yield this router and those that it includes, and that these include."""
        yield self
        for entry in self._entries:
            if isinstance(entry, EventRouter):
                yield from entry.family()
