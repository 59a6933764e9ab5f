"""`bulk --workers` and `worker`: the one gives chats to a server and follows, the others create them."""

import asyncio
import json
import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from docket import Docket
from redis import Redis

from bitrix_chat import ChatSpec
from bitrix_chat.cli import bulk_workers, idling
from bitrix_chat.cli.program import run
from bitrix_chat.cli.secrets import secrets_given
from bitrix_chat.jobs import docket as docket_jobs
from bitrix_chat.jobs import queue_of, waiting
from bitrix_chat.jobs.clients import portal_of
from bitrix_chat.portal import Fault, Plan, Portal
from tests import redis_server


@pytest.fixture
def chats(tmp_path):
    """Write a file of chats, by title and key."""

    def write(*rows, name="chats.csv"):
        path = tmp_path / name
        path.write_text("title,key\n" + "".join(f"{title},{key}\n" for title, key in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture(autouse=True)
def webhook(portal, monkeypatch):
    monkeypatch.setenv("BITRIX24_WEBHOOK_URL", portal.webhook_url)


class Bulk(threading.Thread):
    """`bulk --workers` beside the test, since it waits for workers."""

    def __init__(self, *words):
        super().__init__(daemon=True)
        self.words = ["bulk", *map(str, words)]
        self.code = None

    def run(self):
        self.code = run(self.words)

    def ended(self):
        self.join(20)
        return self.code


class Heard:
    """Standard error, and whether it was said there that all is enqueued."""

    def __init__(self):
        self.is_enqueued = threading.Event()

    def write(self, text):
        sys.stderr.write(text)
        if "with the workers" in text:
            self.is_enqueued.set()

    def flush(self):
        sys.stderr.flush()


@pytest.fixture
def by_workers(redis_url, capsys, monkeypatch):
    """Enqueue a file, let a worker do what there is, and return how both have ended."""

    def by_workers(*words):
        heard = Heard()
        monkeypatch.setattr(bulk_workers, "sys", SimpleNamespace(stderr=heard))
        bulk = Bulk(*words, "--workers", redis_url)
        bulk.start()
        assert heard.is_enqueued.wait(20), capsys.readouterr().err
        working = run(["worker", redis_url, "--until-idle", "--quiescence", "1", "--portal-plan", "enterprise"])
        code = bulk.ended()  # before what it says is read: a word in between would be lost
        return code, working, *capsys.readouterr()

    return by_workers


@pytest.fixture
def enqueue(command, redis_url):
    """Run `bulk --workers` in this process, where it will not have to wait."""

    def enqueue(*words):
        return command("bulk", *words, "--workers", redis_url)

    return enqueue


def numbered(count):
    return [(f"Chat {number}", f"k{number}") for number in range(count)]


def titles(portal):
    return sorted(chat.title for chat in portal.chats.values())


def counts(out):
    rows = [line.split("│") for line in out.splitlines() if line.startswith("│")]
    return {cells[1].strip(): cells[2].strip() for cells in rows if len(cells) == 4 and cells[2].strip() != "0"}


def test_workers_create_every_row_and_the_same_command_again_creates_nothing(by_workers, chats, portal, enqueue):
    file = chats(*numbered(3))
    code, working, out, err = by_workers(file, "--report", file.with_name("out.jsonl"))
    assert (code, working) == (0, 0), err
    assert counts(out).items() >= {"done": "3", "in all": "3"}.items()
    assert titles(portal) == sorted(title for title, _ in numbered(3))
    results = [json.loads(line) for line in file.with_name("out.jsonl").read_text().splitlines()]
    assert [(row["key"], row["state"]) for row in results] == [(key, "done") for _, key in numbered(3)]
    ran = enqueue(file)
    assert ran.code == 0
    assert counts(ran.out)["done"] == "3"
    assert portal.executions["im.chat.add"] == 3


def test_a_bot_creates_them(by_workers, chats, portal, command, monkeypatch):
    fields = {"fields": {"code": "b", "botToken": "my_bot_token", "properties": {"name": "B"}}}
    registered = command("call", "imbot.v2.Bot.register", "--params", json.dumps(fields))
    monkeypatch.setenv("BITRIX24_BOT_TOKEN", "my_bot_token")
    bot_id = registered.json["result"]["bot"]["id"]
    code, _, _, err = by_workers(chats(*numbered(3)), "--bot-id", bot_id)
    assert code == 0, err
    assert {chat.owner for chat in portal.chats.values()} == {bot_id}


def test_what_the_portal_refuses_is_named_by_its_line(by_workers, chats, portal, monkeypatch):
    monkeypatch.setattr(bulk_workers, "_PATIENCE", 0.0)
    error = {"error": "WRONG_REQUEST", "error_description": "Something went wrong"}
    portal.faults.add(Fault(method="im.chat.add", status=400, body=error))
    code, working, out, err = by_workers(chats(("A", "a")), "--journal", "mine")
    assert (code, working) == (1, 0)
    assert "│ 2    │ a   │ failed │ im.chat.add: WRONG_REQUEST: Something went wrong" in out
    assert "journal mine" in err
    assert "Try what failed again with another --journal" in err
    assert err.count("no worker is there: start one with `bitrix-chat worker`") == 1


@pytest.fixture
def hasty(monkeypatch):
    """Waits hardly longer than jobs need before it is asked why they do not get on."""
    monkeypatch.setattr(waiting, "PATIENCE", 0.3)
    monkeypatch.setattr(idling, "_EVERY", 0.3)


@pytest.fixture
def enqueued(redis_url, capsys, monkeypatch):
    """Start `bulk --workers`, and return it when all is enqueued."""

    def enqueued(*words):
        heard = Heard()
        monkeypatch.setattr(bulk_workers, "sys", SimpleNamespace(stderr=heard))
        bulk = Bulk(*words, "--workers", redis_url)
        bulk.start()
        assert heard.is_enqueued.wait(20), capsys.readouterr().err
        return bulk

    return enqueued


def work(redis_url, *words):
    return run(["worker", redis_url, "--until-idle", "--quiescence", "1", "--portal-plan", "enterprise", *words])


def said(capsys, text):
    """Return what is said on stderr until a text is."""
    heard = ""
    while text not in heard:
        heard += capsys.readouterr().err
        time.sleep(0.01)
    return heard


@pytest.mark.usefixtures("hasty")
def test_what_a_worker_cannot_do_is_left_to_another_and_both_sides_say_why(enqueued, chats, command, redis_url, capsys):
    fields = {"fields": {"code": "b", "botToken": "my_bot_token", "properties": {"name": "B"}}}
    registered = command("call", "imbot.v2.Bot.register", "--params", json.dumps(fields))
    bot_id = registered.json["result"]["bot"]["id"]
    bulk = enqueued(chats(*numbered(2)), "--bot-id", bot_id, "--bot-token", "my_bot_token")
    assert work(redis_url) == 0
    err = said(capsys, "do not get on")
    assert "bitrix-chat: the jobs do not get on: this worker has no token of the bot: give it one" in err
    assert "bitrix-chat: idle but for 2 jobs that are for another worker" in err
    assert err.count("this worker has no token of the bot") == 2
    assert work(redis_url, "--bot-token", "my_bot_token") == 0
    assert bulk.ended() == 0


@pytest.mark.usefixtures("hasty")
def test_each_portal_has_a_queue_of_its_own(enqueued, chats, redis_url, capsys, portal):
    bulk = enqueued(chats(*numbered(2)))
    with Portal(plan=Plan.UNLIMITED).in_thread() as other:
        assert work(redis_url, "--url", other.webhook_url) == 0
        assert "idle but for" not in capsys.readouterr().err
    assert work(redis_url) == 0
    assert (bulk.ended(), len(portal.chats)) == (0, 2)


@pytest.mark.usefixtures("hasty")
def test_a_worker_that_shares_a_queue_stops_when_only_others_jobs_are_left(enqueued, chats, redis_url, capsys):
    bulk = enqueued(chats(*numbered(2)), "--docket", "mine")
    with Portal(plan=Plan.UNLIMITED).in_thread() as other:
        assert work(redis_url, "--url", other.webhook_url, "--docket", "mine") == 0
    assert "idle but for 2 jobs that are for another worker" in capsys.readouterr().err
    assert work(redis_url, "--docket", "mine") == 0
    assert bulk.ended() == 0


@pytest.mark.usefixtures("hasty")
def test_chats_whose_jobs_were_lost_are_told_with_what_helps(enqueued, chats, redis_url, capsys, portal):
    async def lose():
        async with Docket("mine", redis_url) as docket:
            await docket.clear()

    file = chats(*numbered(2))
    bulk = enqueued(file, "--docket", "mine")
    asyncio.run(lose())
    assert bulk.ended() == 1
    out, err = capsys.readouterr()
    assert counts(out)["not started"] == "2"
    assert "the same command again gives them new ones" in err
    bulk = enqueued(file, "--docket", "mine")
    assert work(redis_url, "--docket", "mine") == 0
    assert (bulk.ended(), len(portal.chats)) == (0, 2)


def test_a_worker_does_what_a_program_has_enqueued(redis_url, portal):
    async def enqueue_by_program():
        async with portal.client() as b24:
            host = await portal_of(b24)
        async with Docket(queue_of(host), redis_url) as docket:
            await docket_jobs.enqueue([ChatSpec(title="A", key="a")], portal=host, journal="mine", docket=docket)

    asyncio.run(enqueue_by_program())
    assert work(redis_url) == 0
    assert titles(portal) == ["A"]


def test_a_journal_is_forgotten_once_all_have_ended(by_workers, chats, redis_url):
    file = chats(*numbered(2))
    code, _, _, err = by_workers(file, "--journal", "mine", "--forget")
    assert code == 0
    assert "the journal mine was deleted" in err
    with Redis.from_url(redis_url) as redis:
        assert not [key for key in redis.scan_iter() if b"mine" in key and key.startswith(b"bitrix_chat:")]


@pytest.mark.usefixtures("hasty")
def test_a_journal_of_which_something_is_open_is_kept(enqueued, chats, redis_url, capsys):
    async def lose():
        async with Docket("mine", redis_url) as docket:
            await docket.clear()

    bulk = enqueued(chats(*numbered(2)), "--docket", "mine", "--forget")
    asyncio.run(lose())
    assert bulk.ended() == 1
    assert "the journal is kept: " in said(capsys, "the journal is kept")


def test_a_file_is_not_forgotten(command, chats, portal):
    ran = command("bulk", chats(*numbered(2)), "--forget")
    assert (ran.code, portal.hits) == (2, 0)
    assert "--forget needs --workers" in ran.err


def test_a_row_without_a_key_is_named_before_anything_is_enqueued(enqueue, chats, portal):
    ran = enqueue(chats(("A", "a"), ("B", "")))
    assert (ran.code, portal.hits) == (2, 0)
    assert "line 3 has no key, which --workers needs" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--on-error", "stop"], "--on-error stop has no meaning for --workers"),
        (["--deadline", "5"], "--deadline has no meaning for --workers"),
        (["--key-is-new"], "--key-is-new has no meaning for --workers"),
        (["--quiescence", "5"], "--quiescence is an option of `bitrix-chat worker`"),
        (["--max-in-flight", "5"], "--max-in-flight is an option of `bitrix-chat worker`"),
    ],
)
def test_options_that_would_be_ignored_are_refused(enqueue, chats, words, said):
    ran = enqueue(chats(("A", "a")), *words)
    assert ran.code == 2
    assert said in ran.err


def test_the_plan_alone_enqueues_nothing(enqueue, chats, portal):
    ran = enqueue(chats(*numbered(3)), "--plan", "--cost", "0.2", "--duration", "0.2")
    assert (ran.code, portal.hits) == (0, 0)
    assert ran.out.startswith("3 chats in ")


def commands(chats, address):
    return ("bulk", chats(("A", "a")), "--workers", address), ("worker", address)


WRONG = "http://SECRETCANARY@host/0", 2, "the address of a Redis server is redis://, rediss:// or unix://"
AWAY = "redis://:SECRETCANARY@127.0.0.1:1/0", 4, "the Redis server at 127.0.0.1:1 failed (ConnectionError): check"


@pytest.mark.parametrize("case", [WRONG, AWAY], ids=["wrong", "away"])
def test_a_server_that_cannot_be_reached_is_named_without_its_password(command, chats, portal, case):
    address, code, said = case
    for words in commands(chats, address):
        ran = command(*words)
        assert (ran.code, portal.hits) == (code, 0)
        assert said in ran.err
        assert "SECRETCANARY" not in ran.text


def test_a_server_that_would_forget_is_refused(command, chats, portal, tmp_path):
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server.running(folder, "--appendonly", "no") as server:
        for words in commands(chats, server.url):
            ran = command(*words)
            assert (ran.code, portal.hits) == (2, 0)
            assert "keeps no append-only file" in ran.err
            assert "set `appendonly yes` there" in ran.err


def test_the_password_of_an_address_is_among_the_secrets_that_no_message_shows():
    words, environ = ["worker", "rediss://me:CANARY-1@host/0"], {"BITRIX24_SHARED": "redis://:CANARY-2@host:6380"}
    assert {"CANARY-1", "CANARY-2"} <= set(secrets_given(words, environ))


@pytest.mark.parametrize(
    "words", [["--concurrency", "0"], ["--redelivery", "0"], ["--redelivery", "1e14"], ["--redelivery", "1e-9"]]
)
def test_a_worker_refuses_numbers_that_cannot_be(command, words):
    ran = command("worker", "redis://127.0.0.1:1/0", *words)
    assert ran.code == 2
    assert words[0] in ran.err


def test_a_worker_says_at_once_that_it_is_not_let_in(command, portal, redis_url):
    ran = command("worker", redis_url, "--url", portal.webhook_url.replace("/rest/1/", "/rest/1/x"))
    assert ran.code == 1
    assert "Check the webhook URL" in ran.err


@pytest.mark.slow
def test_ctrl_c_ends_the_following_alone_and_a_worker_drains(start, enqueue, chats, portal, redis_url):
    following = start("bulk", chats(*numbered(3)), "--workers", redis_url, "--journal", "the run")
    assert "journal the run" in following.stderr.readline() + following.stderr.readline()
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=20)
    assert following.returncode == 130
    assert "Follow again with the same command and --journal 'the run'" in err
    assert titles(portal) == []

    worker = start("worker", redis_url)
    assert "is ready" in worker.stderr.readline()
    ran = enqueue(chats(*numbered(3)), "--journal", "the run")
    assert (ran.code, len(titles(portal))) == (0, 3)
    worker.send_signal(signal.SIGTERM)
    _, err = worker.communicate(timeout=20)
    assert worker.returncode == 0
    assert "waiting for what is on its way" in err
