"""Bulk runs that are killed at random instants, again and again: in the end the portal has each chat once.

The portal lives here, so it outlives its clients, and works on what a killed one had sent. What it has created is
counted by its own books; what the journal says is only compared with them. The next process is ready when one is
killed, so that it begins while the portal still works for its predecessor: that is when to look too early makes
duplicates.
"""

import asyncio
import json
import logging
import random
import shutil
import signal
import weakref
from collections import Counter
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import attrs
import pytest

from bitrix_chat import KEY_ENTITY_TYPE
from bitrix_chat.bulk.journal import IntentState
from bitrix_chat.bulk.sqlite_journal import SqliteJournal
from bitrix_chat.portal import Cut, Fault, Plan, Portal, PortalPolicy
from bitrix_chat.portal.scripts import OvertimeError
from tests.faults.scenes import sizes
from tests.kills.bulk_process import BOT_TOKEN, title_of
from tests.kills.processes import Processes

logger = logging.getLogger(__name__)

SCRIPT = Path(__file__).with_name("bulk_process.py")

USERS, BOTS, LOOKUP = "im.chat.add", "imbot.v2.Chat.add", "im.chat.get"
COSTS = {USERS: 0.009, BOTS: 0.009, LOOKUP: 0.0005}
EXECUTION_LIMIT = 0.5
LATEST = 0.8
"""Seconds after which the portal surely works on no request any more; the client's quiescence is 1."""
FAULTS = (
    Fault(cut=Cut.AFTER),
    Fault(cut=Cut.AFTER),
    Fault(status=200, body='{"result":{"result":{"c0":', execute=True),
    Fault(cut=Cut.BEFORE),
    Fault.html_502(executed=True),
    Fault(status=503, body="<html>"),
    Fault.query_limit(),
    Fault(delay=0.25),  # the gateway gives up on fifty, and the portal creates the rest unheard
)
AHEAD = 100
"""Chats by which a run may be ahead of its share, so that some lives in a row meet what their predecessor had sent."""
TOGETHER = 7
"""Processes that are started at a time: as many kills are followed at once by another life."""
MOST_RESUMES = 3


class Punctual:
    """Passes the time of a request as it should pass, however busy the machine is."""

    def __init__(self):
        self.spans = weakref.WeakKeyDictionary()

    async def __call__(self, seconds):
        now, script = asyncio.get_running_loop().time(), asyncio.current_task()
        began, due = self.spans.get(script, (now, now))
        if now > began + LATEST:
            raise OvertimeError
        self.spans[script] = began, due + seconds
        await asyncio.sleep(max(0.0, due + seconds - now))


@attrs.define(eq=False)
class Killing:
    """One run and what was seen of it.

    Attributes:
        method: the method that creates its chats.
        count: how many chats there are to be.
        most: how often it will be killed.
        kills: how many kills were seen to end a process.
        is_resting: whether it is to make little progress for a while.
        left: what each kill has left: a copy of the journal, and the keys whose chats were there.
    """

    portal: Portal
    processes: Processes
    journal: Path
    report: Path
    method: str
    count: int
    most: int
    random: random.Random
    kills: int = 0
    is_resting: bool = False
    left: list = attrs.field(factory=list)

    @property
    def made(self):
        return [chat for chat in self.portal.chats.values() if chat.entity_type == KEY_ENTITY_TYPE]

    async def sent(self):
        """Return how often each had left that a kill met as sent, and whether its chat was there at the first such."""
        sent = {}
        for copied, there in self.left:
            for each in await intents_in(copied):
                if each.state is IntentState.SENT and sent.get(each.number, (0, 0))[0] != each.attempts:
                    sent[each.number] = each.attempts, each.key in there
        return sent

    async def kill(self):
        """Begin the run, or go on with it, and kill it."""
        self.portal.requests.clear()
        process = await self.processes.begin("resume" if self.kills % 2 and self.made else "bulk")
        await self.moment(process)
        if process.returncode is None:
            process.kill()
        await process.wait()
        self.kills += process.returncode == -signal.SIGKILL
        copied = self.journal.with_name(f"killed{len(self.left)}.sqlite")
        for ending in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{self.journal}{ending}", f"{copied}{ending}")
        self.left.append((copied, {chat.entity_id for chat in self.made}))

    async def moment(self, process):
        """Wait for a random instant: soon after the beginning, or while the portal works on creations.

        Where the run has come much further than its share of the kills, the next lives are short ones.
        """
        least = 0 if self._rests() else self.random.choice([0, 1, 2, 2, 2])
        while max(sizes(self.portal, self.method), default=0) < least and process.returncode is None:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        longest = self.random.choice([0.05, 0.25]) if least else 0.15
        await asyncio.sleep(self.random.uniform(0.0, longest))

    def _rests(self):
        ahead = len(self.made) - (self.count - AHEAD - 60) * self.kills / self.most
        self.is_resting = ahead > (0 if self.is_resting else AHEAD)
        return self.is_resting

    async def finish(self):
        """Resume until nothing is unknown, and return the rows of the last report."""
        for _ in range(MOST_RESUMES):
            process = await self.processes.begin("resume")
            assert await process.wait() == 0
            rows = [json.loads(line) for line in self.report.read_text().splitlines()]
            if all(row["state"] in {"done", "skipped"} for row in rows):
                break
            self.portal.faults.clear()  # which may have hit a last lookup
        return rows


async def intents_in(path):
    if not path.exists():
        return []
    async with SqliteJournal.reading(path) as journal:
        return await journal.read(limit=1000)


@asynccontextmanager
async def killing(folder, method, count, kills, seed):
    journal, report = folder / "run.sqlite", folder / "report.jsonl"
    async with Portal(
        plan=Plan.UNLIMITED,
        costs=COSTS,
        execution_limit=EXECUTION_LIMIT,
        policy=PortalPolicy(overtime_completes=True),
        sleep=Punctual(),
    ) as portal:
        bot_id = "none" if method == USERS else await registered(portal)
        arguments = (portal.webhook_url, str(bot_id), str(count), str(journal), str(report))
        processes = Processes(SCRIPT, arguments, TOGETHER)
        try:
            chance = random.Random(seed)  # noqa: S311
            yield Killing(portal, processes, journal, report, method, count, kills, chance)
        finally:
            await processes.end()


async def registered(portal):
    async with portal.client() as b24:
        return (await b24.imbot.bot.register("house_bot", name="House", token=BOT_TOKEN)).bot.id


def misfortunes(chance, kills):
    """Faults for about one request in six."""
    return [attrs.evolve(chance.choice(FAULTS), nth=chance.randint(1, 4 * kills)) for _ in range(kills * 2 // 3)]


async def survive(folder, method, *, seed, kills, count, is_troubled):
    """Kill a run so many times, resume it to its end, and see that every chat is there once."""
    async with killing(folder, method, count, kills, seed) as run:
        if is_troubled:
            run.portal.faults.add(*misfortunes(run.random, kills))
        for _ in range(kills):
            await run.kill()
        rows = await run.finish()

        keys = [f"deal-{number}" for number in range(count)]
        made = Counter(chat.entity_id for chat in run.made)
        twice = {key: times for key, times in made.items() if times > 1}
        intents, sent = await intents_in(run.journal), await run.sent()
        found = [each for each in intents if each.number in sent and sent[each.number][0] == each.attempts]
        beyond = [each for each in found if not sent[each.number][1]]
        logger.info(
            "%s: %d kills met %d intents as sent; of these %d were found by lookup, %d of them created after the kill;"
            " %d had not run; %d chats, %d keys twice",
            *(method, run.kills, len(sent), len(found), len(beyond), len(sent) - len(found)),
            *(len(run.made), len(twice)),
        )
        assert twice == {}
        assert sorted(made) == sorted(keys)
        assert Counter(chat.title for chat in run.made) == Counter(map(title_of, keys))
        assert run.portal.executions[method] == count
        assert {row["key"]: row["chat_id"] for row in rows} == {chat.entity_id: chat.id for chat in run.made}
        assert len(rows) == count
        assert {row["state"] for row in rows} <= {"done", "skipped"}
        assert {each.key: each.chat_id for each in intents} == {chat.entity_id: chat.id for chat in run.made}
        assert {each.state for each in intents} == {IntentState.DONE}
        # Kills that meet nothing on its way would show nothing.
        assert run.kills == kills
        assert len(found) > kills
        assert beyond


METHODS = pytest.mark.parametrize("method", [USERS, BOTS])


@pytest.mark.parametrize("method", [USERS, pytest.param(BOTS, marks=pytest.mark.slow)])
async def test_a_run_that_is_killed_six_times_creates_each_chat_once(tmp_path, method):
    await survive(tmp_path, method, seed=7, kills=6, count=330, is_troubled=method == BOTS)


@pytest.mark.slow
@pytest.mark.timeout(600)
@METHODS
@pytest.mark.parametrize("is_troubled", [False, True], ids=["answered", "answers cut"])
async def test_a_run_that_is_killed_thirty_times_creates_each_chat_once(tmp_path, method, is_troubled):
    await survive(tmp_path, method, seed=5, kills=30, count=600, is_troubled=is_troubled)
