"""How a posted body is read where a server hands it out piece by piece: so much, so long, and no more."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from typing import Final

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.events.php_forms import MAX_BYTES
from bitrix_chat.events.receiver import WebhookReceiver
from bitrix_chat.events.reception import Reception
from bitrix_chat.rest.tracebacks import discreet_coroutine

BODY_TIMEOUT: Final = 10.0
"""Seconds that a body may take to arrive; the portal sends it in one go."""
MAX_HELD: Final = 64 * MAX_BYTES
"""Bytes that all bodies may have that arrive at the same time."""


class BodyCutOff(Exception):
    """The sender has gone before the body was complete, or sends what is none."""


class PostedBodies:
    """Reads what is posted for a receiver, and says what to answer.

    Args:
        receiver: judges what was read.
        timeout: seconds that a body may take to arrive.
    """

    def __init__(self, receiver: WebhookReceiver, timeout: float = BODY_TIMEOUT) -> None:
        if not timeout > 0:
            raise InvalidParameter(f"`timeout` is {timeout}, but seconds are more than 0")
        self._receiver = receiver
        self._timeout = timeout
        self._held = 0

    @discreet_coroutine
    async def answer(
        self, pieces: AsyncGenerator[bytes, None], content_type: str | None, length: int | None
    ) -> HTTPStatus:
        """Read a body and have it judged; one that is not read to its end is counted by the receiver as well.

        Args:
            pieces: the body as it arrives; raises `BodyCutOff` where it ends too soon.
            content_type: the header of this name.
            length: how long the body says it is.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(self._timeout), aclosing(pieces):
                is_whole = (length or 0) <= MAX_BYTES and await self._read(pieces, body)
            if is_whole:
                response = await self._receiver.handle(bytes(body), content_type)
            else:
                response = self._receiver.refused(Reception.TOO_LARGE)
        except TimeoutError:
            response = self._receiver.refused(Reception.TOO_SLOW)
        except BodyCutOff:
            response = self._receiver.refused(Reception.MALFORMED)
        except _TooMuchAtOnce:
            response = self._receiver.refused(Reception.OVERLOADED)
        finally:
            self._held -= len(body)
        return HTTPStatus(response.status)

    async def _read(self, pieces: AsyncGenerator[bytes, None], body: bytearray) -> bool:
        """Read into `body`; False where there is more than a form may have."""
        async for piece in pieces:
            body += piece
            self._held += len(piece)
            if len(body) > MAX_BYTES:
                return False
            if self._held > MAX_HELD:
                raise _TooMuchAtOnce
        return True


class _TooMuchAtOnce(Exception):
    pass
