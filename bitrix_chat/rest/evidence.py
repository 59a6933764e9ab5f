"""What is known of a request that may have run, written onto the error that its caller gets."""

import copy
from typing import Final

from bitrix_chat.errors import BitrixError, OutcomeUnknown
from bitrix_chat.rest.keys import marker_of
from bitrix_chat.rest.request import Exchange, Request

LOOK_FIRST: Final = "look before sending it again"
SAME_KEY: Final = "a call with the same key finds out, and goes on from there"


def unknown_outcome(error: BitrixError, method: str, advice: str = LOOK_FIRST) -> OutcomeUnknown:
    """Name a request that may have run, and must not be repeated, for what it is; `error` tells what was seen."""
    unknown = OutcomeUnknown(
        f"it may have run ({error.description}); {advice}",
        method=method,
        code=error.code,
        status=error.status,
    )
    unknown.__cause__ = error
    return unknown


def twin(error: BitrixError) -> BitrixError:
    """Return an equal error without a traceback, for one more who waits for the same thing."""
    other = copy.copy(error)
    other.__cause__ = error.__cause__
    return other


def attested(error: BitrixError, exchange: Exchange, request: Request | None = None) -> BitrixError:
    """Return the error; one of an unknown outcome names when and where the request left, and what marks it.

    Args:
        error: what the caller gets.
        exchange: what was sent.
        request: the command of the batch that was sent, if it is about one.
    """
    if isinstance(error, OutcomeUnknown) and error.sent_at is None:
        error.marker = marker_of(request or exchange.request)
        error.sent_at, error.host = exchange.sent_at, exchange.host
    return error


def doubted(error: BitrixError, exchange: Exchange) -> BitrixError:
    """Name an exchange that may have run and must not be repeated for what it is; `error` tells what was seen."""
    request = exchange.request
    return attested(unknown_outcome(error, request.method, LOOK_FIRST if request.key is None else SAME_KEY), exchange)
