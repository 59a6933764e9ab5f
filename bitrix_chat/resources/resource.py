"""What every resource is made of: a transport, and a way to make calls of a dialect."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from bitrix_chat.converters import CAMEL_REQUESTS, UPPER_REQUESTS, wire
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Request, Safety, Transport

T = TypeVar("T")


class Resource:
    """A branch of the REST tree over one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _camel(self, method: str, params: Mapping[str, Any], decode: Callable[[Any], T], safety: Safety) -> Call[T]:
        """Make a call of `imbot.v2` or `im.v2`; what is None was not given."""
        return Call(Request(method, wire(CAMEL_REQUESTS, params), safety), decode, self._transport)

    def _upper(self, method: str, params: Mapping[str, Any], decode: Callable[[Any], T], safety: Safety) -> Call[T]:
        """Make a call of `im` or another branch with upper-case parameters; what is None was not given."""
        return Call(Request(method, wire(UPPER_REQUESTS, params), safety), decode, self._transport)
