"""The receiver as an ASGI application: it needs a server that speaks ASGI, and no framework."""

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, TypeAlias

from bitrix_chat.embedding.posted_bodies import BODY_TIMEOUT, BodyCutOff, PostedBodies
from bitrix_chat.events.receiver import WebhookReceiver

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class ReceiverEndpoint:
    """Takes posted events: `Route("/bitrix24/events", ReceiverEndpoint(receiver))` of Starlette, or mounted anywhere.

    Args:
        receiver: judges and keeps them.
        timeout: seconds that a body may take to arrive.
    """

    def __init__(self, receiver: WebhookReceiver, *, timeout: float = BODY_TIMEOUT) -> None:
        self._bodies = PostedBodies(receiver, timeout)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"events are posted by HTTP, not {scope['type']}")
        if scope["method"] == "POST":
            headers = dict(scope["headers"])
            content_type = headers.get(b"content-type", b"").decode("latin-1")
            length = headers.get(b"content-length", b"")
            said = int(length) if length.isdigit() else None
            status = await self._bodies.answer(_pieces(receive), content_type, said)
        else:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        await _send(scope, send, status)


async def _pieces(receive: Receive) -> AsyncGenerator[bytes, None]:
    has_more = True
    while has_more:
        message = await receive()
        if message["type"] != "http.request":
            raise BodyCutOff
        yield message.get("body", b"")
        has_more = message.get("more_body", False)


async def _send(scope: Message, send: Send, status: HTTPStatus) -> None:
    text = status.phrase.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    if status is not HTTPStatus.OK and str(scope.get("http_version", "")).startswith("1"):
        headers.append((b"connection", b"close"))  # its body may not have been read to the end
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": text})
