"""`events`: JSON Lines of what happens to a bot, each acknowledged when its line is written and not before."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bitrix_chat.portal import Fault, Plan, Portal, PortalPolicy
from bitrix_chat.storage.file_lock import try_lock

TOKEN = "canary-of-the-bot"


async def register(portal, **options):
    async with portal.client() as b24:
        return (await b24.imbot.bot.register("listener", name="Listener", token=TOKEN, **options)).bot.id


async def say(portal, bot_id, texts):
    for text in texts:
        await portal.user().say(bot_id, text)


class Scene:
    """A bot on a portal, and what its command line says."""

    def __init__(self, portal, command, **options):
        self.portal = portal
        self._command = command
        self.bot_id = asyncio.run(register(portal, **options))

    def say(self, *texts):
        asyncio.run(say(self.portal, self.bot_id, texts))

    def words(self, *words, token=TOKEN):
        connection = ("--url", self.portal.webhook_url, "--bot-token", token)
        return ["events", "--bot-id", str(self.bot_id), *connection, *map(str, words)]

    def events(self, *words, **options):
        return self._command(*self.words(*words, **options))

    @property
    def waiting(self):
        return len(self.portal.pending_events.get(self.bot_id, []))


@pytest.fixture
def scene(portal, command):
    return Scene(portal, command)


def texts(ran):
    assert ran.code == 0, ran.err
    return [json.loads(line)["data"]["message"]["text"] for line in ran.out.splitlines()]


def test_what_waits_is_printed_as_json_lines_and_acknowledged(scene):
    scene.say("first", "zweitens: schön")
    ran = scene.events()
    assert texts(ran) == ["first", "zweitens: schön"]
    line = json.loads(ran.out.splitlines()[0])
    assert list(line) == ["type", "id", "date", "data"]
    assert (line["type"], line["data"]["bot"]["id"]) == ("ONIMBOTV2MESSAGEADD", scene.bot_id)
    assert TOKEN not in ran.text
    assert scene.waiting == 0


def test_where_nothing_waits_nothing_is_printed(scene):
    ran = scene.events()
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_more_than_a_page_is_printed_to_its_end(scene):
    scene.say(*map(str, range(101)))
    assert texts(scene.events()) == [str(number) for number in range(101)]


def test_a_portal_that_promises_more_for_ever_is_believed_once(command):
    with Portal(plan=Plan.UNLIMITED, policy=PortalPolicy(event_has_more="always")).in_thread() as portal:
        scene = Scene(portal, command)
        scene.say("only")
        assert texts(scene.events()) == ["only"]


@pytest.fixture
def unacknowledged(scene):
    """Run the command while its last request, which acknowledges, is refused: the portal keeps the event."""

    def run(*words):
        refusal = Fault(method="imbot.v2.Event.get", nth=2, status=403, body={"error": "ACCESS_DENIED"})
        scene.portal.faults.add(refusal)
        ran = scene.events(*words)
        assert (scene.waiting, len(scene.portal.faults)) == (1, 0)
        return ran

    return run


def test_what_was_printed_is_printed_again_only_from_the_start(scene, unacknowledged, tmp_path):
    store = tmp_path / "events.sqlite"
    scene.say("once")
    assert texts(unacknowledged("--store", store)) == ["once"]
    assert texts(unacknowledged("--store", store)) == []
    assert texts(unacknowledged("--store", store, "--from-start")) == ["once"]
    assert texts(unacknowledged("--store", store)) == []
    assert texts(unacknowledged()) == ["once"], "without a store nothing is remembered"


def test_only_its_owner_reads_the_store(scene, tmp_path):
    store = tmp_path / "events.sqlite"
    scene.events("--store", store)
    assert store.stat().st_mode & 0o077 == 0


def test_the_users_own_events_come_along_where_they_are_subscribed(scene, command):
    ran = scene.events("--with-user-events")
    assert (ran.code, ran.out) == (1, "")
    assert "bitrix-chat im v2 event subscribe" in ran.err
    assert command("im", "v2", "event", "subscribe", "--url", scene.portal.webhook_url).code == 0
    scene.say("for both")
    ran = scene.events("--with-user-events")
    assert [json.loads(line)["type"] for line in ran.out.splitlines()] == ["ONIMBOTV2MESSAGEADD", "ONIMV2MESSAGEADD"]


def test_a_bot_whose_events_are_posted_is_warned_of(portal, command):
    scene = Scene(portal, command, event_mode="webhook", webhook_url="https://bots.example/b24")
    ran = scene.events()
    assert (ran.code, ran.out) == (0, "")
    assert "this bot's events are posted to its address" in ran.err


def test_a_wrong_token_is_a_refusal_and_takes_nothing(scene):
    scene.say("kept")
    ran = scene.events(token="another-canary")
    assert (ran.code, ran.out) == (1, "")
    assert "--bot-token" in ran.err
    assert "canary" not in ran.err
    assert scene.waiting == 1


def test_a_bot_that_is_not_there_is_a_refusal(command, portal):
    ran = command("events", "--bot-id", "4999", "--bot-token", TOKEN, "--url", portal.webhook_url)
    assert ran.code == 1
    assert "Check --bot-id." in ran.err


def test_a_portal_that_is_not_there_is_not_waited_for(command):
    with Portal().in_thread() as portal:
        url = portal.webhook_url
    assert command("events", "--bot-id", "5", "--bot-token", TOKEN, "--url", url).code == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--bot-id is missing"),
        (("--bot-id", "x"), "--bot-id is not a whole number"),
        (("--bot-id", "5", "--store", "/nowhere/at/all"), "--store cannot be written"),
        (("--bot-id", "0", "--url", "https://portal.example/rest/1/abc/"), "--bot-id is at least 1"),
        (("--bot-id", "5"), "no portal is named"),
    ],
)
def test_wrong_usage_is_one_line(command, words, said):
    ran = command("events", *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err


def test_a_store_that_is_no_store_is_wrong_usage(scene, tmp_path):
    store = tmp_path / "notes.txt"
    store.write_text("no database " * 1000)
    ran = scene.events("--store", store)
    assert (ran.code, ran.out) == (2, "")
    assert store.read_text() == "no database " * 1000


def test_a_second_program_with_the_same_store_is_told_so(scene, tmp_path):
    store = tmp_path / "events.sqlite"
    scene.say("for the first")
    assert texts(scene.events("--store", store)) == ["for the first"]
    scene.say("for the second")
    (lock,) = [path for path in tmp_path.glob("events.sqlite.*.lock") if path.stat().st_size == 0]
    with lock.open("r+") as held:
        assert try_lock(held.fileno())
        ran = scene.events("--store", store)
    assert (ran.code, ran.out) == (2, "")
    assert "another consumer" in ran.err
    assert scene.waiting == 1


def run_into(words, stdout):
    return subprocess.run(
        [sys.executable, "-m", "bitrix_chat", *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_an_event_that_cannot_be_printed_waits_on(scene):
    scene.say("kept")
    with Path("/dev/full").open("wb") as full:
        done = run_into(scene.words(), full)
    assert done.returncode == 5
    assert (
        done.stderr == "bitrix-chat: The event could not be printed, so that it waits on (No space left on device).\n"
    )
    assert scene.waiting == 1


def test_a_reader_who_leaves_is_no_error_and_what_it_did_not_read_waits_on(scene):
    scene.say("kept")
    reading, writing = os.pipe()
    os.close(reading)
    done = run_into(scene.words(), writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
    assert scene.waiting == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_followed_events_are_printed_as_they_come_until_it_is_interrupted(scene, start, tmp_path):
    scene.say("before")
    process = start(*scene.words("--follow", "--store", tmp_path / "events.sqlite"))
    assert json.loads(process.stdout.readline())["data"]["message"]["text"] == "before"
    scene.say("meanwhile")
    assert json.loads(process.stdout.readline())["data"]["message"]["text"] == "meanwhile"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")
    assert scene.waiting == 0
