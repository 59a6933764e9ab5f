"""A method call as a value: awaited, packed into a batch or inspected, and sent at most once."""

import warnings
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar

from bitrix_chat.errors import BitrixError, InvalidParameter
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.evidence import attested
from bitrix_chat.rest.request import Announce, Exchange, Request, Response, Transport

T = TypeVar("T")


def seconds(timeout: float | None, method: str | None = None) -> float | None:
    """Return a bound in seconds, or None for no bound.

    Raises:
        InvalidParameter: it is no number of seconds above 0.
    """
    if timeout is None or (isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout > 0):
        return timeout
    raise InvalidParameter(
        f"`timeout` is {timeout!r}, but seconds are more than 0; None waits without a bound", method=method
    )


class Call(Coroutine[Any, Any, T], Generic[T]):
    """What a method of the client returns: `await` sends it and gives the typed result.

    It is a coroutine to asyncio (`gather`, `create_task`, `TaskGroup`) and compares by identity, since
    `gather` sends equal awaitables once. Awaiting it twice raises, and one that is dropped without having
    been awaited, packed or inspected warns.
    """

    __slots__ = (
        "__weakref__",
        "_alone",
        "_announce",
        "_decode",
        "_draw",
        "_exchange",
        "_request",
        "_running",
        "_seen",
        "_timeout",
        "_transport",
    )

    def __init__(
        self,
        request: Request,
        decode: Callable[[Any], T],
        transport: Transport,
        timeout: float | Literal["default"] | None = "default",
        draw: Callable[[Request], Request] | None = None,
    ) -> None:
        self._request = request
        self._decode = decode
        self._transport = transport
        self._timeout = timeout
        self._draw = draw
        self._alone = False
        self._announce: Announce | None = None
        self._exchange: Exchange | None = None
        self._running: Coroutine[Any, Any, T] | None = None
        self._seen = False

    def __repr__(self) -> str:
        return f"<Call {self._request.method}: {self.outcome.value}>"

    @property
    def request(self) -> Request:
        """What the call sends, to inspect and compare, without what is drawn as it starts (a message's template id)."""
        self._seen = True
        return self._request

    @property
    def sent(self) -> Request | None:
        """The request as it started, with what was drawn for it; None before.

        A message of unknown outcome is repeated safely under the template id in it.
        """
        return self._exchange.request if self._exchange else None

    @property
    def outcome(self) -> Outcome:
        """What is known of the request so far, also after a cancellation."""
        exchange = self._exchange
        if exchange is None:
            return Outcome.NOT_SENT
        if exchange.carrier is not None and exchange.response is None and exchange.error is None:
            carried = exchange.carrier.outcome
            # That the batch ran does not tell of this command, while nobody has taken the answer apart.
            return Outcome.UNKNOWN if carried is Outcome.DONE else carried
        return exchange.known

    @property
    def response(self) -> Response | None:
        """The raw answer once it is here: `response.result`, `response.time`."""
        return self._exchange.response if self._exchange else None

    @property
    def decode(self) -> Callable[[Any], T]:
        """How the raw result becomes the typed one."""
        return self._decode

    @property
    def is_bounded(self) -> bool:
        """Whether it has a bound of its own."""
        return self._timeout != "default"

    @property
    def is_doubtful(self) -> bool:
        """Whether it was repeated after an attempt that may have run, so that a refusal proves nothing."""
        return self._exchange is not None and self._exchange.doubtful

    @property
    def is_claimed(self) -> bool:
        """Whether it was awaited, packed or closed."""
        return self._exchange is not None

    def travels_by(self, transport: Transport) -> bool:
        """Whether it goes to the portal by this transport."""
        return self._transport is transport

    def attested(self, error: BitrixError, request: Request) -> BitrixError:
        """Return the error of one of its commands, which tells where and when it left if the outcome is unknown."""
        return error if self._exchange is None else attested(error, self._exchange, request)

    def within(self, timeout: float | None) -> Self:
        """Bound the call by `timeout` seconds, waiting included, and return it; None waits as long as it takes.

        A call inside a batch has no bound of its own: bound the batch.

        Raises:
            InvalidParameter: the timeout is not more than 0.
            RuntimeError: it was awaited, packed or closed before.
        """
        self._refuse_if_claimed()
        self._timeout = seconds(timeout, self._request.method)
        return self

    def alone(self) -> Self:
        """Keep the call out of any batch that the client packs by itself, and return it.

        Raises:
            RuntimeError: it was awaited, packed or closed before.
        """
        self._refuse_if_claimed()
        self._alone = True
        return self

    def announced(self, announce: Announce) -> Self:
        """Have `announce` awaited before the first byte of each attempt leaves, with all calls that leave with it."""
        self._refuse_if_claimed()
        self._announce = announce
        return self

    def claim(self) -> Exchange:
        """Hand the call over to whoever sends it, a batch for example; from then on it cannot be awaited.

        Raises:
            RuntimeError: it was awaited, packed or closed before.
        """
        self._refuse_if_claimed()
        request = self._request if self._draw is None else self._draw(self._request)
        self._exchange = Exchange(request, self._timeout, alone=self._alone, announce=self._announce)
        return self._exchange

    def _refuse_if_claimed(self) -> None:
        if self._exchange is not None:
            raise RuntimeError(
                f"{self._request.method}: this call was already awaited, packed or closed; make a new one"
            )

    async def _run(self, exchange: Exchange) -> T:
        response = await self._transport.send(exchange)
        return self._decode(response.result)

    def __await__(self) -> Generator[Any, Any, T]:
        return self._run(self.claim()).__await__()

    def _started(self) -> Coroutine[Any, Any, T]:
        if self._running is None:
            self._running = self._run(self.claim())
        return self._running

    def send(self, value: Any, /) -> Any:
        """Drive the call as a coroutine; asyncio's part."""
        return (self._running or self._started()).send(value)

    def throw(
        self,
        typ: Any,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> Any:
        """Throw into the call as into a coroutine; asyncio's part."""
        if val is None and tb is None:
            return self._started().throw(typ)
        return self._started().throw(typ, val, tb)

    def close(self) -> None:
        """Give the call up without sending it, or stop it as a coroutine is stopped."""
        if self._running is not None:
            self._running.close()
        elif self._exchange is None:
            self.claim()

    def __del__(self) -> None:
        if not self._seen and self._exchange is None:
            warnings.warn(f"{self._request.method} was never awaited", RuntimeWarning, stacklevel=2, source=self)
