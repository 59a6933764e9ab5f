"""What creating in bulk costs the client: CPU a chat beside the same batches in bare aiohttp, and memory.

The emulator runs without limits in a process of its own, so that only the client is counted. All ways are measured in
turn in one process, and ratios are taken run by run: machines are noisy, ratios within one run are not.
"""

import asyncio
import contextlib
import gc
import json
import multiprocessing
import resource
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from bulk_tables import Bars, markdown, median

from bitrix_chat import BitrixChat, Plan, WebhookAuth
from bitrix_chat.limits import MemoryRateLimiter
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal

CHATS = 5_000
BATCH = 50
IN_FLIGHT = 16
BOT_TOKEN = "benchmark-bot-token"  # noqa: S105  # of the emulator
UNLIMITED = Plan(1e9, 1e9 / 4)
WITHOUT_JOURNAL, WITH_JOURNAL = 1.5, 2.0
_CONTEXT = multiprocessing.get_context("spawn")


def serve(pipe: Connection) -> None:
    """Run the emulator until the other end says so."""
    with Portal(plan=PortalPlan.UNLIMITED, keep_requests=0).in_thread() as portal:
        pipe.send(portal.webhook_url)
        pipe.recv()


@contextlib.contextmanager
def emulator() -> Iterator[str]:
    """Run an emulator in a process of its own; the value is its webhook."""
    ours, theirs = _CONTEXT.Pipe()
    server = _CONTEXT.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        server.join(5)
        server.kill()


@dataclass(frozen=True)
class Target:
    """What is created where: chats of a user, or of a bot."""

    webhook: str
    bot_id: int | None

    @property
    def method(self) -> str:
        """The REST method."""
        return "im.chat.add" if self.bot_id is None else "imbot.v2.Chat.add"

    def fields(self, number: int) -> dict[str, object]:
        """Return what our `chat.add` takes."""
        return {"title": _title(number), "color": "mint", "user_ids": (1, 2, 17)}

    def params(self, number: int) -> dict[str, Any]:
        """Return the same as the portal reads it."""
        if self.bot_id is None:
            return {"TITLE": _title(number), "COLOR": "MINT", "USERS": [1, 2, 17]}
        fields = {"title": _title(number), "color": "mint", "userIds": [1, 2, 17]}
        return {"botId": self.bot_id, "botToken": BOT_TOKEN, "fields": fields}

    def chats(self, b24: BitrixChat) -> Any:
        """Return our resource."""
        return b24.im.chat if self.bot_id is None else b24.bot(self.bot_id, token=BOT_TOKEN).chat


def _title(number: int) -> str:
    return f"Сделка {number}: поставка «Север», R&D #1"


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the leaves of a value under PHP's names, as everybody has to who sends a batch."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _pairs(f"{name}[{key}]" if name else str(key), inner)
    else:
        yield name, str(value)


async def bare(target: Target) -> int:
    """Send batches with aiohttp and json alone."""
    batches, created = iter(range(0, CHATS, BATCH)), 0

    async def worker(session: aiohttp.ClientSession) -> None:
        nonlocal created
        for first in batches:
            commands = {
                f"c{number}": f"{target.method}?{urlencode(list(_pairs('', target.params(first + number))))}"
                for number in range(BATCH)
            }
            body = {"halt": 0, "cmd": commands}
            async with session.post(f"{target.webhook}batch", json=body) as response:
                created += len(json.loads(await response.read())["result"]["result"])

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(worker(session) for _ in range(IN_FLIGHT)))
    return created


def _client(target: Target) -> BitrixChat:
    return BitrixChat(
        WebhookAuth(target.webhook),
        limiter=MemoryRateLimiter(UNLIMITED),
        max_in_flight=IN_FLIGHT,
        allow_insecure_loopback=True,
    )


async def gather(target: Target) -> int:
    """Create through the whole stack by a plain gather, typed."""
    async with _client(target) as b24:
        chats = target.chats(b24)
        return len(await asyncio.gather(*(chats.add(**target.fields(number)) for number in range(CHATS))))


async def bulk(target: Target, journal: Path | None = None) -> int:
    """Create by the bulk API, typed."""
    created = 0
    async with _client(target) as b24:
        specs = (target.fields(number) for number in range(CHATS))
        async for result in target.chats(b24).bulk(specs, journal=journal):
            created += result.chat_id is not None
    return created


async def bulk_with_journal(target: Target) -> int:
    """Create by the bulk API, every step on disk."""
    with tempfile.TemporaryDirectory() as directory:
        return await bulk(target, Path(directory) / "run.sqlite")


async def fast_bitrix24(target: Target) -> int:
    """Create by fast-bitrix24, which answers what the portal answered."""
    from fast_bitrix24 import BitrixAsync  # noqa: PLC0415  # only where it is compared

    client = BitrixAsync(target.webhook, verbose=False, request_pool_size=1_000_000, requests_per_second=1e6)
    return len(await client.call(target.method, [target.params(number) for number in range(CHATS)]))


WAYS: dict[str, Callable[[Target], Awaitable[int]]] = {
    "bare aiohttp": bare,
    "gather": gather,
    "bulk": bulk,
    "bulk, journal": bulk_with_journal,
    "fast-bitrix24": fast_bitrix24,
}
BARS = {"gather": WITHOUT_JOURNAL, "bulk": WITHOUT_JOURNAL, "bulk, journal": WITH_JOURNAL}


@dataclass(frozen=True)
class Cost:
    """Microseconds of CPU a chat, one figure a run, by way."""

    method: str
    microseconds: dict[str, list[float]]

    def ratio(self, way: str) -> float:
        """Return the median of the ratios to bare aiohttp."""
        return median(
            one / bare for one, bare in zip(self.microseconds[way], self.microseconds["bare aiohttp"], strict=True)
        )


def _cpu(way: Callable[[Target], Awaitable[int]], target: Target) -> float:
    gc.collect()
    gc.freeze()  # a full collection scans all that was ever imported, on the account of whoever is measured then
    before = resource.getrusage(resource.RUSAGE_SELF)
    created = asyncio.run(way(target))  # type: ignore[arg-type]  # they are coroutine functions all
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert created == CHATS, (way, created)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / CHATS * 1e6


async def _register(webhook: str) -> int:
    async with BitrixChat(WebhookAuth(webhook), allow_insecure_loopback=True) as b24:
        registered = await b24.imbot.bot.register("benchmark", name="Benchmark", token=BOT_TOKEN)
        return int(registered.bot.id)


def measured(runs: int) -> list[Cost]:
    """Measure all ways for both methods; each round meets an emulator that has not grown."""
    figures: dict[str, dict[str, list[float]]] = {}
    names = list(WAYS)
    for number in range(runs + 1):
        with emulator() as webhook:
            for bot_id in (None, asyncio.run(_register(webhook))):
                target = Target(webhook, bot_id)
                turn = names[number % len(names) :] + names[: number % len(names)]
                round_ = {name: _cpu(WAYS[name], target) for name in turn}
                if number:  # the first warms up
                    kept = figures.setdefault(target.method, {name: [] for name in names})
                    for name in names:
                        kept[name].append(round_[name])
    return [Cost(method, kept) for method, kept in figures.items()]


def report(costs: list[Cost], bars: Bars) -> str:
    """Write the table, and hold ours against the bars."""
    rows = []
    for cost in costs:
        for way in WAYS:
            ratio = cost.ratio(way)
            rows.append((cost.method, way, f"{median(cost.microseconds[way]):.0f}", f"{ratio:.2f}", BARS.get(way, "")))
            if way in BARS:
                bars.at_most(f"{cost.method} by {way}: CPU beside bare aiohttp", ratio, BARS[way])
    return markdown(("method", "way", "us a chat", "ratio", "bar"), rows)
