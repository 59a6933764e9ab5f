"""A transport that answers by script: for testing code that uses the client, without any portal."""

from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from bitrix_chat.client import BitrixChat
from bitrix_chat.errors import BitrixError
from bitrix_chat.rest.request import Exchange, Request, Response

_PIECE: Final = 1024

Answer = Any
"""A raw result, an error to raise, or a function that makes either of the request."""


class ScriptedTransport:
    """Answers requests by their method and remembers them.

    Args:
        answers: by method; a list is answered from in turn, anything else every time.
        files: what lies behind signed links, by the link.

    Attributes:
        requests: what was sent, in order.
    """

    def __init__(
        self, answers: Mapping[str, Answer | list[Answer]] | None = None, files: Mapping[str, bytes] | None = None
    ) -> None:
        self._answers = {
            method: deque(answer) if isinstance(answer, list) else answer for method, answer in (answers or {}).items()
        }
        self._files = dict(files or {})
        self.requests: list[Request] = []

    def client(self) -> BitrixChat:
        """Return a client that sends through this transport."""
        return BitrixChat.over(self)

    def sent(self, method: str) -> Iterable[Request]:
        """Return the requests of one method."""
        return [request for request in self.requests if request.method == method]

    async def send(self, exchange: Exchange) -> Response:
        """Answer an exchange as the script says."""
        self.requests.append(exchange.request)
        answer = self._next(exchange.request)
        if isinstance(answer, BitrixError):
            exchange.fail(answer)
            raise answer
        response = answer if isinstance(answer, Response) else Response(answer)
        exchange.succeed(response)
        return response

    @asynccontextmanager
    async def download(self, link: str, *, timeout: float | None = None) -> AsyncIterator[AsyncIterator[bytes]]:  # noqa: ARG002, ASYNC109  # it never waits
        """Open the scripted file behind a link, in pieces."""
        if link not in self._files:
            raise LookupError("the script has no file behind this link")
        yield _pieces(self._files[link])

    def _next(self, request: Request) -> Any:
        if request.method not in self._answers:
            raise LookupError(f"the script has no answer to {request.method}")
        answer = self._answers[request.method]
        if isinstance(answer, deque):
            if not answer:
                raise LookupError(f"the script has no further answer to {request.method}")
            answer = answer.popleft()
        return answer(request) if callable(answer) else answer


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]
