"""The applications that are measured: each framework with what embeds the client in it, and bare, doing the same."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

import aiohttp
import uvicorn
from aiohttp import web
from attrs import frozen
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from bitrix_chat import BitrixChat, Plan, WebhookAuth
from bitrix_chat.embedding.aiohttp_web import B24, client_context, receiver_handler, worker_context
from bitrix_chat.embedding.fastapi import ReceiverEndpoint, get_b24, lifespan
from bitrix_chat.events.bot_events import MessageAdded
from bitrix_chat.events.inbox import Inbox
from bitrix_chat.events.memory_store import MemoryEventStore
from bitrix_chat.events.receiver import WebhookReceiver
from bitrix_chat.events.router import EventRouter
from bitrix_chat.events.sqlite_store import SqliteEventStore
from bitrix_chat.events.store import EventStore
from bitrix_chat.limits import MemoryRateLimiter

APPLICATION_TOKEN = "benchmark-application-token"  # noqa: S105  # of nobody
MANY = 10_000_000
UNLIMITED = Plan(1e9, 1e9 / 4)


@frozen
class Wanted:
    """One application.

    Attributes:
        framework: `aiohttp.web` or `FastAPI`.
        store: where events wait: `memory`, or the folder of a SQLite file; None for the bare framework.
    """

    framework: str
    store: str | None
    webhook: str


class Handled:
    """Counts events in the handler, which does nothing else."""

    def __init__(self) -> None:
        self.count = 0
        self.router = EventRouter()
        self.router.on(MessageAdded)(self.handle)

    async def handle(self, event: MessageAdded) -> None:
        """Handle an event."""
        self.count += len(event.message.text) > 0

    async def handle_bare(self, form: dict[str, list[str]]) -> None:
        """Handle a form as somebody would who has no events, only their fields."""
        self.count += len(form["data[message][text]"][0]) > 0


def serve(wanted: Wanted, control: Connection) -> None:
    """Serve until the other end of the pipe says so; tell it CPU seconds and handled events whenever it asks."""
    logging.disable()
    handled, loop = Handled(), asyncio.new_event_loop()
    serving = {"aiohttp.web": _on_aiohttp, "FastAPI": _on_fastapi}[wanted.framework]
    ending = asyncio.Event()

    def answer() -> None:
        while control.recv():
            control.send((time.process_time(), handled.count))
        loop.call_soon_threadsafe(ending.set)

    async def main() -> None:
        async with serving(wanted, handled) as port:
            control.send(port)
            threading.Thread(target=answer, daemon=True).start()
            await ending.wait()

    loop.run_until_complete(main())


def _client(webhook: str) -> BitrixChat:
    return BitrixChat(WebhookAuth(webhook), limiter=MemoryRateLimiter(UNLIMITED), allow_insecure_loopback=True)


def _store(where: str) -> EventStore:
    if where == "memory":
        return MemoryEventStore(inbox=MANY)
    return SqliteEventStore(Path(where) / f"events-{time.time_ns()}.sqlite", inbox=MANY)


def _work(store: EventStore, handled: Handled) -> Callable[[BitrixChat], Any]:
    return lambda b24: b24.bot(1, token="token").run(handled.router, store=store, source=Inbox(store))  # noqa: S106


@asynccontextmanager
async def _on_aiohttp(wanted: Wanted, handled: Handled) -> AsyncIterator[int]:
    app = web.Application()
    if wanted.store is None:
        _bare_aiohttp(app, wanted, handled)
    else:
        _embedded_aiohttp(app, wanted, handled, _store(wanted.store))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def _embedded_aiohttp(app: web.Application, wanted: Wanted, handled: Handled, store: EventStore) -> None:
    work = _work(store, handled)
    app.cleanup_ctx.extend(
        [client_context(lambda: _client(wanted.webhook)), worker_context(lambda app: work(app[B24]))]
    )

    async def nothing(request: web.Request) -> web.Response:
        return web.Response(text=type(request.app[B24]).__name__)

    async def create(request: web.Request) -> web.Response:
        chat_id = await request.app[B24].im.chat.add(title=(await request.json())["title"], user_ids=[1, 2])
        return web.json_response({"chat_id": chat_id})

    receiver = WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)
    app.add_routes([web.get("/nothing", nothing), web.post("/chats", create)])
    app.router.add_post("/events", receiver_handler(receiver))


def _bare_aiohttp(app: web.Application, wanted: Wanted, handled: Handled) -> None:
    key = web.AppKey("session", aiohttp.ClientSession)

    async def session(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession() as app[key]:
            yield

    async def nothing(_: web.Request) -> web.Response:
        return web.Response(text="BitrixChat")

    async def create(request: web.Request) -> web.Response:
        return web.json_response({"chat_id": await _add(request.app[key], wanted, (await request.json())["title"])})

    async def event(request: web.Request) -> web.Response:
        await handled.handle_bare(parse_qs((await request.read()).decode()))
        return web.Response(text="OK")

    app.cleanup_ctx.append(session)
    app.add_routes([web.get("/nothing", nothing), web.post("/chats", create), web.post("/events", event)])


async def _add(session: aiohttp.ClientSession, wanted: Wanted, title: str) -> int:
    params = {"TITLE": title, "USERS": [1, 2]}
    async with session.post(f"{wanted.webhook}im.chat.add", json=params) as response:
        return int(json.loads(await response.read())["result"])


@asynccontextmanager
async def _on_fastapi(wanted: Wanted, handled: Handled) -> AsyncIterator[int]:
    if wanted.store is None:
        app = _bare_fastapi(wanted, handled)
    else:
        app = _embedded_fastapi(wanted, handled, _store(wanted.store))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # it announces nothing
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


def _embedded_fastapi(wanted: Wanted, handled: Handled, store: EventStore) -> FastAPI:
    receiver = WebhookReceiver(application_token=APPLICATION_TOKEN, store=store)
    app = FastAPI(
        lifespan=lifespan(lambda: _client(wanted.webhook), _work(store, handled)),
        routes=[Route("/events", ReceiverEndpoint(receiver), methods=["POST"])],
    )

    @app.get("/nothing", response_class=PlainTextResponse)
    async def nothing(b24: Annotated[BitrixChat, Depends(get_b24)]) -> str:
        return type(b24).__name__

    @app.post("/chats", response_class=JSONResponse)
    async def create(wanted: dict[str, str], b24: Annotated[BitrixChat, Depends(get_b24)]) -> dict[str, int]:
        return {"chat_id": await b24.im.chat.add(title=wanted["title"], user_ids=[1, 2])}

    return app


def _bare_fastapi(wanted: Wanted, handled: Handled) -> FastAPI:
    @asynccontextmanager
    async def session(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with aiohttp.ClientSession() as session:
            yield {"session": session}

    async def event(request: Request) -> PlainTextResponse:
        await handled.handle_bare(parse_qs((await request.body()).decode()))
        return PlainTextResponse("OK")

    app = FastAPI(lifespan=session, routes=[Route("/events", event, methods=["POST"])])

    @app.get("/nothing", response_class=PlainTextResponse)
    async def nothing() -> str:
        return "BitrixChat"

    @app.post("/chats", response_class=JSONResponse)
    async def create(body: dict[str, str], request: Request) -> dict[str, int]:
        return {"chat_id": await _add(request.state.session, wanted, body["title"])}

    return app
