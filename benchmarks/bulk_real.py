"""Five hundred chats in real time, over TLS: each client against a fresh portal, in turn, undisturbed and in trouble.

Portal and client have a process each. What was made is counted by the portal, what was reported by the client, and an
id counts as reported only if the portal has that chat under the title for which it was reported.
"""

import asyncio
import contextlib
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from attrs import asdict, evolve
from bulk_clients import CLIENTS, OURS, PEERS, Address, Told, trust
from bulk_tables import Bars, markdown, median, seconds, spread

from bitrix_chat.portal import Cut, Fault, Plan, Portal

CHATS = 500
COST = 0.02
EXECUTION_LIMIT = 1.2  # more than fast-bitrix24's batches of fifty need
PATIENCE = 90.0
LOOP_PATIENCE = 400.0
CUT_ONE_IN = 10
EXPIRES_AFTER = 4  # requests
NO_FAULT = "none"
SCENARIOS = ("answers cut", "503 storms", "token expires")
UNDISTURBED = (*OURS, *PEERS)
_CONTEXT = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Made:
    """What the portal saw."""

    chats: dict[int, str]
    moments: list[float]
    requests: int
    refused: int


@dataclass(frozen=True)
class Attempt:
    """What the client's process says: what its caller was told, when it began, and how long it took."""

    told: Told
    began_at: float
    seconds: float


@dataclass(frozen=True)
class Run:
    """One client against one portal; `curve` is (seconds, chats)."""

    client: str
    scenario: str
    wanted: int
    seconds: float
    requests: int
    refused: int
    made: int
    duplicates: int
    lost: int
    reported: int
    wrong: int
    errors: list[str] = field(default_factory=list)
    curve: list[tuple[float, int]] = field(default_factory=list)

    @property
    def is_flawless(self) -> bool:
        """Whether each chat is there once and was reported."""
        return self.made == self.reported == self.wanted and not (self.duplicates or self.lost or self.wrong)


def _faults(scenario: str) -> list[Fault]:
    """Script a scenario: every tenth request from the fifth, or storms of refusals that others cause."""
    if scenario == "answers cut":
        # A request that one fault takes is not counted by those behind it.
        return [Fault(cut=Cut.AFTER, nth=5 + (CUT_ONE_IN - 1) * number) for number in range(CHATS)]
    if scenario == "503 storms":
        return [evolve(Fault.query_limit(times=6), nth=3), evolve(Fault.query_limit(times=4), nth=12)]
    return []


def _serve(pipe: Connection, scenario: str) -> None:
    asyncio.run(_serve_once(pipe, scenario))


async def _serve_once(pipe: Connection, scenario: str) -> None:
    portal = Portal(
        plan=Plan.STANDARD, cost=COST, operating_limit=480.0, execution_limit=EXECUTION_LIMIT, tls=True, keep_requests=0
    )
    portal.faults.add(*_faults(scenario))
    async with portal:
        grant = {name: str(value) for name, value in asdict(portal.oauth).items()}
        pipe.send((Address(portal.url, portal.webhook_url, grant), portal.ca_pem))
        expiring = asyncio.create_task(_expire(portal)) if scenario == "token expires" else None
        await asyncio.to_thread(pipe.recv)
        if expiring is not None:
            expiring.cancel()
        chats = portal.chats
        moments = [chat.created_at for chat in chats.values()]
        titles = {chat_id: chat.title for chat_id, chat in chats.items()}
        pipe.send(Made(titles, moments, portal.hits, portal.refused + portal.blocked))


async def _expire(portal: Portal) -> None:
    while portal.hits < EXPIRES_AFTER:  # noqa: ASYNC110  # the emulator has nothing to wait for
        await asyncio.sleep(0.0005)
    portal.expire_tokens()


def _create(pipe: Connection, client: str, address: Address, titles: list[str]) -> None:
    began_at, began = time.time(), time.perf_counter()
    told = CLIENTS[client](address, titles)
    pipe.send(Attempt(told, began_at, time.perf_counter() - began))


@contextlib.contextmanager
def _portal(scenario: str) -> Iterator[Connection]:
    ours, theirs = _CONTEXT.Pipe()
    server = _CONTEXT.Process(target=_serve, args=(theirs, scenario), daemon=True)
    server.start()
    try:
        yield ours
    finally:
        server.join(5)
        server.kill()


def run(client: str, scenario: str, count: int = CHATS, patience: float = PATIENCE) -> Run:
    """Let one client create its chats on a fresh portal."""
    titles = [f"Deal {number}: R&D #1, 100% a+b" for number in range(count)]
    with _portal(scenario) as portal, tempfile.TemporaryDirectory() as directory:
        address, certificate = portal.recv()
        if scenario != "token expires":
            address = Address(address.url, address.webhook)
        authority = Path(directory) / "ca.pem"
        authority.write_bytes(certificate)
        attempt = _attempted(client, address, titles, authority, patience)
        portal.send(None)
        return _counted(client, scenario, titles, attempt, portal.recv())


def _attempted(client: str, address: Address, titles: list[str], authority: Path, patience: float) -> Attempt:
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_create, args=(theirs, client, address, titles), daemon=True)
    with _STARTING:
        before = dict(os.environ)
        trust(authority, os.environ)
        process.start()
        os.environ.clear()
        os.environ.update(before)
    theirs.close()
    began_at = time.time()
    try:
        if ours.poll(patience):
            attempt: Attempt = ours.recv()
            return attempt
        return Attempt(Told(errors=[f"still busy after {patience:g} s"]), began_at, patience)
    except EOFError:
        return Attempt(Told(errors=["its process died"]), began_at, time.time() - began_at)
    finally:
        process.kill()
        process.join()


_STARTING = threading.Lock()


def _counted(client: str, scenario: str, titles: list[str], attempt: Attempt, made: Made) -> Run:
    told, there = attempt.told, set(made.chats.values())
    right = sum(made.chats.get(chat_id) == title for title, chat_id in told.ids.items())
    moments = sorted(moment - attempt.began_at for moment in made.moments)
    return Run(
        client,
        scenario,
        wanted=len(titles),
        seconds=attempt.seconds,
        requests=made.requests,
        refused=made.refused,
        made=len(made.chats),
        duplicates=len(made.chats) - len(there),
        lost=sum(title not in there for title in titles),
        reported=right,
        wrong=len(told.ids) - right,
        errors=told.errors,
        curve=[(0.0, 0), *((moment, number) for number, moment in enumerate(moments, 1) if number % 5 == 0)],
    )


def measured(runs: int, *, with_loop: bool) -> list[Run]:
    """Run every client in turn, `runs` times over; the loop, which takes minutes and hardly any CPU, beside them."""
    done: list[Run] = []
    beside = threading.Thread(target=lambda: done.append(run("one by one", NO_FAULT, patience=LOOP_PATIENCE)))
    if with_loop:
        beside.start()
    names = list(UNDISTURBED)
    for scenario in (NO_FAULT, *SCENARIOS):
        for number in range(runs):
            turn = names[number % len(names) :] + names[: number % len(names)]
            done += [run(client, scenario) for client in turn]
    if with_loop:
        beside.join()
    return done


def report(runs: list[Run], bars: Bars) -> str:
    """Write the tables, and hold ours against the bars."""
    _hold(runs, bars)
    tables = [f"Undisturbed:\n\n{_table(runs, NO_FAULT)}"]
    tables += [f"{scenario[0].upper()}{scenario[1:]}:\n\n{_table(runs, scenario)}" for scenario in SCENARIOS]
    return "\n\n".join(tables)


def _of(runs: list[Run], client: str, scenario: str) -> list[Run]:
    return [run for run in runs if (run.client, run.scenario) == (client, scenario)]


def _table(runs: list[Run], scenario: str) -> str:
    heads = ("client", "seconds", "requests", "refused", "made", "duplicates", "lost", "reported", "wrong id")
    rows = []
    for client in CLIENTS:
        if found := _of(runs, client, scenario):
            names = ("requests", "refused", "made", "duplicates", "lost", "reported", "wrong")
            figures = [spread(getattr(run, name) for run in found) for name in names]
            rows.append((client, seconds(median(run.seconds for run in found)), *figures))
    return markdown(heads, rows)


def _hold(runs: list[Run], bars: Bars) -> None:
    fastest_peer = min(median(run.seconds for run in _of(runs, peer, NO_FAULT)) for peer in PEERS)
    for client in OURS:
        took = median(run.seconds for run in _of(runs, client, NO_FAULT))
        bars.hold(met=took < fastest_peer, promise=f"{client}: {took:.2f} s, the fastest peer {fastest_peer:.2f} s")
    for run in runs:
        if run.client not in PEERS:
            what = f"{run.client}, {run.scenario}: {run.made} made, {run.duplicates} duplicates, {run.lost} lost"
            first = f"; {run.errors[0]}" if run.errors else ""
            bars.hold(met=run.is_flawless, promise=f"{what}, {run.reported} reported{first}")
            bars.at_most(f"{run.client}, {run.scenario}: requests refused", run.refused, 0)
