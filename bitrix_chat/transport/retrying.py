"""Repeats what may be repeated, by outcome and never by the kind of exception: the one module that knows backoff."""

import asyncio
import functools
import random
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from attrs import frozen

from bitrix_chat.errors import (
    BitrixError,
    ClientClosed,
    DeadlineExceeded,
    InvalidParameter,
    MessageInProgress,
    OperationTimeLimit,
    UntrustedCertificate,
)
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.accounting import is_in_progress
from bitrix_chat.rest.request import Exchange, Response, Safety, Transport
from bitrix_chat.transport.deadline import final, within


@frozen
class RetryPolicy:
    """How often to repeat by itself, within the call's deadline.

    What the portal's limits postpone is not counted: it waits as long as it is told to.

    Attributes:
        unsent: repetitions of a request of which no byte left, whatever it does.
        unknown: repetitions of a request that may have run, if it reads or a repetition changes nothing more;
            one that creates is never repeated.
        first: seconds before the first repetition; they double from one to the next, with jitter.
        longest: seconds before a repetition at most.
        in_progress: seconds to go on asking for a message whose first sending has not ended, above the 60 that a
            portal gives a request; 0 asks once.
    """

    unsent: int = 4
    unknown: int = 3
    first: float = 0.1
    longest: float = 5.0
    in_progress: float = 75.0

    def pause(self, repetition: int) -> float:
        """Return the seconds before the `repetition`-th repetition (1 is the first)."""
        most = min(self.longest, self.first * 2.0 ** min(repetition, _MOST_DOUBLINGS))
        return random.uniform(self.first, max(self.first, most))  # noqa: S311  # jitter is no secret


_MOST_DOUBLINGS: Final = 32
NO_RETRIES: Final = RetryPolicy(unsent=0, unknown=0, in_progress=0.0)
_FINAL: Final = (ClientClosed, DeadlineExceeded, InvalidParameter, UntrustedCertificate)


class _Again(Exception):  # a signal to backoff, not an error
    def __init__(self, wait: float) -> None:
        super().__init__()
        self.wait = wait


def _wait(signal: _Again) -> float:
    return signal.wait


@functools.cache
def _repeater() -> Callable[[Callable[[], Awaitable[Response]]], Awaitable[Response]]:
    """Return what calls an attempt until it does not ask for another; made once, when something first fails."""
    with warnings.catch_warnings():
        # backoff 2.2.1 asks asyncio.iscoroutinefunction as it decorates, which Python 3.14 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        import backoff  # noqa: PLC0415  # most programs never need it

        # No jitter and no limits of backoff's own: its jitter undercuts waits, and its logger writes exception texts.
        @backoff.on_exception(backoff.runtime, _Again, value=_wait, jitter=None, logger=None)
        async def repeated(attempt: Callable[[], Awaitable[Response]]) -> Response:
            return await attempt()

    return repeated


class Retrying:
    """Gives an exchange its deadline and its repetitions."""

    def __init__(self, inner: Transport, policy: RetryPolicy, timeout: float | None) -> None:
        self._inner = inner
        self._policy = policy
        self._timeout = timeout

    def send(self, exchange: Exchange) -> Coroutine[Any, Any, Response]:
        """Send until the outcome is final.

        Raises:
            OutcomeUnknown: a create may have run.
            DeadlineExceeded: the timeout ran out.
            BitrixError: the last error.
        """
        timeout = self._timeout if exchange.timeout == "default" else exchange.timeout
        return self._attempts(exchange) if timeout is None else within(timeout, exchange, self._attempts)

    async def _attempts(self, exchange: Exchange) -> Response:
        try:
            return await self._inner.send(exchange)
        except BitrixError as error:
            first = error
        return await self.go_on(exchange, first)

    async def go_on(self, exchange: Exchange, first: BitrixError) -> Response:
        """Repeat an exchange, if it may be repeated, whose first attempt has failed."""
        return await _repeater()(_Attempts(exchange, self._inner, self._policy, first).once)


class _Attempts:
    """The attempts of one exchange after the first has failed, counted."""

    def __init__(self, exchange: Exchange, inner: Transport, policy: RetryPolicy, first: BitrixError) -> None:
        self._exchange = exchange
        self._inner = inner
        self._policy = policy
        self._first: BitrixError | None = first
        self._unsent = 0
        self._unknown = 0
        self._in_progress = 0
        self._in_progress_since: float | None = None

    async def once(self) -> Response:
        first, self._first = self._first, None
        try:
            if first is not None:
                raise first
            response = await self._inner.send(self._exchange)
        except BitrixError as error:
            wait = self._next_wait(error)
            if wait is None or not self._fits(wait):
                raise final(self._exchange, error)  # noqa: B904  # `final` chains on its own
        else:
            if not (self._exchange.doubtful and is_in_progress(self._exchange.request, response)):
                return response
            wait = self._wait_for_first_sending()
            if wait is None or not self._fits(wait):
                return response
        raise _Again(wait)

    def _next_wait(self, error: BitrixError) -> float | None:
        if isinstance(error, OperationTimeLimit):
            return 0.0  # the operating budget holds it back in the queue
        if isinstance(error, MessageInProgress):
            return self._wait_for_first_sending()
        if error.outcome is Outcome.NOT_SENT and not isinstance(error, _FINAL):
            self._unsent += 1
            return self._policy.pause(self._unsent) if self._unsent <= self._policy.unsent else None
        request = self._exchange.request
        if error.outcome is Outcome.UNKNOWN and request.repeatable:
            self._exchange.doubtful = request.safety is not Safety.SAFE
            self._unknown += 1
            return self._policy.pause(self._unknown) if self._unknown <= self._policy.unknown else None
        return None

    def _wait_for_first_sending(self) -> float | None:
        now = asyncio.get_running_loop().time()
        since = self._in_progress_since = now if self._in_progress_since is None else self._in_progress_since
        self._in_progress += 1
        pause = self._policy.pause(self._in_progress)
        return pause if now + pause - since <= self._policy.in_progress else None

    def _fits(self, wait: float) -> bool:
        deadline = self._exchange.deadline
        return deadline is None or asyncio.get_running_loop().time() + wait < deadline
