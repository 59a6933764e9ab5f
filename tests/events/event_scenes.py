"""What tests of listening bots share: a portal's queue by hand, and the emulator with a registered bot."""

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from attrs import define, field

from bitrix_chat import MemoryRateLimiter, Plan
from bitrix_chat.events.bot import BotClient
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from bitrix_chat.rest.request import Exchange, Response

GET = "imbot.v2.Event.get"
SEND = "imbot.v2.Chat.Message.send"
BOT_ID = 456
TOKEN = "token_of_the_bot"
EPOCH = 1_900_000_000.0


def now():
    return asyncio.get_running_loop().time()


async def until(condition, step=0.01):
    """Wait for what announces nothing."""
    while not condition():  # noqa: ASYNC110  # it announces nothing
        await asyncio.sleep(step)


@define
class Asked:
    """One request for events."""

    at: float
    offset: int | None
    limit: int | None
    params: Any
    alone: bool
    shown: list = field(factory=list)


@define
class Queue:
    """A portal's queue of events by hand, which answers as `imbot.v2.Event.get` does.

    Attributes:
        events: what waits, by id.
        asked: the requests so far.
        lost: ids that were deleted before they were ever shown.
        failures: errors to raise instead of the next answers.
        tamper: changes an answer.
        others: answers to other methods.
    """

    events: dict = field(factory=dict)
    asked: list = field(factory=list)
    failures: list = field(factory=list)
    shown: set = field(factory=set)
    lost: set = field(factory=set)
    tamper: Any = lambda answer: answer
    sent: list = field(factory=list)
    sees: Any = lambda _: True

    def bot(self):
        return BotClient(self, BOT_ID, TOKEN)

    def add(self, *event_ids, dialog="chat5", text=None, age=0.0, kind="ONIMBOTV2MESSAGEADD"):
        for event_id in event_ids:
            written = EPOCH + now() - age
            self.events[event_id] = {
                "eventId": event_id,
                "type": kind,
                "date": datetime.fromtimestamp(int(written), UTC).isoformat(),
                "data": {
                    "bot": {"id": BOT_ID, "code": "fake", "type": "bot"},
                    "message": {"id": event_id, "text": text or f"event {event_id}"},
                    "chat": {"id": 5, "dialogId": dialog, "type": "chat"},
                    "user": {"id": 1, "name": "Vera"},
                    "language": "en",
                },
            }

    async def send(self, exchange: Exchange):
        params = exchange.request.params
        if exchange.request.method != GET:
            self.sent.append(exchange.request)
            return self._answered(exchange, {"id": 1, "uuidMap": {}})
        asked = Asked(now(), params.get("offset"), params.get("limit"), params, exchange.alone)
        self.asked.append(asked)
        if self.failures and (failure := self.failures.pop(0)) is not None:
            exchange.fail(failure)
            raise failure
        return self._answered(exchange, self.tamper(self.answer(asked)))

    def answer(self, asked):
        offset, limit = asked.offset or 0, asked.limit or 100
        gone = {event_id for event_id in self.events if event_id < offset}
        self.lost |= gone - self.shown
        for event_id in gone:
            del self.events[event_id]
        asked.shown = sorted(event_id for event_id in self.events if self.sees(event_id))[:limit]
        self.shown |= set(asked.shown)
        return {
            "events": [self.events[event_id] for event_id in asked.shown],
            "nextOffset": max(offset, asked.shown[-1] + 1) if asked.shown else offset,
            "hasMore": len(asked.shown) >= limit,
        }

    def _answered(self, exchange, result):
        response = Response(result, raw_time={"start": EPOCH + now(), "finish": EPOCH + now()})
        exchange.succeed(response)
        return response

    @property
    def offsets(self):
        return [asked.offset for asked in self.asked]

    @property
    def pauses(self):
        times = [asked.at for asked in self.asked]
        return [round(later - earlier, 3) for earlier, later in pairwise(times)]


async def take(stream, count, within=300):
    """Take so many deliveries."""
    async with asyncio.timeout(within):
        return [await anext(stream) for _ in range(count)]


async def nothing_for(stream, seconds):
    """Look for deliveries for a time, and return the ids of those that came."""
    found = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                found.append((await anext(stream)).event.id)
    return found


async def handle(stream, count):
    """Take so many deliveries one after the other, each after the one before was acknowledged."""
    found = []
    for _ in range(count):
        async with (await take(stream, 1))[0] as delivery:
            found.append(delivery.event.id)
    return found


def ids(deliveries):
    return [delivery.event.id for delivery in deliveries]


@asynccontextmanager
async def listening(plan=PortalPlan.UNLIMITED, client=None, **options):
    """The emulator, a client of it and a bot that is registered there."""
    async with Portal(plan=plan, **options) as portal:
        limiter = {"limiter": MemoryRateLimiter(Plan(1e9, 1e8))} if plan is PortalPlan.UNLIMITED else {}
        async with portal.client(**{**limiter, **(client or {})}) as b24:
            registered = await b24.imbot.bot.register("listener", name="Listener", token=TOKEN, event_mode="fetch")
            yield portal, b24, b24.bot(registered.bot.id, token=TOKEN)
