"""`bulk`: a file of chats in; every chat once, a report, and an exit code."""

import io
import json
import signal
import sys
import time

import pytest

from bitrix_chat.portal import Cut, Fault, Plan, Portal

DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
    "53de0000000c4944415408d763f8ffff3f0005fe02fea735d4430000000049454e44ae426082"
)


@pytest.fixture
def chats(tmp_path):
    """Write a file of chats, by title and key."""

    def write(*rows, name="chats.csv"):
        path = tmp_path / name
        path.write_text("title,key\n" + "".join(f"{title},{key}\n" for title, key in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def bulk(command, portal, monkeypatch):
    """Run `bulk` against the emulated portal, with a short quiescence."""
    monkeypatch.setenv("BITRIX24_WEBHOOK_URL", portal.webhook_url)

    def run_bulk(*words):
        return command("bulk", *words, "--quiescence", "1")

    return run_bulk


@pytest.fixture
def bot_id(command, portal):
    fields = json.dumps({"fields": {"code": "b", "botToken": "my_bot_token", "properties": {"name": "B"}}})
    ran = command("call", "imbot.v2.Bot.register", "--params", fields, "--url", portal.webhook_url)
    return ran.json["result"]["bot"]["id"]


def numbered(count):
    return [(f"Chat {number}", f"k{number}") for number in range(count)]


def titles(portal):
    return sorted(chat.title for chat in portal.chats.values())


def counts(ran):
    rows = [line.split("│") for line in ran.out.splitlines() if line.startswith("│")]
    return {cells[1].strip(): cells[2].strip() for cells in rows if len(cells) == 4 and cells[2].strip() != "0"}


def results(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_row_becomes_a_chat(bulk, portal, tmp_path):
    (tmp_path / "chats.csv").write_text(
        "title;user_ids;color;type;key\r\nDeal 7;2 3;mint;open;deal-7\r\nDeal 8;;;;\r\n", encoding="utf-8-sig"
    )
    ran = bulk(tmp_path / "chats.csv", "--journal", tmp_path / "run.sqlite")
    assert ran.code == 0, ran.err
    first, second = sorted(portal.chats.values(), key=lambda chat: chat.title)
    assert (first.title, first.members, first.color, first.type) == ("Deal 7", {1, 2, 3}, "mint", "open")
    assert (first.entity_id, second.title, second.entity_id) == ("deal-7", "Deal 8", "")
    assert counts(ran).items() >= {"done": "2", "in all": "2"}.items()


def test_the_script_does_the_same(script, chats, portal, tmp_path):
    ran = script(
        "bulk", chats(*numbered(30)), "--journal", tmp_path / "run.sqlite", BITRIX24_WEBHOOK_URL=portal.webhook_url
    )
    assert ran.code == 0, ran.err
    assert titles(portal) == sorted(title for title, _ in numbered(30))


def test_chats_come_from_stdin_as_json_lines(bulk, portal, monkeypatch):
    lines = b'{"title": "A", "user_ids": [2]}\n\n{"title": "B"}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    ran = bulk("-", "--format", "jsonl")
    assert ran.code == 0, ran.err
    assert titles(portal) == ["A", "B"]


def test_a_bot_creates_them(bulk, chats, portal, bot_id, monkeypatch):
    monkeypatch.setenv("BITRIX24_BOT_TOKEN", "my_bot_token")
    ran = bulk(chats(*numbered(10)), "--bot-id", bot_id)
    assert ran.code == 0, ran.err
    assert portal.executions["imbot.v2.Chat.add"] == 10
    assert {chat.owner for chat in portal.chats.values()} == {bot_id}


def test_a_bot_token_without_a_bot_is_wrong_usage(bulk, chats, portal):
    ran = bulk(chats(("A", "")), "--bot-token", "SECRETCANARY")
    assert (ran.code, portal.hits) == (2, 0)
    assert ran.err == "bitrix-chat: --bot-token needs --bot-id.\n"


def test_the_plan_comes_first_and_alone_if_asked_for(bulk, chats, portal, tmp_path):
    file = chats(*numbered(120))
    ran = bulk(file, "--journal", tmp_path / "run.sqlite", "--plan", "--cost", "0.2", "--duration", "0.2")
    assert (ran.code, ran.err, portal.hits) == (0, "", 0)
    assert ran.out.startswith("120 chats in ")
    assert list(tmp_path.iterdir()) == [file]
    assert bulk(file, "--journal", tmp_path / "run.sqlite").err.startswith("120 chats in ")


def test_bad_rows_are_told_before_anything_is_sent(bulk, chats, portal, tmp_path):
    file = chats(("A", "a"), ("T" * 256, "b"), ("C", "a"))
    ran = bulk(file, "--journal", tmp_path / "run.sqlite")
    assert (ran.code, ran.out, portal.hits) == (2, "", 0)
    assert ran.err.splitlines() == [
        "bitrix-chat: line 3: title has 256 characters, the portal keeps 255",
        "bitrix-chat: line 4: key is the same as in line 2 (capitals do not tell keys apart)",
        "bitrix-chat: 2 rows are wrong, and nothing was sent: --skip-bad goes on without them.",
    ]
    assert list(tmp_path.iterdir()) == [file]


def test_bad_rows_can_be_left_out_and_are_counted(bulk, chats, portal):
    ran = bulk(chats(("A", "a"), ("T" * 256, "b"), ("C", "c")), "--skip-bad")
    assert ran.code == 0
    assert "bitrix-chat: 1 row is left out\n" in ran.err
    assert titles(portal) == ["A", "C"]


def test_without_a_journal_a_warning_is_given_once(bulk, chats, portal, tmp_path):
    assert bulk(chats(*numbered(3))).err.count("without --journal") == 1
    assert "without --journal" not in bulk(chats(*numbered(3)), "--journal", tmp_path / "run.sqlite").err


def test_the_same_file_again_creates_nothing_more(bulk, chats, portal, tmp_path):
    words = chats(*numbered(20), ("no key", "")), "--journal", tmp_path / "run.sqlite"
    assert bulk(*words).code == 0
    ran = bulk(*words)
    assert ran.code == 0
    assert counts(ran).items() >= {"skipped": "21", "in all": "21"}.items()
    assert len(portal.chats) == 21


def test_another_chat_under_a_key_of_the_journal_is_not_created(bulk, chats, portal, tmp_path):
    assert bulk(chats(("A", "a")), "--journal", tmp_path / "run.sqlite").code == 0
    ran = bulk(chats(("B", "a"), ("C", "c")), "--journal", tmp_path / "run.sqlite")
    assert ran.code == 1
    assert "B" not in titles(portal)
    assert "give those rows other keys, or restore them" in ran.err
    assert "--retry-failed" not in ran.err


def test_a_file_whose_rows_without_keys_have_changed_is_refused_as_a_whole(bulk, chats, portal, tmp_path):
    words = "--journal", tmp_path / "run.sqlite"
    assert bulk(chats(("A", ""), ("B", "")), *words).code == 0
    ran = bulk(chats(("New", ""), ("A", ""), ("B", "")), *words)
    assert ran.code == 2
    assert "the file was changed" in ran.err
    assert f"bitrix-chat resume {tmp_path / 'run.sqlite'}" in ran.err
    assert titles(portal) == ["A", "B"]


@pytest.mark.parametrize(("rows", "said"), [([("A", ""), ("B", "b")], "1 row has"), ([("A", "")] * 2, "2 rows have")])
def test_rows_without_a_key_are_warned_of_where_there_is_a_journal(bulk, chats, tmp_path, rows, said):
    ran = bulk(chats(*rows), "--journal", tmp_path / "run.sqlite")
    assert ran.code == 0
    assert f"bitrix-chat: {said} no key: what a lost answer leaves behind cannot be found\n" in ran.err
    assert "no key" not in bulk(chats(("C", "c")), "--journal", tmp_path / "other.sqlite").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bot-token", "another_token"], "Check --bot-id and --bot-token"),
        (["--bot-token", "my_bot_token", "--bot-id", "777"], "Check --bot-id."),
        ([], "Pass --bot-token or set BITRIX24_BOT_TOKEN."),
    ],
)
def test_a_wrong_bot_ends_at_once_and_leaves_no_journal(bulk, chats, bot_id, words, said):
    file = chats(*numbered(3))
    bot = () if "--bot-id" in words else ("--bot-id", bot_id)
    ran = bulk(file, "--journal", file.with_name("run.sqlite"), *bot, *words)
    assert ran.code == 1
    assert said in ran.err
    assert "another_token" not in ran.text
    assert list(file.parent.iterdir()) == [file]


def test_the_file_of_results_may_be_an_open_pipe(script, chats, portal):
    ran = script("bulk", chats(*numbered(3)), "--report", "/dev/stdout", BITRIX24_WEBHOOK_URL=portal.webhook_url)
    assert ran.code == 0, ran.err
    assert [json.loads(line)["key"] for line in ran.out.splitlines() if line.startswith("{")] == ["k0", "k1", "k2"]


def test_a_file_of_results_that_could_not_be_written_is_no_success(bulk, chats, portal, tmp_path):
    ran = bulk(chats(("A", "a")), "--journal", tmp_path / "run.sqlite", "--report", "/dev/full")
    assert (ran.code, titles(portal)) == (5, ["A"])
    assert "--report cannot be written (No space left on device)" in ran.err


def test_an_image_from_elsewhere_needs_a_word(bulk, portal, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "dot.png").write_bytes(DOT)
    (tmp_path / "sub" / "chats.csv").write_text("title,avatar\nA,../dot.png\n", encoding="utf-8")
    assert bulk(tmp_path / "sub" / "chats.csv").code == 2
    assert bulk(tmp_path / "sub" / "chats.csv", "--avatars-anywhere").code == 0
    assert [chat.avatar for chat in portal.chats.values()] == [True]


def test_what_the_portal_refuses_is_named_by_its_line_and_tried_again_on_demand(bulk, command, chats, portal, tmp_path):
    error = {"error": "WRONG_REQUEST", "error_description": "[red]Something[/red] went wrong"}
    portal.faults.add(Fault(method="im.chat.add", status=400, body=error))
    file, journal, out = chats(("A", "a")), tmp_path / "run.sqlite", tmp_path / "out.jsonl"
    ran = bulk(file, "--journal", journal, "--report", out)
    assert ran.code == 1
    assert "│ 2    │ a   │ failed │ im.chat.add: WRONG_REQUEST: [red]Something[/red] went wrong" in ran.out
    assert [(row["key"], row["state"], row["code"]) for row in results(out)] == [("a", "failed", "WRONG_REQUEST")]
    assert f"Try what failed again with: bitrix-chat resume {journal} --retry-failed" in ran.err

    assert command("resume", journal).code == 1
    assert command("resume", journal, "--retry-failed").code == 0
    assert titles(portal) == ["A"]


def test_a_lost_answer_is_an_unknown_outcome_where_there_is_no_key(bulk, chats, portal, tmp_path):
    portal.faults.add(Fault(method="im.chat.add", cut=Cut.AFTER))
    ran = bulk(chats(("A", "")), "--journal", tmp_path / "run.sqlite")
    assert ran.code == 3
    assert f"Go on with: bitrix-chat resume {tmp_path / 'run.sqlite'}" in ran.err
    assert titles(portal) == ["A"]


def test_a_lost_answer_is_looked_up_by_the_key(bulk, chats, portal):
    portal.faults.add(Fault(method="im.chat.add", cut=Cut.AFTER))
    ran = bulk(chats(("A", "a")))
    assert ran.code == 0, ran.text
    assert titles(portal) == ["A"]


def test_the_file_of_results_has_the_ids(bulk, chats, portal, tmp_path):
    bulk(chats(*numbered(70)), "--report", tmp_path / "out.jsonl")
    assert [(row["index"], row["title"], row["key"]) for row in results(tmp_path / "out.jsonl")] == [
        (index, *row) for index, row in enumerate(numbered(70))
    ]
    assert {row["chat_id"]: row["title"] for row in results(tmp_path / "out.jsonl")} == {
        chat.id: chat.title for chat in portal.chats.values()
    }


def test_a_portal_that_is_not_there_is_not_reached(command, chats, tmp_path):
    with Portal().in_thread() as portal:
        url = portal.webhook_url
    ran = command("bulk", chats(*numbered(3)), "--journal", tmp_path / "run.sqlite", "--url", url)
    assert ran.code == 4
    assert url.split("/")[-2] not in ran.text


def test_a_wrong_webhook_is_a_refusal_that_shows_no_secret(command, portal, chats):
    ran = command("bulk", chats(*numbered(3)), "--url", f"{portal.url}/rest/1/SECRETCANARY/")
    assert ran.code == 1
    assert "SECRETCANARY" not in ran.text
    assert not portal.chats


def test_a_run_that_stops_on_an_error_starts_nothing_more(bulk, chats, portal, tmp_path):
    error = {"error": "WRONG_REQUEST", "error_description": "Something went wrong"}
    portal.faults.add(Fault(method="im.chat.add", status=400, body=error))
    ran = bulk(
        chats(*numbered(120)), "--on-error", "stop", "--max-in-flight", "1", "--journal", tmp_path / "run.sqlite"
    )
    assert ran.code == 1
    assert counts(ran)["failed"] == "1"
    assert int(counts(ran)["not started"]) > 0
    assert "Go on with: bitrix-chat resume" in ran.err


def test_what_meets_every_chat_stops_the_run_with_advice(command, chats, portal, tmp_path):
    portal.faults.add(Fault(method="im.chat.add", status=401, body={"error": "expired_token"}))
    words = ("--url", portal.url, "--token", portal.oauth.access_token, "--journal", tmp_path / "run.sqlite")
    ran = command("bulk", chats(*numbered(60)), *words)
    assert ran.code == 1
    assert "the run was stopped" in ran.err
    assert "Authorize the application again." in ran.err
    assert "Go on with: bitrix-chat resume" in ran.err
    assert len(portal.chats) < 60


def test_no_rows_are_no_chats(bulk, chats, portal):
    ran = bulk(chats())
    assert (ran.code, portal.chats) == (0, {})


def test_the_file_of_results_never_replaces_the_chats(bulk, chats, portal):
    file = chats(("A", "a"))
    ran = bulk(file, "--report", file)
    assert (ran.code, portal.hits) == (2, 0)
    assert file.read_text(encoding="utf-8") == "title,key\nA,a\n"


def test_a_deadline_leaves_what_has_not_left_for_later(command, chats, tmp_path):
    with Portal(plan=Plan.UNLIMITED, costs={"im.chat.add": 0.5}).in_thread() as portal:
        words = ("--journal", tmp_path / "run.sqlite", "--url", portal.webhook_url)
        ran = command("bulk", chats(*numbered(60)), *words, "--deadline", "0.2", "--max-in-flight", "1", "--key-is-new")
        assert ran.code in {1, 3}
        assert int(counts(ran)["not started"]) > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--deadline", "0"], "--deadline takes seconds, more than 0"),
        (["--cost=-1"], "--cost takes seconds, 0 or more"),
        (["--duration", "inf"], "--duration takes seconds, 0 or more"),
        (["--operating-limit=-1"], "--operating-limit takes seconds, 0 or more"),
        (["--max-in-flight", "0"], "--max-in-flight is at least 1"),
        (["--report", "nowhere/out.jsonl"], "--report cannot be written: its folder does not exist"),
        (["--journal", "nowhere/run.sqlite"], "--journal cannot be written: its folder does not exist"),
        (["--on-error", "SECRETCANARY"], "--on-error is not one of collect, stop"),
        (["--format", "xml"], "--format is not one of csv, jsonl"),
        (["--key-column", "deal"], "--key-column names a column that the header does not have"),
        (["--timeout", "5"], "--timeout is unknown here"),
    ],
)
def test_wrong_usage_sends_nothing(bulk, chats, portal, words, said):
    ran = bulk(chats(("A", "a")), *words)
    assert (ran.code, portal.hits) == (2, 0)
    assert said in ran.err
    assert "SECRETCANARY" not in ran.err


@pytest.fixture
def slow_portal():
    """A portal on which a chat takes a while, and which never works long on a request."""
    costs = {"im.chat.add": 0.02}
    with Portal(plan=Plan.UNLIMITED, costs=costs, execution_limit=1.5).in_thread() as portal:
        yield portal


@pytest.fixture
def under_way(start, slow_portal, chats, tmp_path):
    """Start a run of 90 chats, a few at a time, and return its process once there are some."""

    def begin():
        words = ("--journal", tmp_path / "run.sqlite", "--url", slow_portal.webhook_url, "--max-in-flight", "1")
        process = start("bulk", chats(*numbered(90)), *words, "--key-is-new", "--quiescence", "2.5")
        patience = time.monotonic() + 30
        while not slow_portal.chats and process.poll() is None and time.monotonic() < patience:
            time.sleep(0.01)
        return process

    return begin


def resumed(command, portal, journal):
    """Resume a run to its end, and return the titles that are there."""
    ran = command("resume", journal, "--url", portal.webhook_url, "--quiescence", "2.5")
    assert ran.code == 0, ran.text
    return titles(portal)


NEEDS_SIGNALS = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals to send")


@NEEDS_SIGNALS
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_interrupted_once_it_waits_for_what_flies_and_says_how_to_go_on(
    under_way, command, slow_portal, tmp_path, number
):
    process = under_way()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "waiting for what is on its way" in err
    assert f"Go on with: bitrix-chat resume {tmp_path / 'run.sqlite'}" in err
    assert "unknown     │        0" in out
    assert 0 < len(slow_portal.chats) < 90
    assert resumed(command, slow_portal, tmp_path / "run.sqlite") == sorted(title for title, _ in numbered(90))


@pytest.mark.slow
@NEEDS_SIGNALS
def test_interrupted_twice_it_stops_at_once_and_nothing_is_created_twice(under_way, command, slow_portal, tmp_path):
    process = under_way()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Go on with: bitrix-chat resume" in err
    assert "Traceback" not in err
    assert "in all" in out
    assert resumed(command, slow_portal, tmp_path / "run.sqlite") == sorted(title for title, _ in numbered(90))
