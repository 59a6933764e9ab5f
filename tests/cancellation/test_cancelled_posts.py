"""Real POSTs cancelled at random: whoever was told that nothing left was told the truth."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from attrs import define, field

from bitrix_chat import BitrixChat, BitrixError, MemoryRateLimiter, Outcome, Plan, RetryPolicy, WebhookAuth

SHORT: Final = "x" * 100
LONG: Final = "x" * 5_000_000
TOGETHER: Final = 24
ANSWER: Final = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"result":true}'

_NUMBER: Final = re.compile(rb"^POST /rest/1/secret/probe\.(\d+) ")
_LENGTH: Final = re.compile(rb"^Content-Length: (\d+)", re.MULTILINE | re.IGNORECASE)


@define
class Arrivals:
    """Of which requests at least one byte of the body arrived, and which arrived as a whole."""

    chance: random.Random
    begun: Counter[int] = field(factory=Counter)
    whole: Counter[int] = field(factory=Counter)


class Recorder(asyncio.Protocol):
    """A server that notes what arrives, byte by byte, answers late and reads at times only after a while."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._head = b""
        self._number = self._missing = 0
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
            self._arrivals.begun[self._number] += 1
            self._missing -= len(data)
            self._after_a_piece()

    def _begin(self, head: bytes) -> None:
        number, length = _NUMBER.search(head), _LENGTH.search(head)
        assert number
        assert length
        self._head, self._number, self._missing = b"", int(number[1]), int(length[1])

    def _after_a_piece(self) -> None:
        loop, chance = asyncio.get_running_loop(), self._arrivals.chance
        if not self._missing:
            self._arrivals.whole[self._number] += 1
            loop.call_later(chance.random() * 0.002, self._answer)
        elif chance.random() < 0.05 and self._transport is not None:
            self._transport.pause_reading()
            loop.call_later(chance.random() * 0.002, self._read_on)

    def _read_on(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def _answer(self) -> None:
        if self._transport is None:
            return
        self._transport.write(ANSWER)
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
    call = b24.call(f"probe.{number}", {"text": LONG if chance.random() < share_of_long else SHORT})
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


async def a_round(url: str, numbers: range, chance: random.Random, share_of_long: float) -> list[tuple[Outcome, bool]]:
    """Post some together by one client, which is closed without grace at times while they run."""
    async with BitrixChat(
        WebhookAuth(url),
        limiter=MemoryRateLimiter(Plan(1e9, 1e8)),
        operating_limit=None,
        retry=RetryPolicy(unsent=1),
        max_in_flight=TOGETHER // 2,
        allow_insecure_loopback=True,
    ) as b24:
        posts = asyncio.gather(*(post(b24, number, chance, share_of_long) for number in numbers))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() * 0.012)
            await b24.close(grace=0)
        return await posts


async def cancel_many(count: int, seed: int, share_of_long: float) -> Counter[int]:
    """Return how many pieces of each body arrived that did not arrive as a whole."""
    chance, told = random.Random(seed), dict[int, tuple[Outcome, bool]]()  # noqa: S311  # repeatable, and no secret
    async with recording(seed) as (url, arrivals):
        for first in range(0, count, TOGETHER):
            numbers = range(first, min(first + TOGETHER, count))
            told.update(zip(numbers, await a_round(url, numbers, chance, share_of_long), strict=True))
        await asyncio.sleep(0.1)

    never = {number for number, (outcome, _) in told.items() if outcome is Outcome.NOT_SENT}
    assert never & set(arrivals.begun) == set()
    assert {number for number, (outcome, _) in told.items() if outcome is Outcome.DONE} <= set(arrivals.whole)
    assert max(arrivals.whole.values()) == 1
    # Each way to end has to be among them, or they would show nothing.
    ends = Counter(outcome for outcome, _ in told.values())
    assert all(ends[outcome] > count / 100 for outcome in (Outcome.NOT_SENT, Outcome.UNKNOWN, Outcome.DONE)), ends
    assert any(cancelled for outcome, cancelled in told.values() if outcome is Outcome.UNKNOWN)
    return arrivals.begun - Counter(dict.fromkeys(arrivals.whole, TOGETHER**3))


@pytest.mark.parametrize("seed", [1, 2])
async def test_of_five_hundred_cancelled_posts_none_that_had_begun_to_leave_is_called_not_sent(seed):
    """It fails on a client that goes by the kind of exception: a cancellation is the same before and after."""
    await cancel_many(500, seed, share_of_long=0.02)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_of_ten_thousand_cancelled_posts_none_that_had_begun_to_leave_is_called_not_sent():
    in_part = await cancel_many(10_000, 3, share_of_long=0.05)

    assert len(in_part) > 5, in_part
