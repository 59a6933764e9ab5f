"""A portal to ask over a real socket, and a clock that only moves when it is told to."""

import json
from contextlib import AsyncExitStack

import aiohttp
import attrs
import pytest

from bitrix_chat.portal import Plan, Portal

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
