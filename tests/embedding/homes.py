"""The same small application in each framework, on a real socket: a receiver, the client, and work beside them."""

import asyncio
from contextlib import asynccontextmanager
from typing import Annotated

import aiohttp
import uvicorn
from aiohttp import web
from attrs import define
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bitrix_chat import BitrixChat
from bitrix_chat.embedding.aiohttp_web import B24, client_context, receiver_handler, worker_context
from bitrix_chat.embedding.fastapi import ReceiverEndpoint, get_b24, lifespan

EVENTS = "/events"


@define
class Home:
    """A server that runs."""

    port: int

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def post(self, body, content_type="application/x-www-form-urlencoded"):
        """Post a body to the receiver, and return status and text."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url + EVENTS, data=body, headers={"Content-Type": content_type}) as response,
        ):
            return response.status, await response.text()

    async def get(self, path):
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as response:
            return response.status, await response.text()

    @asynccontextmanager
    async def raw(self, *headers):
        """Open a connection, and send the head of a request to the receiver."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = [f"POST {EVENTS} HTTP/1.1", "Host: bots.example", "Content-Type: application/x-www-form-urlencoded"]
        writer.write("\r\n".join([*head, *headers, "", ""]).encode())
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def status(reader):
    """Return the status of the answer that comes."""
    return int((await reader.readline()).split()[1])


@asynccontextmanager
async def on_aiohttp(make, receiver=None, work=None, **options):
    app = web.Application()
    app.cleanup_ctx.append(client_context(make))
    if work is not None:
        app.cleanup_ctx.append(worker_context(lambda app: work(app[B24]), **options))
    if receiver is not None:
        app.router.add_post(EVENTS, receiver)

    async def who(request):
        return web.Response(text=str(id(request.app[B24])))

    app.router.add_get("/who", who)
    runner = web.AppRunner(app, lingering_time=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Home(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def on_uvicorn(app):
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():  # noqa: ASYNC110  # it announces nothing
        await asyncio.sleep(0.01)
    try:
        yield Home(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await serving


def on_fastapi(make, receiver=None, work=None, **options):
    works = [] if work is None else [work]
    routes = [] if receiver is None else [Route(EVENTS, receiver)]
    app = FastAPI(lifespan=lifespan(make, *works, **options), routes=routes)

    @app.get("/who")
    async def who(b24: Annotated[BitrixChat, Depends(get_b24)]) -> PlainTextResponse:
        return PlainTextResponse(str(id(b24)))

    return on_uvicorn(app)


def on_starlette(make, receiver=None, work=None, **options):
    async def who(request):
        return PlainTextResponse(str(id(await get_b24(request))))

    works = [] if work is None else [work]
    routes = [Route("/who", who)]
    app = Starlette(lifespan=lifespan(make, *works, **options), routes=routes)
    if receiver is not None:
        app.add_route(EVENTS, receiver)
    return on_uvicorn(app)


HOMES = {
    "aiohttp": (on_aiohttp, receiver_handler),
    "fastapi": (on_fastapi, ReceiverEndpoint),
    "starlette": (on_starlette, ReceiverEndpoint),
}
