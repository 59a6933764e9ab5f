"""What the client costs: CPU and wall time of typed calls against the same exchange in bare aiohttp.

The emulator runs without limits in a process of its own, so that only the client's CPU is counted. Both sides run
in turn, and the ratio is taken run by run: machines are noisy, ratios within one run are not.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any

import aiohttp

from bitrix_chat import BitrixChat, Plan, WebhookAuth
from bitrix_chat.limits import MemoryRateLimiter

CALLS = 2000
CONCURRENCY = 20
BOT_TOKEN = "benchmark-bot-token"  # noqa: S105  # of the emulator
UNLIMITED = Plan(1e9, 1e9 / 4)


def serve(ready: Connection) -> None:
    """Run the emulator until the other end of the pipe closes."""
    from bitrix_chat.portal import Plan as PortalPlan  # noqa: PLC0415  # only this process serves
    from bitrix_chat.portal import Portal  # noqa: PLC0415

    with Portal(plan=PortalPlan.UNLIMITED, keep_requests=0).in_thread() as portal:
        ready.send(portal.webhook_url)
        ready.recv()


async def in_parallel(call: Callable[[int], Awaitable[object]]) -> None:
    """Make the calls, a fixed number at a time."""
    numbers = iter(range(CALLS))

    async def worker() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


async def with_client(url: str, bot_id: int) -> None:
    """Create chats through the whole stack, typed both ways."""
    async with BitrixChat(WebhookAuth(url), limiter=MemoryRateLimiter(UNLIMITED), allow_insecure_loopback=True) as b24:
        bot = b24.bot(bot_id, token=BOT_TOKEN)
        await in_parallel(lambda number: bot.chat.add(title=f"Chat {number}", color="mint", user_ids=[1, 2]))


async def with_bare_aiohttp(url: str, bot_id: int) -> None:
    """Make the same exchange with aiohttp and json alone."""

    async def add(session: aiohttp.ClientSession, number: int) -> Any:
        fields = {"title": f"Chat {number}", "color": "mint", "userIds": [1, 2]}
        params = {"botId": bot_id, "botToken": BOT_TOKEN, "fields": fields}
        async with session.post(f"{url}imbot.v2.Chat.add", json=params) as response:
            return json.loads(await response.read())["result"]

    async with aiohttp.ClientSession() as session:
        await in_parallel(lambda number: add(session, number))


def measure(side: Callable[[str, int], Awaitable[None]], url: str, bot_id: int) -> tuple[float, float]:
    """Return CPU and wall seconds of one run."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    asyncio.run(side(url, bot_id))  # type: ignore[arg-type]
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - started


async def register(url: str) -> int:
    """Register the bot that creates the chats."""
    async with BitrixChat(WebhookAuth(url), allow_insecure_loopback=True) as b24:
        return (await b24.imbot.bot.register("benchmark", name="Benchmark", token=BOT_TOKEN)).bot.id


def import_seconds(code: str) -> float:
    """Return the CPU seconds that an import takes in a fresh interpreter."""
    timed = f"import time; t = time.process_time(); {code}; print(time.process_time() - t)"
    return float(subprocess.run([sys.executable, "-c", timed], check=True, capture_output=True, text=True).stdout)


def import_ratio(code: str, runs: int) -> float:
    """Return the median ratio of an import of ours to importing what we stand on."""
    import_seconds(code)
    return statistics.median(
        import_seconds(code) / import_seconds("import aiohttp, attrs, cattrs") for _ in range(runs)
    )


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    url = ours.recv()
    bot_id = asyncio.run(register(url))
    pairs = []
    for run in range(runs + 1):
        sides = [with_client, with_bare_aiohttp] if run % 2 else [with_bare_aiohttp, with_client]
        figures = {side: measure(side, url, bot_id) for side in sides}
        if run:  # the first warms up
            pairs.append((figures[with_client], figures[with_bare_aiohttp]))
    ours.send(None)
    server.join(10)
    report(pairs)
    for code in ("import bitrix_chat", "from bitrix_chat import BitrixChat, WebhookAuth"):
        print(f"import       ratio {import_ratio(code, runs * 2 + 1):.2f}  `{code}`", end=" ")
        print("/ aiohttp, attrs and cattrs  (bar 1.2)")


def report(pairs: list[tuple[tuple[float, float], tuple[float, float]]]) -> None:
    """Print the medians."""
    for index, what in enumerate(("CPU", "wall")):
        client = statistics.median(pair[0][index] for pair in pairs) / CALLS * 1e6
        bare = statistics.median(pair[1][index] for pair in pairs) / CALLS * 1e6
        ratio = statistics.median(pair[0][index] / pair[1][index] for pair in pairs)
        bar = "  (bar 1.5)" if what == "CPU" else ""
        print(f"{what:<12} ratio {ratio:.2f}  client {client:.0f} us a call, bare aiohttp {bare:.0f} us{bar}")


if __name__ == "__main__":
    main()
