"""A handler as the router keeps it: read once, when it is registered, so that what cannot work is refused there."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias, get_type_hints

from attrs import field, fields_dict, frozen

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.delivery import Delivery
from bitrix_chat.events.errors import EventNotBound
from bitrix_chat.events.event import Event
from bitrix_chat.events.handles import ChatHandle
from bitrix_chat.resources.imbot.handle import BotHandle

Handle: TypeAlias = Callable[..., Awaitable[object]]
"""An async function of an event, and of whatever else its annotations ask for."""
Give: TypeAlias = Callable[[Delivery], Any]


def _chat_of(delivery: Delivery) -> Any:
    return getattr(delivery.event, "chat")  # noqa: B009  # that the class has one was checked


def _bot_of(delivery: Delivery) -> BotHandle:
    if delivery.bot is None:
        raise EventNotBound("the handler asks for a bot, and the source of this event knows none for it")
    return delivery.bot


def _itself(delivery: Delivery) -> Delivery:
    return delivery


@frozen(eq=False)
class Handler:
    """One registered handler.

    Attributes:
        kind: the class whose events it takes, subclasses included.
        predicates: what else must be true of an event.
        handle: the function itself.
        given: what it gets besides the event, by the names of its parameters.
    """

    kind: type[Event]
    predicates: tuple[Callable[[Any], object], ...]
    handle: Handle
    given: Mapping[str, Give] = field(factory=dict)

    def takes(self, event: Event) -> bool:
        """Whether the event is one for it."""
        return isinstance(event, self.kind) and all(predicate(event) for predicate in self.predicates)

    async def __call__(self, delivery: Delivery) -> None:
        """Handle the event of a delivery."""
        await self.handle(delivery.event, **{name: give(delivery) for name, give in self.given.items()})


def handler(kind: type[Event], predicates: tuple[Callable[[Any], object], ...], handle: Handle) -> Handler:
    """Read a handler.

    Raises:
        InvalidParameter: it is no async function, or asks for what nobody gives; the message names the parameter.
    """
    if not (isinstance(kind, type) and issubclass(kind, Event)):
        raise InvalidParameter(f"`on` takes a class of events, not {kind!r}")
    for predicate in predicates:
        if not callable(predicate) or _is_async(predicate):
            raise InvalidParameter(f"{_name(predicate)}: a predicate is a plain function of the event")
    if not callable(handle) or not _is_async(handle):
        raise InvalidParameter(f"{_name(handle)}: a handler is an async function; `async def` makes it one")
    return Handler(kind, predicates, handle, _given(kind, handle))


def _given(kind: type[Event], handle: Handle) -> dict[str, Give]:
    first, *others = _parameters(handle)
    hints = _hints(handle)
    _check_first(kind, handle, first, hints.get(first.name))
    return {
        parameter.name: _give(kind, handle, parameter.name, hints.get(parameter.name))
        for parameter in others
        if parameter.default is parameter.empty
    }


def _parameters(handle: Handle) -> list[inspect.Parameter]:
    variable = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    found = [each for each in inspect.signature(handle).parameters.values() if each.kind not in variable]
    if not found or found[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise InvalidParameter(f"{_name(handle)}: a handler takes the event as its first parameter")
    for parameter in found[1:]:
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
            raise InvalidParameter(f"{_name(handle)}: `{parameter.name}` is given by name; let it stand behind the `/`")
    return found


def _hints(handle: Handle) -> dict[str, Any]:
    function: Any = handle.func if isinstance(handle, partial) else handle
    try:
        return get_type_hints(inspect.unwrap(function if inspect.isroutine(function) else type(function).__call__))
    except NameError as error:
        raise InvalidParameter(
            f"{_name(handle)}: an annotation names `{error.name}`, which is not there at run time; import it outside of"
            " `if TYPE_CHECKING`"
        ) from error


def _check_first(kind: type[Event], handle: Handle, parameter: inspect.Parameter, hint: Any) -> None:
    if isinstance(hint, type) and hint is not object and not (issubclass(hint, Event) and issubclass(kind, hint)):
        raise InvalidParameter(
            f"{_name(handle)}: `{parameter.name}` is the event, a {kind.__name__} by the registration, not a"
            f" {hint.__name__}"
        )


def _give(kind: type[Event], handle: Handle, name: str, hint: Any) -> Give:
    for known, give in _GIVEN.items():
        if isinstance(hint, type) and issubclass(hint, known):
            if known is ChatHandle and "chat" not in fields_dict(kind):
                raise InvalidParameter(f"{_name(handle)}: `{name}` is the chat, and a {kind.__name__} has none")
            return give
    said = "has no annotation" if hint is None else f"is a {getattr(hint, '__name__', hint)}"
    raise InvalidParameter(
        f"{_name(handle)}: `{name}` {said}; besides the event it may ask for a ChatHandle, a BotHandle or a Delivery"
    )


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _name(function: object) -> str:
    return f"`{getattr(function, '__qualname__', None) or repr(function)}`"


_GIVEN: Final[Mapping[type, Give]] = {ChatHandle: _chat_of, BotHandle: _bot_of, Delivery: _itself}
