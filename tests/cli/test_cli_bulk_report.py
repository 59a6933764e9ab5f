"""`report`: what a journal says, and how a report becomes tables and an exit code."""

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from bitrix_chat import (
    AccessDenied,
    BulkReport,
    BulkResult,
    BulkState,
    ChatSpec,
    Ending,
    Intent,
    IntentState,
    InvalidParameter,
    OutcomeUnknown,
    PortalUnreachable,
    Run,
    SqliteJournal,
)
from bitrix_chat.bulk.stored_errors import error_as_json
from bitrix_chat.cli.bulk_tables import exit_code
from bitrix_chat.cli.stored_runs import only_first, stored_report

REFUSED = AccessDenied("no [bold]rights[/bold]", method="im.chat.add", code="ACCESS_DENIED")
UNKNOWN = OutcomeUnknown("it may have run", method="im.chat.add")
SENT_AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def write(path, *states, is_complete=True, bot_id=None, is_open=lambda: None):
    """Make a journal whose intents have come as far as `states` say."""

    async def main():
        method = "im.chat.add" if bot_id is None else "imbot.v2.Chat.add"
        async with SqliteJournal(path) as journal:
            await journal.begin(Run(method=method, portal="portal.example", bot_id=bot_id))
            await journal.add(
                [
                    Intent(number=number, key=f"k{number}", spec=ChatSpec(title=f"Chat {number}").to_json())
                    for number in range(len(states))
                ]
            )
            left = [number for number, state in enumerate(states) if state is not IntentState.PENDING]
            if left:
                await journal.departing(left, SENT_AT, 1.0)
            await journal.finish([ending(number, states[number]) for number in left if states[number] in ENDS])
            await journal.note(is_complete=is_complete)
            return is_open()

    return asyncio.run(main())


ENDS = {
    IntentState.DONE: {"chat_id": 100},
    IntentState.FAILED: {"error": error_as_json(REFUSED)},
    IntentState.UNKNOWN: {"error": error_as_json(UNKNOWN)},
}


def ending(number, state):
    return Ending(number=number, state=state, **ENDS[state])


ALL = tuple(IntentState)


def counts(ran):
    rows = [line.split("│") for line in ran.out.splitlines() if line.startswith("│")]
    return {cells[1].strip(): cells[2].strip() for cells in rows if len(cells) == 4}


def test_every_intent_is_counted_and_what_went_wrong_is_named(command, tmp_path):
    write(tmp_path / "run.sqlite", *ALL)
    ran = command("report", tmp_path / "run.sqlite")
    assert (ran.code, ran.err) == (3, "")
    assert counts(ran) == {
        "done": "1",
        "failed": "1",
        "unknown": "2",
        "skipped": "0",
        "not started": "1",
        "in all": "5",
    }
    assert "im.chat.add on portal.example, last sent: 2026-01-31 09:30:00 UTC" in ran.out
    assert "im.chat.add: ACCESS_DENIED: no [bold]rights[/bold]" in ran.out
    assert "it was sent, and what became of it is not known yet" in ran.out


def test_a_bots_run_that_sent_nothing_says_so(command, tmp_path):
    write(tmp_path / "run.sqlite", IntentState.PENDING, bot_id="25")
    ran = command("report", tmp_path / "run.sqlite")
    assert ran.code == 1
    assert "imbot.v2.Chat.add of bot 25 on portal.example, last sent: never" in ran.out


def test_a_file_has_a_line_for_each_chat(command, tmp_path):
    write(tmp_path / "run.sqlite", *ALL)
    command("report", tmp_path / "run.sqlite", "--report", tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["key"], row["title"], row["state"], row["chat_id"]) for row in rows] == [
        ("k0", "Chat 0", "not started", None),
        ("k1", "Chat 1", "unknown", None),
        ("k2", "Chat 2", "done", 100),
        ("k3", "Chat 3", "failed", None),
        ("k4", "Chat 4", "unknown", None),
    ]


def test_it_reads_while_another_process_writes(script, tmp_path):
    path = tmp_path / "run.sqlite"
    ran = write(path, IntentState.DONE, is_open=lambda: script("report", path))
    assert ran.code == 0
    assert counts(ran)["done"] == "1"


def test_a_long_run_is_read_to_its_end(command, tmp_path):
    write(tmp_path / "run.sqlite", *[IntentState.DONE] * 1201)
    assert counts(command("report", tmp_path / "run.sqlite"))["in all"] == "1,201"


def test_of_many_that_went_wrong_the_first_are_named(command, tmp_path):
    write(tmp_path / "run.sqlite", *[IntentState.FAILED] * 25)
    ran = command("report", tmp_path / "run.sqlite")
    assert ran.code == 1
    assert ran.out.count("ACCESS_DENIED") == 20
    assert "and 5 more: --report writes all of them into a file" in ran.out


@pytest.mark.parametrize(
    ("states", "is_complete", "code"),
    [
        ((), True, 0),
        ((IntentState.DONE,), True, 0),
        ((IntentState.DONE,), False, 1),
        ((IntentState.DONE, IntentState.FAILED), True, 1),
        ((IntentState.FAILED, IntentState.UNKNOWN), True, 3),
        ((IntentState.SENT,), True, 3),
    ],
)
def test_the_exit_code_tells_how_the_run_stands(command, tmp_path, states, is_complete, code):
    write(tmp_path / "run.sqlite", *states, is_complete=is_complete)
    assert command("report", tmp_path / "run.sqlite").code == code


@pytest.mark.parametrize("content", [None, b"", b"title\nA\n"])
def test_what_is_no_journal_is_refused_and_left_alone(command, tmp_path, content):
    path = tmp_path / "run.sqlite"
    if content is not None:
        path.write_bytes(content)
    ran = command("report", path)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert (path.read_bytes() if path.exists() else None) == content


def test_a_journal_without_the_rest_of_its_input_says_so(command, tmp_path):
    write(tmp_path / "run.sqlite", IntentState.DONE, IntentState.DONE, is_complete=False)
    ran = command("report", tmp_path / "run.sqlite")
    assert (ran.code, ran.err) == (
        1,
        "bitrix-chat: the journal holds only the first 2 rows of the input: run the same `bulk` again with it\n",
    )


@pytest.mark.parametrize(
    ("count", "said"), [(0, "holds no row of the input"), (1, "only the first row of"), (1200, "first 1,200 rows of")]
)
def test_how_much_of_the_input_is_there_is_said_in_words(count, said):
    assert said in only_first(count)


def spoil(path, statement, *values):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, values)


@pytest.mark.parametrize("spec", ["7", "no JSON", '{"rights": 1}', "[" * 100_000])
def test_one_spec_that_cannot_be_read_hides_no_other(command, tmp_path, spec):
    write(tmp_path / "run.sqlite", *ALL, IntentState.PENDING)
    spoil(tmp_path / "run.sqlite", "UPDATE intent SET spec = ? WHERE number <> 5", spec)
    ran = command("report", tmp_path / "run.sqlite")
    assert ran.code == 3  # of what has left nobody may say that it failed
    assert counts(ran).items() >= {"done": "1", "failed": "2", "unknown": "2", "not started": "1"}.items()
    assert "the journal holds no spec here" in ran.out


def test_images_are_not_kept_in_memory(tmp_path):
    write(tmp_path / "run.sqlite", IntentState.DONE)
    spoil(tmp_path / "run.sqlite", """UPDATE intent SET spec = '{"title": "A", "avatar": "AAAA"}'""")
    _, report = asyncio.run(stored_report(tmp_path / "run.sqlite"))
    assert [result.spec for result in report.results] == [ChatSpec(title="A", key="k0")]


def test_what_a_journal_says_of_itself_does_nothing_to_a_terminal(command, tmp_path):
    write(tmp_path / "run.sqlite", IntentState.DONE, bot_id="25")
    spoil(tmp_path / "run.sqlite", "UPDATE run SET method = 'a\x1b[2Jb', portal = 'c\x07\nd', bot_id = 'e\x1b]0;f'")
    ran = command("report", tmp_path / "run.sqlite")
    assert ran.out.startswith("a[2Jb of bot e]0;f on c d, last sent: ")
    resumed = command("resume", tmp_path / "run.sqlite")
    assert (resumed.code, resumed.out) == (2, "")
    assert resumed.err.startswith("bitrix-chat: the journal names the bot 'e]0;f', which is no id; it is damaged.")


def test_a_file_that_could_not_be_written_is_no_success(command, tmp_path):
    write(tmp_path / "run.sqlite", IntentState.DONE)
    ran = command("report", tmp_path / "run.sqlite", "--report", "/dev/full")
    assert ran.code == 5
    assert counts(ran)["done"] == "1"


def test_a_link_of_somebody_else_is_no_place_for_results(command, tmp_path, monkeypatch):
    write(tmp_path / "run.sqlite", IntentState.DONE)
    link = tmp_path / "out.jsonl"
    link.symlink_to(tmp_path / "mine")
    if (uid := os.geteuid()) == 0:
        os.chown(link, 54321, -1, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    ran = command("report", tmp_path / "run.sqlite", "--report", link)
    assert (ran.code, ran.out) == (2, "")
    assert "--report cannot be written (it is a symbolic link of another user)" in ran.err
    assert not (tmp_path / "mine").exists()


def test_a_file_that_cannot_be_written_is_refused(command, tmp_path):
    write(tmp_path / "run.sqlite", IntentState.DONE)
    ran = command("report", tmp_path / "run.sqlite", "--report", tmp_path / "nowhere" / "out.jsonl")
    assert (ran.code, ran.out) == (2, "")
    assert "--report cannot be written" in ran.err


def test_the_file_of_results_never_replaces_the_journal(command, tmp_path):
    write(tmp_path / "run.sqlite", IntentState.DONE)
    before = (tmp_path / "run.sqlite").read_bytes()
    ran = command("report", tmp_path / "run.sqlite", "--report", tmp_path / "." / "run.sqlite")
    assert (ran.code, ran.out) == (2, "")
    assert "--report would replace the chats or the journal" in ran.err
    assert (tmp_path / "run.sqlite").read_bytes() == before


def report_of(*results):
    report = BulkReport()
    report.is_complete = True
    for index, (state, error) in enumerate(results):
        report.add(BulkResult(index=index, spec=ChatSpec(title="A"), state=state, error=error))
    return report


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], 0),
        ([(BulkState.DONE, None), (BulkState.SKIPPED, None)], 0),
        ([(BulkState.NOT_STARTED, None)], 1),
        ([(BulkState.FAILED, PortalUnreachable("gone"))], 4),
        ([(BulkState.FAILED, PortalUnreachable("gone")), (BulkState.NOT_STARTED, None)], 4),
        ([(BulkState.FAILED, PortalUnreachable("gone")), (BulkState.FAILED, REFUSED)], 1),
        ([(BulkState.FAILED, InvalidParameter("wrong"))], 1),
        ([(BulkState.FAILED, None)], 1),
        ([(BulkState.FAILED, PortalUnreachable("gone")), (BulkState.UNKNOWN, UNKNOWN)], 3),
    ],
)
def test_what_may_have_been_created_weighs_most_and_a_refusal_more_than_no_answer(results, code):
    assert exit_code(report_of(*results)) == code
