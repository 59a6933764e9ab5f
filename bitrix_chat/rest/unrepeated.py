"""GET, but once: aiohttp sends it again, unasked, when the connection breaks before an answer.

A spent refresh token and a signed link count twice then, and nobody knows. It repeats for its own exceptions only.
"""

import aiohttp


class Unanswered(Exception):
    """Stands for an error of aiohttp, its `__cause__`, whose retrying does not know it."""


async def unrepeated(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request once: a middleware of aiohttp.

    Raises:
        Unanswered: there is no answer; it may have left or not.
    """
    try:
        return await send(request)
    except (aiohttp.ClientError, OSError) as error:
        raise Unanswered from error
