"""`resume`: a run goes on where it was killed, by its journal alone, on the portal that it belongs to."""

import asyncio
import json
import sys
import time

import pytest

from bitrix_chat import Run, SqliteJournal
from bitrix_chat.portal import Plan, Portal

CHATS = 90


@pytest.fixture
def slow_portal():
    costs = dict.fromkeys(("im.chat.add", "imbot.v2.Chat.add"), 0.01)
    with Portal(plan=Plan.UNLIMITED, costs=costs, execution_limit=1.2).in_thread() as portal:
        yield portal


@pytest.fixture
def bot_id(command, slow_portal):
    fields = json.dumps({"fields": {"code": "b", "botToken": "my_bot_token", "properties": {"name": "B"}}})
    ran = command("call", "imbot.v2.Bot.register", "--params", fields, "--url", slow_portal.webhook_url)
    return ran.json["result"]["bot"]["id"]


@pytest.fixture
def killed(start, slow_portal, tmp_path):
    """Run `bulk` and kill it after some chats; return its journal."""

    def run_and_kill(*options):
        file, journal = tmp_path / "chats.csv", tmp_path / "run.sqlite"
        file.write_text("title,key\n" + "".join(f"Chat {n},k{n}\n" for n in range(CHATS)), encoding="utf-8")
        words = ("--journal", journal, "--url", slow_portal.webhook_url, "--max-in-flight", "1", *options)
        process = start("bulk", file, *words)
        patience = time.monotonic() + 30
        while len(slow_portal.chats) < 15 and process.poll() is None and time.monotonic() < patience:
            time.sleep(0.005)
        process.kill()
        process.communicate()
        return journal

    return run_and_kill


@pytest.fixture
def resume(command, slow_portal):
    def resume_here(journal, *words):
        return command("resume", journal, "--url", slow_portal.webhook_url, "--quiescence", "1.5", *words)

    return resume_here


def titles(portal):
    return sorted(chat.title for chat in portal.chats.values())


ALL = sorted(f"Chat {number}" for number in range(CHATS))


def test_after_a_kill_every_chat_is_there_once(killed, resume, command, slow_portal, tmp_path):
    journal = killed()
    assert len(slow_portal.chats) < CHATS
    assert command("report", journal).code in {1, 3}
    ran = resume(journal, "--report", tmp_path / "out.jsonl")
    assert ran.code == 0, ran.text
    assert titles(slow_portal) == ALL
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["chat_id"]: row["title"] for row in rows} == {
        chat.id: chat.title for chat in slow_portal.chats.values()
    }
    assert command("report", journal).code == 0


@pytest.mark.slow
def test_a_bots_run_goes_on_as_that_bot(killed, resume, slow_portal, bot_id):
    journal = killed("--bot-id", bot_id, "--bot-token", "my_bot_token")
    ran = resume(journal, "--bot-token", "my_bot_token")
    assert ran.code == 0, ran.text
    assert titles(slow_portal) == ALL
    assert {chat.owner for chat in slow_portal.chats.values()} == {bot_id}


@pytest.mark.slow
def test_what_is_done_is_done(killed, resume, slow_portal):
    journal = killed()
    assert resume(journal).code == 0
    created = slow_portal.executions["im.chat.add"]
    assert resume(journal).code == 0
    assert slow_portal.executions["im.chat.add"] == created


def test_a_plan_sends_nothing(killed, resume, slow_portal):
    journal = killed()
    hits = slow_portal.hits
    ran = resume(journal, "--plan")
    assert (ran.code, slow_portal.hits) == (0, hits)
    assert " chats in " in ran.out


def test_another_portal_is_refused(killed, command):
    journal = killed()
    ran = command("resume", journal, "--url", "https://other.example/rest/1/SECRETCANARY/")
    assert (ran.code, ran.out) == (2, "")
    assert "SECRETCANARY" not in ran.err
    assert "other.example" in ran.err


@pytest.mark.parametrize("content", [None, b"title\nA\n"])
def test_what_is_no_journal_is_refused_and_left_alone(resume, slow_portal, tmp_path, content):
    path = tmp_path / "run.sqlite"
    if content is not None:
        path.write_bytes(content)
    ran = resume(path)
    assert (ran.code, ran.out, slow_portal.hits) == (2, "", 0)
    assert (path.read_bytes() if path.exists() else None) == content


def test_a_journal_that_is_in_use_is_refused(script, slow_portal, tmp_path):
    path = tmp_path / "run.sqlite"
    host = slow_portal.url.partition("//")[2]

    async def main():
        async with SqliteJournal(path) as journal:
            await journal.begin(Run(method="im.chat.add", portal=host))
            return script("resume", path, "--url", slow_portal.webhook_url)

    ran = asyncio.run(main())
    assert (ran.code, ran.out) == (2, "")
    assert str(path) in ran.err
    assert not slow_portal.chats


@pytest.mark.slow
def test_a_reader_of_the_journal_needs_no_bot_token_on_the_command_line(
    killed, resume, slow_portal, bot_id, monkeypatch
):
    journal = killed("--bot-id", bot_id, "--bot-token", "my_bot_token")
    monkeypatch.setenv("BITRIX24_BOT_TOKEN", "my_bot_token")
    assert resume(journal).code == 0
    assert titles(slow_portal) == ALL
    assert b"my_bot_token" not in journal.read_bytes()
    assert slow_portal.webhook_url.encode() not in journal.read_bytes()


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a kill there is no kill -9")
