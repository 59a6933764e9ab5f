"""What every resource is made of: a transport, and a way to make calls of a dialect."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bitrix_chat.converters import CAMEL_REQUESTS, UPPER_REQUESTS, wire
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Key, Request, Safety, Transport
from bitrix_chat.rest.safety import SAFETY

T = TypeVar("T")
Decode = Callable[[Any], T]
Draw = Callable[[Request], Request]


class Resource:
    """A branch of the REST tree over one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _camel(
        self,
        method: str,
        params: Mapping[str, Any],
        decode: Decode[T],
        *,
        safety: Safety | None = None,
        draw: Draw | None = None,
        key: Key | None = None,
    ) -> Call[T]:
        """Make a call of `imbot.v2` or `im.v2`; what is None was not given, `safety` is the table's by default."""
        request = Request(method, wire(CAMEL_REQUESTS, params), _safety(method, safety, key), key)
        return Call(request, decode, self._transport, draw=draw)

    def _upper(
        self,
        method: str,
        params: Mapping[str, Any],
        decode: Decode[T],
        *,
        safety: Safety | None = None,
        draw: Draw | None = None,
        key: Key | None = None,
    ) -> Call[T]:
        """Make a call of `im` or another branch with upper-case parameters, as `_camel` does."""
        request = Request(method, wire(UPPER_REQUESTS, params), _safety(method, safety, key), key)
        return Call(request, decode, self._transport, draw=draw)


def _safety(method: str, given: Safety | None, key: Key | None) -> Safety:
    return given or (SAFETY[method].safety if key is None else Safety.KEYED)


class BotScopedResource(Resource):
    """A branch of `imbot.v2` that acts for one bot, whose id and token go along with every call."""

    def __init__(self, transport: Transport, bot: Mapping[str, Any]) -> None:
        super().__init__(transport)
        self._bot = bot
