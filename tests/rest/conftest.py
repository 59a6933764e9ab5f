"""A transport that answers from memory, and calls over it."""

import asyncio

import pytest

from bitrix_chat.errors import Outcome
from bitrix_chat.rest.call import Call
from bitrix_chat.rest.request import Request, Response, Safety


class FakeTransport:
    """Answers every exchange with `answer`, or raises it; where `gate` is set, after that opens."""

    def __init__(self):
        self.answer = Response(7)
        self.gate = None
        self.sent = []

    async def send(self, exchange):
        self.sent.append(exchange)
        exchange.outcome = Outcome.UNKNOWN
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.answer, Response):
            exchange.succeed(self.answer)
            return self.answer
        exchange.fail(self.answer)
        raise self.answer


@pytest.fixture
def transport():
    return FakeTransport()


@pytest.fixture
def make(transport):
    """Make a call of a method with parameters; its decoded result is the raw one unless told otherwise."""

    def make(method="im.chat.get", params=None, *, safety=Safety.CREATE, decode=lambda raw: raw, draw=None):
        return Call(Request(method, params or {}, safety), decode, transport, draw=draw)

    return make
