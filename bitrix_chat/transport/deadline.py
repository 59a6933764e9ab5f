"""The one bound of a whole call, and the error that its caller gets in the end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from bitrix_chat.errors import BitrixError, DeadlineExceeded
from bitrix_chat.outcomes import Outcome
from bitrix_chat.rest.evidence import attested, doubted
from bitrix_chat.rest.request import Exchange, Response

QUIESCENCE: Final = 120.0
"""Seconds after which a portal can no longer be working on a request: twice the 60 that the cloud gives one."""


async def within(
    seconds: float | None, exchange: Exchange, work: Callable[[Exchange], Awaitable[Response]]
) -> Response:
    """Let `work` take at most `seconds` for an exchange.

    Raises:
        OutcomeUnknown: the time ran out after it had left, and it must not be repeated.
        DeadlineExceeded: the time ran out.
    """
    if seconds is None:
        return await work(exchange)
    exchange.deadline = asyncio.get_running_loop().time() + seconds
    bound = asyncio.timeout(seconds)
    try:
        async with bound:
            return await work(exchange)
    except TimeoutError:
        if not bound.expired():  # a strategy's own, or the portal's limits told in advance
            raise
    if exchange.response is not None:  # it came in the very turn in which the time ran out
        return exchange.response
    if exchange.error is not None and exchange.outcome is Outcome.REFUSED:
        raise final(exchange, exchange.error)
    raise final(exchange, DeadlineExceeded(f"not done within {seconds:g} s", outcome=exchange.known))


def final(exchange: Exchange, error: BitrixError) -> BitrixError:
    """Return the error for the caller, with an earlier attempt that may have run not forgotten."""
    request = exchange.request
    error.method = error.method or request.method
    if error.outcome is Outcome.UNKNOWN:
        if request.repeatable:
            return attested(error, exchange)
    elif not exchange.doubtful:
        return error
    unknown = doubted(error, exchange)
    exchange.fail(unknown)
    return unknown


def too_late(exchange: Exchange, wait: float, left: float) -> DeadlineExceeded:
    """Say that an exchange cannot leave within its bound, and when it could."""
    again = "" if exchange.outcome is Outcome.NOT_SENT else " again"
    error = DeadlineExceeded(
        f"not sent{again}: the portal's limits allow it in {wait:.1f} s at the earliest, {left:.1f} s are left",
        method=exchange.request.method,
        outcome=exchange.known,
    )
    error.retry_at = datetime.now(UTC) + timedelta(seconds=wait)
    return error
