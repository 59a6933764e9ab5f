"""A request leaves once, and what comes instead of an answer says nothing: aiohttp has other habits.

It sends a GET again, unasked, when the connection breaks before an answer: a spent refresh token and a signed link
count twice then, and nobody knows. And it hands its exceptions to whatever traces requests, OpenTelemetry for example:
their texts hold the whole address, a webhook's secret too. It repeats for its own exceptions only, and traces what
comes out of a middleware.
"""

import aiohttp


class Unanswered(Exception):
    """Stands for an error that aiohttp neither repeats for nor can tell a secret of: its text is that one's type.

    Attributes:
        original: the error; in a slot, where neither `vars` nor pickle finds it.
    """

    __slots__ = ("original",)

    def __init__(self, kind: str, original: Exception | None = None) -> None:
        super().__init__(kind)
        self.original = original


def seen_behind(error: BaseException) -> BaseException:
    """Return the error that an `Unanswered` stands for, and any other as it is."""
    return error.original or error if isinstance(error, Unanswered) else error


async def unrepeated(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request once: a middleware of aiohttp.

    Raises:
        Unanswered: there is no answer; it may have left or not.
    """
    try:
        return await send(request)
    except Exception as error:  # noqa: BLE001  # a caller's tracing raises any
        unanswered = Unanswered(type(error).__name__, error)
    try:
        raise unanswered  # here, where no error is being handled that would become its context
    finally:
        del unanswered, request, send  # a cycle, and addresses: this frame stays in the traceback
