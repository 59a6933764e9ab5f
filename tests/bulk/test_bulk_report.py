"""A report has every result in input order, says which chats failed, and is written whole or not at all."""

import json
import os
import pickle
import stat
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitrix_chat import AccessDenied, BitrixError, OutcomeUnknown
from bitrix_chat.bulk.report import BulkFailures, BulkReport
from bitrix_chat.bulk.results import BulkResult, BulkState
from bitrix_chat.bulk.spec import ChatSpec

DENIED = AccessDenied("may not", method="im.chat.add", code="ACCESS_DENIED", status=403)


def result(index, state=BulkState.DONE, **given):
    usual = {"spec": ChatSpec(title=f"Deal {index}"), "key": f"deal-{index}", "attempts": 1, "elapsed": 1.23456}
    if state is BulkState.DONE:
        usual |= {"chat_id": 100 + index, "value": 100 + index}
    return BulkResult(index=index, state=state, **usual | given)


def mixed():
    report = BulkReport()
    report.add(result(4, BulkState.NOT_STARTED, attempts=0))
    report.add(result(2, BulkState.UNKNOWN, error=OutcomeUnknown("it may have run", method="im.chat.add")))
    report.add(result(1, BulkState.FAILED, key=None, error=DENIED))
    report.add(result(3, BulkState.SKIPPED, chat_id=7))
    report.add(result(0))
    return report


def test_results_are_in_input_order_however_they_came():
    report = mixed()

    assert [each.index for each in report.results] == [0, 1, 2, 3, 4]
    lists = (report.done, report.failed, report.unknown, report.skipped, report.not_started)
    assert [[each.index for each in part] for part in lists] == [[0], [1], [2], [3], [4]]
    assert set(report.counts.values()) == {1}
    assert len(report) == 5


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(list(BulkState))), max_size=60))
def test_a_later_result_takes_the_place_of_an_earlier_one(added):
    report = BulkReport()
    for index, state in added:
        report.add(result(index, state))

    expected = dict(added)
    assert [(each.index, each.state) for each in report.results] == sorted(expected.items(), key=lambda item: item[0])
    assert {state: list(expected.values()).count(state) for state in BulkState} == report.counts
    assert len(report) == len(expected)


def test_what_was_handed_over_is_counted_and_not_kept():
    report = BulkReport()
    report.add(result(0), is_kept=False)
    report.add(result(1, BulkState.FAILED, error=DENIED))

    assert report.counts[BulkState.DONE] == 1
    assert [each.index for each in report.results] == [1]
    assert len(report) == 2


def test_a_run_without_failures_raises_nothing():
    report = BulkReport()
    report.add(result(0))
    report.add(result(1, BulkState.NOT_STARTED))
    report.add(result(2, BulkState.SKIPPED))

    report.raise_for_failures()


def test_failures_are_raised_together_in_input_order_each_naming_its_chat():
    report = mixed()

    with pytest.raises(BulkFailures) as caught:
        report.raise_for_failures()

    denied, unknown = caught.value.exceptions
    assert isinstance(denied, AccessDenied)
    assert (denied.code, denied.__notes__) == ("ACCESS_DENIED", ["chat 1 of the input"])
    assert isinstance(unknown, OutcomeUnknown)
    assert unknown.__notes__ == ["chat 2 of the input, key 'deal-2'"]
    assert caught.value.report is report


def test_asking_twice_notes_nothing_twice_and_leaves_the_results_as_they_are():
    report = BulkReport()
    error = AccessDenied("may not")
    error.add_note("seen on a Monday")
    report.add(result(0, BulkState.FAILED, error=error))

    for _ in range(2):
        with pytest.raises(BulkFailures) as caught:
            report.raise_for_failures()

    assert caught.value.exceptions[0].__notes__ == ["seen on a Monday", "chat 0 of the input, key 'deal-0'"]
    assert error.__notes__ == ["seen on a Monday"]


def test_the_report_stays_with_each_part_of_the_group():
    report = mixed()
    parts = []
    try:
        report.raise_for_failures()
    except* AccessDenied as denied:
        parts.append(denied)
    except* OutcomeUnknown as unknown:
        parts.append(unknown)

    assert [part.report for part in parts] == [report, report]
    assert all(isinstance(part, BulkFailures) for part in parts)


def test_the_group_travels_between_processes_without_the_report():
    with pytest.raises(BulkFailures) as caught:
        mixed().raise_for_failures()

    arrived = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own bytes

    assert arrived.message == caught.value.message
    assert [type(error) for error in arrived.exceptions] == [AccessDenied, OutcomeUnknown]
    assert arrived.report is None


def test_a_failure_without_a_known_reason_is_raised_as_well():
    report = BulkReport()
    report.add(result(0, BulkState.UNKNOWN))

    with pytest.raises(BulkFailures) as caught:
        report.raise_for_failures()

    assert type(caught.value.exceptions[0]) is BitrixError


def test_a_report_says_in_a_line_what_became_of_the_run():
    report = BulkReport()
    assert str(report) == "0 chats; the run did not come to its end"

    for index in range(1200):
        report.add(result(index))
    report.add(result(1200, BulkState.FAILED, error=DENIED))
    report.is_complete = True

    assert str(report) == "1,201 chats: 1,200 done, 1 failed"
    assert repr(report) == "<BulkReport 1,201 chats: 1,200 done, 1 failed>"


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_line_of_the_file_is_one_result(tmp_path):
    path = tmp_path / "report.jsonl"

    mixed().to_jsonl(path)

    done, failed, unknown, skipped, not_started = rows(path)
    assert done == {
        "index": 0,
        "key": "deal-0",
        "state": "done",
        "chat_id": 100,
        "title": "Deal 0",
        "attempts": 1,
        "elapsed": 1.235,
        "error": None,
        "code": None,
        "description": None,
        "outcome": None,
    }
    assert failed["key"] is None
    assert (failed["error"], failed["code"], failed["description"]) == ("AccessDenied", "ACCESS_DENIED", "may not")
    assert (unknown["state"], unknown["error"], unknown["outcome"]) == ("unknown", "OutcomeUnknown", "UNKNOWN")
    assert (skipped["state"], skipped["chat_id"]) == ("skipped", 7)
    assert (not_started["state"], not_started["attempts"]) == ("not started", 0)


def test_only_its_owner_may_read_the_file_even_if_all_could_read_the_one_before(tmp_path):
    path = tmp_path / "report.jsonl"
    path.write_text("of yesterday")
    path.chmod(0o644)

    mixed().to_jsonl(str(path))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(rows(path)) == 5


def test_a_report_that_cannot_be_written_leaves_the_one_before_and_nothing_beside_it(tmp_path):
    path = tmp_path / "report.jsonl"
    path.write_text("of yesterday")
    report = mixed()
    report.add(result(5, chat_id=object()))

    with pytest.raises(TypeError):
        report.to_jsonl(path)

    assert path.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        mixed().to_jsonl(tmp_path / "nowhere" / "report.jsonl")


def test_a_symbolic_link_stays_one(tmp_path):
    link, path = tmp_path / "latest.jsonl", tmp_path / "report.jsonl"
    link.symlink_to(path)

    mixed().to_jsonl(link)

    assert link.is_symlink()
    assert len(rows(path)) == 5


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.extend(rows(pipe)))
    reader.start()

    mixed().to_jsonl(pipe)

    reader.join()
    assert len(read) == 5
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="open files have no such names here")
def test_an_open_file_without_a_name_is_written_to_by_its_number():
    reading, writing = os.pipe()
    mixed().to_jsonl(f"/dev/fd/{writing}")
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as read:
        assert len(read.readlines()) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="links have no such owners there")
def test_a_symbolic_link_of_somebody_else_is_not_followed(tmp_path, give_away):
    link, path = tmp_path / "latest.jsonl", tmp_path / "mine.jsonl"
    path.write_text("mine")
    link.symlink_to(path)
    give_away(link)

    with pytest.raises(PermissionError, match="a symbolic link of another user"):
        mixed().to_jsonl(link)

    assert path.read_text() == "mine"


@given(st.text() | st.just("half \ud83d of a pair") | st.integers() | st.none())
def test_any_title_and_key_are_told_in_one_line(tmp_path_factory, title):
    path = tmp_path_factory.mktemp("titles") / "report.jsonl"
    report = BulkReport()
    report.add(result(0, BulkState.FAILED, spec=ChatSpec(title=title), key="ключ-1", error=DENIED))

    report.to_jsonl(path)

    (line,) = path.read_bytes().decode().rstrip("\n").split("\n")
    told = json.loads(line)
    assert told["title"] == (title if title is None else str(title))
    assert told["key"] == "ключ-1"
    assert "ключ" in line
