"""FastAPI or Starlette as a home: the client for `Depends`, work beside the requests, an endpoint for posted events.

    app = FastAPI(
        lifespan=lifespan(BitrixChat.from_env, lambda b24: b24.bot(25, token="...").run(router)),
        routes=[Route("/bitrix24/events", ReceiverEndpoint(receiver), methods=["POST"])],
    )

    @app.post("/chats")
    async def create_chat(b24: Annotated[BitrixChat, Depends(get_b24)]) -> int: ...

A lifespan of your own has this one in it:

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with database() as db, lifespan(BitrixChat.from_env)(app) as state:
            yield {**state, "db": db}
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias

from bitrix_chat.client import BitrixChat
from bitrix_chat.embedding.asgi import ReceiverEndpoint
from bitrix_chat.embedding.lifetime import MakeClient, OnFailure, background, opened, stop_server

try:
    from starlette.requests import HTTPConnection
except ModuleNotFoundError:
    raise ImportError('this module needs its extra: pip install "bitrix-chat[fastapi]"') from None

__all__ = ["B24", "ReceiverEndpoint", "background", "get_b24", "lifespan", "stop_server"]

B24: Final = "b24"
"""The client's name in the state that a lifespan yields: `request.state.b24`."""

Worker: TypeAlias = Callable[[BitrixChat], Coroutine[Any, Any, object]]
Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[dict[str, Any]]]


def lifespan(make: MakeClient, *workers: Worker, on_failure: OnFailure | None = None) -> Lifespan:
    """Return a lifespan that opens the client as the application starts, and closes it at the end.

    Args:
        make: makes the client in the running loop; it may be async.
        workers: coroutine functions of the client that work beside the requests, `bot.run(...)` for example; cancelled
            at the end, once no request is handled any more, so that the run drains.
        on_failure: told of the error that a worker has ended by, besides the log: `stop_server`, or one of your own.
    """

    @asynccontextmanager
    async def context(_: Any) -> AsyncIterator[dict[str, Any]]:
        async with opened(make) as b24, AsyncExitStack() as stack:
            for worker in workers:
                await stack.enter_async_context(background(worker(b24), on_failure=on_failure))
            yield {B24: b24}

    return context


async def get_b24(connection: HTTPConnection) -> BitrixChat:
    """Return the client that all requests of the process share, for `Depends`; in Starlette, await it.

    It is a coroutine function because FastAPI runs others in a thread.

    Raises:
        RuntimeError: the application runs without the lifespan.
    """
    try:
        b24: BitrixChat = getattr(connection.state, B24)
    except AttributeError:
        raise RuntimeError("the application has no client: give it `lifespan=lifespan(make)`") from None
    return b24
