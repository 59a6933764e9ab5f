"""aiohttp.web as a home: the client under an `AppKey`, work beside the requests, and a handler for posted events.

    app = web.Application()
    app.cleanup_ctx.append(client_context(BitrixChat.from_env))
    app.cleanup_ctx.append(worker_context(lambda app: app[B24].bot(25, token="...").run(router)))
    app.router.add_post("/bitrix24/events", receiver_handler(receiver))

A handler finds the client as `request.app[B24]`, that of a sub-application as `request.config_dict[B24]`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final, TypeAlias

from aiohttp import web

from bitrix_chat.client import BitrixChat
from bitrix_chat.embedding.lifetime import MakeClient, OnFailure, background, opened, stop_server
from bitrix_chat.embedding.posted_bodies import BODY_TIMEOUT, BodyCutOff, PostedBodies
from bitrix_chat.events.receiver import WebhookReceiver

__all__ = ["B24", "client_context", "receiver_handler", "stop_server", "worker_context"]

B24: Final = web.AppKey("B24", BitrixChat)
"""Where the client of an application is."""

CleanupContext: TypeAlias = Callable[[web.Application], AsyncIterator[None]]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Worker: TypeAlias = Callable[[web.Application], Coroutine[Any, Any, object]]


def client_context(make: MakeClient, *, key: web.AppKey[BitrixChat] = B24) -> CleanupContext:
    """Return what opens the client as the application starts, and closes it at the end, for `app.cleanup_ctx`.

    Args:
        make: makes the client in the running loop; it may be async.
        key: where to put it, for applications of several portals.
    """

    async def context(app: web.Application) -> AsyncIterator[None]:
        async with opened(make) as app[key]:
            yield

    return context


def worker_context(work: Worker, *, on_failure: OnFailure | None = None) -> CleanupContext:
    """Return what lets something work beside the requests, for `app.cleanup_ctx`, behind what it needs.

    Args:
        work: a coroutine function of the application, which runs the bot; cancelled at the end, once no request is
            handled any more, so that the run drains.
        on_failure: told of the error that the work has ended by, besides the log: `stop_server`, or one of your own.
    """

    async def context(app: web.Application) -> AsyncIterator[None]:
        async with background(work(app), on_failure=on_failure):
            yield

    return context


def receiver_handler(receiver: WebhookReceiver, *, timeout: float = BODY_TIMEOUT) -> Handler:
    """Return the handler for events that the portal posts, for `app.router.add_post`.

    Of a body that was refused, aiohttp drops the rest for as long as the server's `lingering_time` allows, 10 seconds.

    Args:
        receiver: judges and keeps them.
        timeout: seconds that a body may take to arrive.
    """
    bodies = PostedBodies(receiver, timeout)

    async def handle(request: web.Request) -> web.Response:
        content_type = request.headers.get("Content-Type")
        status = await bodies.answer(_pieces(request), content_type, request.content_length)
        response = web.Response(status=status.value, text=status.phrase)
        if not request.content.at_eof():
            response.force_close()
        return response

    return handle


async def _pieces(request: web.Request) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in request.content.iter_any():
            yield piece
    except (ConnectionError, web.RequestPayloadError) as error:
        raise BodyCutOff from error
