"""Real POSTs cancelled at random: whoever was told that nothing left was told the truth."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from attrs import define, field

from bitrix_chat import BitrixChat, BitrixError, MemoryRateLimiter, Outcome, Plan, RetryPolicy, WebhookAuth

SHORT: Final = "x" * 100
LONG: Final = "x" * 5_000_000
TOGETHER: Final = 24
MEDIUM: Final = "x" * 60_000
"""Just short enough to travel with others."""

_NUMBER: Final = re.compile(rb"^POST /rest/1/secret/probe\.(\d+) ")
_COMMAND: Final = re.compile(rb'"(c\d+)":"probe\.(\d+)\?')
_LENGTH: Final = re.compile(rb"^Content-Length: (\d+)", re.MULTILINE | re.IGNORECASE)


@define
class Arrivals:
    """Of which calls at least one byte of the body arrived, which arrived as a whole, and which with others."""

    chance: random.Random
    begun: Counter[int] = field(factory=Counter)
    whole: Counter[int] = field(factory=Counter)
    together: Counter[int] = field(factory=Counter)


class Recorder(asyncio.Protocol):
    """A server that notes what arrives, byte by byte, answers late and reads at times only after a while."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._head = self._body = b""
        self._number: int | None = None
        self._missing = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            self._head += data
            head, blank, data = self._head.partition(b"\r\n\r\n")
            if not blank:
                return
            self._begin(head)
        if data:
            self._body += data
            self._missing -= len(data)
            self._arrivals.begun.update(self._numbers())
            self._after_a_piece()

    def _begin(self, head: bytes) -> None:
        number, length = _NUMBER.search(head), _LENGTH.search(head)
        assert length
        self._head = self._body = b""
        self._number, self._missing = int(number[1]) if number else None, int(length[1])

    def _numbers(self) -> list[int]:
        """The calls of which something is here."""
        if self._number is not None:
            return [self._number]
        return [int(number) for _, number in _COMMAND.findall(self._body)]

    def _after_a_piece(self) -> None:
        loop, chance = asyncio.get_running_loop(), self._arrivals.chance
        if not self._missing:
            self._arrivals.whole.update(self._numbers())
            if self._number is None:
                self._arrivals.together.update(self._numbers())
            loop.call_later(chance.random() * 0.002, self._answer, self._said())
        elif chance.random() < 0.05 and self._transport is not None:
            self._transport.pause_reading()
            loop.call_later(chance.random() * 0.002, self._read_on)

    def _read_on(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def _said(self) -> bytes:
        done: Any = True
        if self._number is None:
            done = {"result": {name.decode(): True for name, _ in _COMMAND.findall(self._body)}, "result_error": []}
        body = json.dumps({"result": done}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def _answer(self, said: bytes) -> None:
        if self._transport is None:
            return
        self._transport.write(said)
        if self._arrivals.chance.random() < 0.1:
            self._transport.close()


@asynccontextmanager
async def recording(seed: int) -> AsyncIterator[tuple[str, Arrivals]]:
    arrivals = Arrivals(random.Random(seed))  # noqa: S311  # repeatable, and no secret
    server = await asyncio.get_running_loop().create_server(lambda: Recorder(arrivals), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/rest/1/secret/", arrivals


async def post(b24: BitrixChat, number: int, chance: random.Random, share_of_long: float) -> tuple[Outcome, bool]:
    """Post, cancel at a random moment, and return what is known at that very moment."""
    drawn = chance.random()
    text = LONG if drawn < share_of_long else MEDIUM if drawn < 5 * share_of_long else SHORT
    call = b24.call(f"probe.{number}", {"text": text})
    task = asyncio.ensure_future(call)
    if chance.random() < 0.5:
        for _ in range(chance.randrange(30)):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(chance.random() * 0.004)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return call.outcome, True
    except BitrixError as error:
        return error.outcome, False
    return Outcome.DONE, False


async def a_round(
    url: str, numbers: range, chance: random.Random, share_of_long: float, *, coalesce: bool
) -> list[tuple[Outcome, bool]]:
    """Post some together by one client, which is closed without grace at times while they run."""
    async with BitrixChat(
        WebhookAuth(url),
        limiter=MemoryRateLimiter(Plan(1e9, 1e8)),
        operating_limit=None,
        retry=RetryPolicy(unsent=1),
        max_in_flight=TOGETHER // (4 if coalesce else 2),
        coalesce=coalesce,
        allow_insecure_loopback=True,
    ) as b24:
        posts = asyncio.gather(*(post(b24, number, chance, share_of_long) for number in numbers))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() * 0.012)
            await b24.close(grace=0)
        return await posts


async def cancel_many(count: int, seed: int, share_of_long: float, *, coalesce: bool) -> Counter[int]:
    """Return how many pieces of each body arrived that did not arrive as a whole."""
    chance, told = random.Random(seed), dict[int, tuple[Outcome, bool]]()  # noqa: S311  # repeatable, and no secret
    async with recording(seed) as (url, arrivals):
        for first in range(0, count, TOGETHER):
            numbers = range(first, min(first + TOGETHER, count))
            endings = await a_round(url, numbers, chance, share_of_long, coalesce=coalesce)
            told.update(zip(numbers, endings, strict=True))
        await asyncio.sleep(0.1)

    never = {number for number, (outcome, _) in told.items() if outcome is Outcome.NOT_SENT}
    assert never & set(arrivals.begun) == set()
    assert {number for number, (outcome, _) in told.items() if outcome is Outcome.DONE} <= set(arrivals.whole)
    assert max(arrivals.whole.values()) == 1
    assert bool(arrivals.together) is coalesce
    # Each way to end has to be among them, or they would show nothing.
    ends = Counter(outcome for outcome, _ in told.values())
    assert all(ends[outcome] > count / 100 for outcome in (Outcome.NOT_SENT, Outcome.UNKNOWN, Outcome.DONE)), ends
    assert any(cancelled for outcome, cancelled in told.values() if outcome is Outcome.UNKNOWN)
    return arrivals.begun - Counter(dict.fromkeys(arrivals.whole, TOGETHER**3))


@pytest.mark.parametrize("coalesce", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
async def test_of_five_hundred_cancelled_posts_none_that_had_begun_to_leave_is_called_not_sent(seed, coalesce):
    """It fails on a client that goes by the kind of exception: a cancellation is the same before and after."""
    await cancel_many(500, seed, share_of_long=0.02, coalesce=coalesce)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("coalesce", [False, True])
async def test_of_ten_thousand_cancelled_posts_none_that_had_begun_to_leave_is_called_not_sent(coalesce):
    in_part = await cancel_many(10_000, 3, share_of_long=0.1 if coalesce else 0.05, coalesce=coalesce)

    assert len(in_part) > (0 if coalesce else 5), in_part
