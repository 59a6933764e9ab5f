"""What a process with a thousand portals needs: memory a portal, calls a second, and what stalled portals take away.

The emulated portals run in a process of their own, each at an address and with limits of its own; those that stall
take connections and requests and never answer. Runs with and without them alternate, and the ratio is taken of
neighbours: machines are noisy, ratios within one run are not. Waiting is not free, whoever waits: Python's garbage
collector looks at it, and processors have smaller caches than there are tasks. So there is a control: as many requests
on the same silent servers by a bare aiohttp session in the same process, which the registry knows nothing of. What the
stalled portals take beyond that is the registry's own; both are told with the garbage collector and without it.

Memory is the resident set of the client's process, which Python seldom gives back, beside the blocks of it that are in
use.
"""

import argparse
import asyncio
import gc
import itertools
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp

from bitrix_chat import WebhookAuth
from bitrix_chat.portals import Portals

WORKERS = 64
CALLS_WHILE_STALLED = 16
"""Of each portal that stalls: as many as a client has in flight."""
IDLE = 3.0


def serve(pipe: Connection, healthy: int, stalled: int) -> None:
    """Run the portals until the other end of the pipe says how many requests they refused."""
    allow_many_files()
    asyncio.run(serving(pipe, healthy, stalled))


async def serving(pipe: Connection, healthy: int, stalled: int) -> None:
    """Start the portals, send their addresses, and tell in the end how many requests met a limit."""
    from bitrix_chat.portal import Portal  # noqa: PLC0415  # only this process serves

    async with AsyncExitStack() as running:
        portals = [await running.enter_async_context(Portal(users=1, keep_requests=0)) for _ in range(healthy)]
        silent = [await asyncio.start_server(never_answer, "127.0.0.1", 0) for _ in range(stalled)]
        ports = [server.sockets[0].getsockname()[1] for server in silent]
        stalling = [f"http://127.0.0.1:{port}/rest/1/benchmark/" for port in ports]
        pipe.send(([portal.webhook_url for portal in portals], stalling))
        await asyncio.to_thread(pipe.recv)
        pipe.send(sum(portal.refused for portal in portals))
        await asyncio.to_thread(pipe.recv)
        for server in silent:
            server.close()


async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read what comes until the other side goes."""
    while await reader.read(1 << 16):
        pass
    writer.close()


def allow_many_files() -> None:
    """Raise the limit of open files: a thousand portals are some thousand connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Memory:
    """What this process takes from now on."""

    def __init__(self) -> None:
        self._before = self._now()

    def of_each(self, portals: int) -> str:
        """Return what has come since, divided by a number of portals."""
        resident, blocks = (now - before for now, before in zip(self._now(), self._before, strict=True))
        return f"{resident / portals:5.1f} KiB, {blocks / portals:4.0f} blocks a portal"

    @staticmethod
    def _now() -> tuple[float, int]:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 1024, sys.getallocatedblocks()


def registry(addresses: dict[str, str], shared: str | None, *, idle: float) -> Portals:
    """Return the registry of portals by the addresses of their webhooks."""
    options = {"idle": idle, "most": len(addresses), "shared": shared, "allow_insecure_loopback": True}
    return Portals(lambda each: WebhookAuth(addresses[each]), **options)


async def call(portals: Portals, member_id: str) -> float:
    """Make one call on a portal and return the seconds it took, getting its client included."""
    started = time.perf_counter()
    async with portals.client(member_id) as b24:
        await b24.profile()
    return time.perf_counter() - started


async def call_all(portals: Portals, member_ids: Sequence[str], times: int) -> tuple[float, float]:
    """Call every portal so many times, and return calls a second and the 99th percentile of their seconds."""
    left, took = iter([*member_ids] * times), list[float]()

    async def work() -> None:
        for member_id in left:
            took.append(await call(portals, member_id))

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return len(took) / (time.perf_counter() - started), statistics.quantiles(took, n=100)[98]


async def wait_for(portals: Portals, member_id: str) -> None:
    """Have as many calls in flight on a portal that stalls as its client allows."""
    async with portals.client(member_id) as b24:
        await asyncio.gather(*(b24.profile() for _ in range(CALLS_WHILE_STALLED)))


@asynccontextmanager
async def waiting_by_registry(portals: Portals, stalled: dict[str, str]) -> AsyncIterator[None]:
    """Have calls wait on the portals that stall."""
    waiting = [asyncio.create_task(wait_for(portals, each)) for each in stalled]
    await asyncio.sleep(0.5)
    try:
        yield
        assert not any(task.done() for task in waiting)
    finally:
        await cancelled(waiting)
        await asyncio.gather(*(portals.drop(each, 0.0) for each in stalled))


@asynccontextmanager
async def waiting_elsewhere(_: Portals, stalled: dict[str, str]) -> AsyncIterator[None]:
    """Have as many requests wait on the same servers, by a session that no registry knows."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        waiting = [
            asyncio.create_task(session.post(url + "profile.json", json={}))
            for url in stalled.values()
            for _ in range(CALLS_WHILE_STALLED)
        ]
        await asyncio.sleep(0.5)
        try:
            yield
            assert not any(task.done() for task in waiting)
        finally:
            await cancelled(waiting)


@asynccontextmanager
async def waiting_nowhere(_: Portals, __: dict[str, str]) -> AsyncIterator[None]:
    """Have nothing wait, after as long a pause."""
    await asyncio.sleep(0.5)
    yield


async def cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Have tasks end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def measure_memory(addresses: dict[str, str], shared: str | None) -> None:
    """Print what a client costs while it is open, and what stays of it."""
    async with registry(addresses, shared, idle=IDLE) as portals:
        first, *others = addresses
        await call(portals, first)
        memory = Memory()
        pace, _ = await call_all(portals, others, 1)
        print(
            f"open     {memory.of_each(len(others))}, after a call on each of {len(addresses)}, connections included;",
            end="",
        )
        print(f" {pace:.0f} opened and called a second")
        await wait_until_closed(portals)
        print(f"closed   {memory.of_each(len(others))}, after {IDLE:g} s without use; connections stay a while")
        await call_all(portals, others, 1)
        await wait_until_closed(portals)
        print(f"again    {memory.of_each(len(others))}, when all were opened and closed once more")


async def wait_until_closed(portals: Portals) -> None:
    """Wait until all clients were closed for having been idle."""
    while len(portals):  # noqa: ASYNC110  # nothing tells of it
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.1)


WAITING = {"alone": waiting_nowhere, "control": waiting_elsewhere, "stalled": waiting_by_registry}
Runs = dict[str, list[tuple[float, float]]]


async def measure_stalling(healthy: dict[str, str], stalled: dict[str, str], options: argparse.Namespace) -> None:
    """Print what the portals that do not answer take from the others, beside what waiting elsewhere takes."""
    runs: Runs = {what: [] for what in WAITING}
    async with registry(healthy | stalled, options.shared, idle=600) as portals:
        await call_all(portals, [*healthy], 1)
        for run in range(options.runs):
            order = [*WAITING]
            for what in order[run % 3 :] + order[: run % 3]:
                async with WAITING[what](portals, stalled):
                    runs[what].append(await call_all(portals, [*healthy], options.times))
    report(runs, len(healthy), len(stalled))


def report(runs: Runs, healthy: int, stalled: int) -> None:
    """Print medians, and those of the ratios of neighbours."""
    waiting = stalled * CALLS_WHILE_STALLED
    for what, said in (
        ("alone", "nothing waits"),
        ("control", f"{waiting} requests of a bare session wait"),
        ("stalled", f"{waiting} calls on {stalled} portals wait"),
    ):
        pace, late = (statistics.median(run[index] for run in runs[what]) for index in (0, 1))
        print(f"{what:8} {pace:5.0f} calls a second on {healthy} portals, 99 % within {late * 1000:.0f} ms; {said}")
    for what, to in (("control", "alone"), ("stalled", "alone"), ("stalled", "control")):
        pace, late = (
            statistics.median(one[index] / other[index] for one, other in zip(runs[what], runs[to], strict=True))
            for index in (0, 1)
        )
        print(f"{what} / {to}: calls a second {pace:.2f}, 99th percentile {late:.2f}  (no effect is 1.00)")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--portals", type=int, default=1000)
    parser.add_argument("--stalled", type=int, default=50)
    parser.add_argument("--times", type=int, default=3, help="calls a portal and run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--shared", help="with whom limits are shared: host, or redis://...")
    options = parser.parse_args()
    allow_many_files()
    ours, theirs = multiprocessing.Pipe()
    arguments = (theirs, options.portals, options.stalled)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=arguments, daemon=True)
    server.start()
    urls, stalling = ours.recv()
    numbers = itertools.count(1)
    healthy = {f"portal-{next(numbers)}": url for url in urls}
    stalled = {f"stalled-{next(numbers)}": url for url in stalling}
    asyncio.run(measure_memory(healthy, options.shared))
    calling = dict(itertools.islice(healthy.items(), len(healthy) - len(stalled)))
    for is_collecting in (True, False):
        print("With Python's garbage collector:" if is_collecting else "Without it:")
        if not is_collecting:
            gc.disable()
        asyncio.run(measure_stalling(calling, stalled, options))
    ours.send(None)
    print(f"refused  {ours.recv()} requests by the portals' limits")
    ours.send(None)
    server.join(10)


if __name__ == "__main__":
    main()
