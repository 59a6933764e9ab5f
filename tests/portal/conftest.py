"""A portal to ask over a real socket, and a clock that only moves when it is told to."""

import asyncio
import json
from contextlib import AsyncExitStack

import aiohttp
import attrs
import pytest
from aiohttp import web

from bitrix_chat.portal import Plan, Portal
from bitrix_chat.portal.php import parse_str

BOT_TOKEN = "secret-of-bot"


class Clock:
    """Unix seconds that stand still until somebody advances them, or sleeps on them."""

    def __init__(self):
        self.time = 1_800_000_000.0

    def __call__(self):
        return self.time

    def advance(self, seconds):
        self.time += seconds

    async def sleep(self, seconds):
        self.time += seconds


@attrs.frozen
class Reply:
    """A status and the JSON of the body."""

    status: int
    body: dict

    @property
    def result(self):
        assert self.status == 200, self.body
        return self.body["result"]

    @property
    def error(self):
        return self.status, self.body["error"]


class Asker:
    """Calls methods as any HTTP client would, over the administrator's webhook unless told otherwise."""

    def __init__(self, portal, session):
        self.portal = portal
        self.session = session

    async def __call__(self, method, params=None, *, base=None):
        async with self.session.post((base or self.portal.webhook_url) + method, json=params or {}) as response:
            return Reply(response.status, json.loads(await response.read()))

    async def with_token(self, method, params=None, token=None):
        params = {"auth": token or self.portal.oauth.access_token} | (params or {})
        return await self(method, params, base=self.portal.oauth.client_endpoint)

    async def batch(self, commands, **params):
        return (await self("batch", {"cmd": commands} | params)).result

    async def bot(self, code="helper", token=BOT_TOKEN, **fields):
        fields = {"code": code, "botToken": token, "properties": {"name": "Helper"}} | fields
        registered = await self("imbot.v2.Bot.register", {"fields": fields})
        return {"botId": registered.result["bot"]["id"], "botToken": token}


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def asker(session):
    """Make an Asker of a portal that a test runs by itself."""
    return lambda portal: Asker(portal, session)


@pytest.fixture
async def serve(session):
    """Start portals with given options, each with an Asker."""
    async with AsyncExitStack() as stack:

        async def start(**options):
            options = {"plan": Plan.UNLIMITED} | options
            return Asker(await stack.enter_async_context(Portal(**options)), session)

        yield start


@pytest.fixture
async def ask(serve):
    return await serve()


@pytest.fixture
def portal(ask):
    return ask.portal


@pytest.fixture
def clock():
    return Clock()


class Handler:
    """A bot's own server: keeps what was posted to it, and answers as it is told."""

    def __init__(self):
        self.posts = []
        self.types = []
        self.status = 200
        self.open = asyncio.Event()
        self.open.set()
        self.url = ""
        self._more = asyncio.Event()

    async def handle(self, request):
        body = await request.read()
        self.types.append(request.content_type)
        self.posts.append(parse_str(body.decode(), max_vars=10_000))
        self._more.set()
        await self.open.wait()
        return web.Response(status=self.status, headers={"Location": self.url} if self.status == 302 else {})

    async def until(self, number):
        """Wait until so many have arrived, answered or not."""
        while len(self.posts) < number:
            self._more.clear()
            await self._more.wait()

    @property
    def events(self):
        return [post["event"] for post in self.posts]


@pytest.fixture
async def handler():
    handler = Handler()
    runner = web.ServerRunner(web.Server(handler.handle), shutdown_timeout=0.001)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    handler.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    yield handler
    handler.open.set()
    await runner.cleanup()


@pytest.fixture
def posted(handler):
    """The fields of a bot in webhook mode."""
    return {"eventMode": "webhook", "webhookUrl": handler.url}
