"""A bot that is killed at random instants while users write to it: each message handled, none after it was confirmed.

The portal lives here and outlives the bots. What they did is in their diary, what was confirmed in the portal's books;
the two are compared by the clock of the machine, which is one.
"""

import asyncio
import logging
import random
import signal
import time
from collections import Counter, defaultdict
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from bitrix_chat.portal import Cut, Fault, Plan, Portal
from tests.kills.event_process import BOT_TOKEN
from tests.kills.processes import Processes

logger = logging.getLogger(__name__)

SCRIPT = Path(__file__).with_name("event_process.py")
GET = "imbot.v2.Event.get"
USERS = range(1, 11)
TOGETHER = 4
"""Processes that are started at a time."""
FAULTS = (Fault(method=GET, cut=Cut.AFTER), Fault(method=GET, cut=Cut.BEFORE), Fault.html_502(executed=True))


@attrs.frozen
class Act:
    """A line of the diary."""

    at: int
    process: int
    name: str
    event_id: int
    dialog: str
    text: str

    @classmethod
    def read(cls, line):
        at, process, name, event_id, dialog, text = line.split(" ", 5)
        return cls(int(at), int(process), name, int(event_id), dialog, text)


def confirmations(portal):
    """Write down when the portal was told to forget up to where."""
    log, original = [], portal._state.events.fetch

    def fetch(recipients, offset, limit):
        log.append((time.monotonic_ns(), offset))
        return original(recipients, offset, limit)

    portal._state.events.fetch = fetch
    return log


@asynccontextmanager
async def listening(folder):
    diary = folder / "diary.txt"
    diary.touch()
    async with Portal(plan=Plan.UNLIMITED) as portal:
        async with portal.client() as b24:
            bot_id = (await b24.imbot.bot.register("house_bot", name="House", token=BOT_TOKEN)).bot.id
        arguments = (portal.webhook_url, str(bot_id), str(folder / "bot.sqlite"), str(diary))
        bots = Processes(SCRIPT, arguments, TOGETHER)
        try:
            yield portal, bot_id, bots, diary
        finally:
            await bots.end()


async def write(portal, bot_id, count, seconds, chance):
    """Let users write to the bot, each in a dialog of their own."""
    sent = defaultdict(list)
    for number in range(count):
        user_id = chance.choice(USERS)
        sent[str(user_id)].append(f"message {number}")
        await portal.user(user_id).say(bot_id, f"message {number}")
        await asyncio.sleep(chance.uniform(0, 2 * seconds / count))
    return sent


def acts_in(diary):
    return [Act.read(line) for line in diary.read_text().splitlines()]


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # it announces nothing
            await asyncio.sleep(0.1)


def twice_after_confirmation(acts, confirmed):
    """Return what was begun although an offset beyond it had been received before."""
    found, highest, waiting = [], 0, sorted(confirmed)
    for act in acts:
        while waiting and waiting[0][0] < act.at:
            highest = max(highest, waiting.pop(0)[1])
        if act.name == "begin" and act.event_id < highest:
            found.append(act)
    return found


def out_of_order(acts, sent):
    """Return what was begun before all that came earlier in its dialog had ended."""
    found, ended = [], set()
    for act in acts:
        if act.name == "end":
            ended.add(act.text)
        else:
            texts = sent[act.dialog]
            found += [act for earlier in texts[: texts.index(act.text)] if earlier not in ended]
    return found


async def survive(folder, *, seed, kills, count, seconds):
    chance = random.Random(seed)  # noqa: S311
    async with listening(folder) as (portal, bot_id, bots, diary):
        confirmed = confirmations(portal)
        portal.faults.add(
            *(attrs.evolve(chance.choice(FAULTS), nth=chance.randint(2, 20 * kills)) for _ in range(kills))
        )
        writing = asyncio.create_task(write(portal, bot_id, count, seconds, chance))
        killed = 0
        for _ in range(kills):
            process = await bots.begin()
            await asyncio.sleep(chance.uniform(0.05, 2 * seconds / kills - 0.05))
            process.kill()
            await process.wait()
            killed += process.returncode == -signal.SIGKILL
        sent = await writing
        last = await bots.begin()
        await until(lambda: len({act.text for act in acts_in(diary) if act.name == "end"}) == count)
        await until(lambda: not portal.pending_events.get(bot_id))
        last.stdin.write(b"stop\n")
        assert await last.wait() == 0

        acts = sorted(acts_in(diary), key=lambda act: act.at)
        begun = Counter(act.event_id for act in acts if act.name == "begin")
        ended = Counter(act.text for act in acts if act.name == "end")
        logger.info(
            "%d kills, %d messages, %d begun again, %d ended again, %d requests",
            *(killed, len(ended), begun.total() - len(begun), ended.total() - len(ended), len(confirmed)),
        )
        assert killed == kills
        assert set(ended) == {text for texts in sent.values() for text in texts}
        assert len(ended) == count
        assert twice_after_confirmation(acts, confirmed) == []
        assert out_of_order(acts, sent) == []
        # Kills that meet nothing on its way would show nothing.
        assert begun.total() > len(begun)
        assert len({act.process for act in acts}) > kills / 2
        assert ended.total() - len(ended) <= 16 * kills


async def test_a_bot_that_is_killed_three_times_handles_every_message(tmp_path):
    await survive(tmp_path, seed=3, kills=3, count=150, seconds=3)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_bot_that_is_killed_thirty_times_handles_each_of_a_thousand_messages(tmp_path, seed):
    await survive(tmp_path, seed=seed, kills=30, count=1000, seconds=30)
