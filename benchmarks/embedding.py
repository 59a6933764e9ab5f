"""What a home in aiohttp.web or FastAPI costs: requests and handled events a second, against the bare framework.

The server, the emulated portal and the clients are a process each. The bare application does the same with the
framework and aiohttp alone; of an event it reads the fields and calls the handler at once, keeping, checking and
ordering nothing. Both run in turn, and ratios are taken run by run.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import frozen
from bulk_tables import markdown, seconds
from embedding_apps import APPLICATION_TOKEN, Handled, Wanted, serve

from bitrix_chat import BitrixChat
from bitrix_chat.events.sqlite_store import SqliteEventStore
from bitrix_chat.rest.request import Exchange, Response

CONNECTIONS = 20
DIALOGS = 50
PAGE = 1000
FRAMEWORKS = ("aiohttp.web", "FastAPI")
SPAWN = multiprocessing.get_context("spawn")
TEXT = "Is the lamp on the second floor repaired already? " * 4
BOT = {"id": 1, "code": "benchmark"}
USER = {
    "id": 2, "active": True, "name": "Vera Lamp", "firstName": "Vera", "lastName": "Lamp", "workPosition": "",
    "color": "#df532d", "gender": "F", "extranet": False, "bot": False, "absent": False, "departments": [1],
    "type": "employee",
}  # fmt: skip


@frozen
class Measured:
    """One run.

    Attributes:
        rate: a second, by the clock.
        cpu: the server's microseconds for each.
    """

    rate: float
    cpu: float


def data_of(number: int) -> dict[str, Any]:
    """Return the data of a message that was added."""
    dialog = number % DIALOGS + 1
    message = {"id": number, "chatId": dialog, "authorId": 2, "date": "2026-03-04T10:30:00+02:00", "text": TEXT}
    chat = {"id": dialog, "dialogId": f"chat{dialog}", "type": "chat", "messageType": "C", "name": "Floor 2"}
    return {"bot": BOT, "message": message, "chat": chat, "user": USER, "language": "en"}


def pairs(value: Any, name: str) -> Iterator[str]:
    """Write a value as PHP does."""
    if isinstance(value, Mapping | list):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, each in items:
            yield from pairs(each, f"{name}[{key}]")
    else:
        yield f"{quote(name, safe='')}={quote(str(int(value) if isinstance(value, bool) else value), safe='')}"


def event_body(number: int) -> bytes:
    """Return a posted event, each another one."""
    auth = {"application_token": APPLICATION_TOKEN, "member_id": "0f" * 16, "domain": "acme.bitrix24.example"}
    parts = [*pairs(data_of(number), "data"), *pairs(auth, "auth")]
    return "&".join(["event=ONIMBOTV2MESSAGEADD", *parts, "ts=1772600000"]).encode()


def post(path: str, kind: str, body: bytes) -> bytes:
    """Return a request, ready to be written."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


REQUESTS: dict[str, Callable[[int], bytes]] = {
    "a request that does nothing": lambda _: b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a request that creates a chat": lambda number: post(
        "/chats", "application/json", json.dumps({"title": f"Chat {number}"}).encode()
    ),
    "an event, handled": lambda number: post("/events", "application/x-www-form-urlencoded", event_body(number)),
}
EVENT = "an event, handled"


async def fire(port: int, requests: list[bytes]) -> None:
    """Write the requests over some connections, and read what is answered."""
    waiting = iter(requests)

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b" 200 " in head[:16], head
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
        writer.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


@contextmanager
def server(wanted: Wanted) -> Iterator[tuple[int, Connection]]:
    """Run an application in a process of its own."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=serve, args=(wanted, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv(), ours
        ours.send(False)
        process.join(10)
    finally:
        process.kill()
        process.join()


def measure(wanted: Wanted, what: str, count: int) -> Measured:
    """Run one application once, warmed up."""
    warm = max(100, count // 10)
    requests = [REQUESTS[what](number) for number in range(1, warm + count + 1)]
    with server(wanted) as (port, control):

        def asked() -> tuple[float, int]:
            control.send(True)
            told: tuple[float, int] = control.recv()
            return told

        def drive(some: list[bytes], handled: int) -> None:
            asyncio.run(fire(port, some))
            while what == EVENT and asked()[1] < handled:
                time.sleep(0.002)

        drive(requests[:warm], warm)
        (before, _), began = asked(), time.perf_counter()
        drive(requests[warm:], warm + count)
        took, (after, _) = time.perf_counter() - began, asked()
    return Measured(count / took, (after - before) / count * 1e6)


def row(name: str, sides: list[tuple[Measured, Measured]]) -> list[str]:
    """Write medians of runs, ours and the bare ones."""
    ours, bare = [pair[0] for pair in sides], [pair[1] for pair in sides]
    return [
        name,
        f"{statistics.median(each.rate for each in ours):,.0f}",
        f"{statistics.median(each.rate for each in bare):,.0f}",
        f"{statistics.median(mine.rate / theirs.rate for mine, theirs in sides):.2f}",
        seconds(statistics.median(each.cpu for each in ours)),
        seconds(statistics.median(each.cpu for each in bare)),
        f"{statistics.median(mine.cpu / theirs.cpu for mine, theirs in sides):.2f}",
    ]


def portal(ready: Connection) -> None:
    """Run the emulator until the other end of the pipe closes."""
    from bitrix_chat.portal import Plan, Portal  # noqa: PLC0415  # only this process serves

    with Portal(plan=Plan.UNLIMITED, keep_requests=0).in_thread() as running:
        ready.send(running.webhook_url)
        ready.recv()


class Queue:
    """A portal that has many events and answers at once, as `imbot.v2.Event.get` does."""

    def __init__(self, count: int) -> None:
        self._records: list[dict[str, Any]] = [
            {"eventId": number, "type": "ONIMBOTV2MESSAGEADD", "date": "2026-03-04T10:30:00+02:00"}
            for number in range(1, count + 1)
        ]

    async def send(self, exchange: Exchange) -> Response:
        """Answer."""
        await asyncio.sleep(0)
        first = max(0, int(exchange.request.params.get("offset") or 1) - 1)
        shown = self._records[first : first + int(exchange.request.params.get("limit") or 100)]
        events = [record | {"data": data_of(record["eventId"])} for record in shown]
        behind = first + len(shown)
        result = {"events": events, "nextOffset": behind + 1, "hasMore": behind < len(self._records)}
        response = Response(json.loads(json.dumps(result)), raw_time={"start": 1_900_000_000.0})
        exchange.succeed(response)
        return response


async def polled(path: Path | None) -> Measured:
    """Handle one page of events that are fetched; more than one in two seconds is not asked for."""
    handled, began, before = Handled(), time.perf_counter(), time.process_time()
    bot = BitrixChat.over(Queue(PAGE)).bot(1, token="token")  # noqa: S106  # of nobody
    store = None if path is None else SqliteEventStore(path / f"polled-{time.time_ns()}.sqlite")
    stream = bot.events.stream(store, limit=PAGE)
    running = asyncio.create_task(bot.run(handled.router, store=store, source=stream))
    while handled.count < PAGE and not running.done():  # noqa: ASYNC110  # it counts, and announces nothing
        await asyncio.sleep(0.001)
    running.cancel()  # it drains: what was handled is acknowledged
    await asyncio.wait([running])
    took, cpu = time.perf_counter() - began, time.process_time() - before
    assert handled.count == PAGE, running
    if store is not None:
        await store.close()
    return Measured(PAGE / took, cpu / PAGE * 1e6)


def requests_table(webhook: str, folder: Path, runs: int, count: int) -> str:
    """Measure what comes in over HTTP."""
    rows = []
    for framework in FRAMEWORKS:
        for what in REQUESTS:
            for name, store in {"memory": "memory", "SQLite": str(folder)}.items():
                if what != EVENT and store != "memory":
                    continue
                sides = []
                for run in range(runs):
                    order = [store, None] if run % 2 else [None, store]
                    found = {each: measure(Wanted(framework, each, webhook), what, count) for each in order}
                    sides.append((found[store], found[None]))
                rows.append(row(f"{framework}: {what}{f' ({name})' if what == EVENT else ''}", sides))
    heads = ("what", "a second", "bare", "ratio", "CPU, us", "bare", "ratio")
    return markdown(heads, rows)


def polling_table(folder: Path, runs: int) -> str:
    """Measure what is fetched."""
    rows = []
    for name, path in {"memory": None, "SQLite": folder}.items():
        found = [asyncio.run(polled(path)) for _ in range(runs + 1)][1:]  # the first warms up
        rate, cpu = (statistics.median(getattr(each, what) for each in found) for what in ("rate", "cpu"))
        rows.append([f"a polled event, handled ({name})", f"{rate:,.0f}", seconds(cpu)])
    return markdown(("what", "a second", "CPU, us"), rows)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--quick", action="store_true", help="one short run, to see that it works")
    given = parser.parse_args()
    runs, count = (1, 400) if given.quick else (given.runs, given.requests)
    ours, theirs = SPAWN.Pipe()
    emulator = SPAWN.Process(target=portal, args=(theirs,), daemon=True)
    emulator.start()
    with tempfile.TemporaryDirectory() as folder:
        print(requests_table(ours.recv(), Path(folder), runs, count))
        print()
        print(polling_table(Path(folder), runs))
    ours.send(None)
    emulator.join(10)


if __name__ == "__main__":
    main()
