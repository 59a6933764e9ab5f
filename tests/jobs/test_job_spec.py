"""A job as JSON: what goes to an engine comes back, and what is none of ours is refused by what is wrong with it."""

import json

import pytest

from bitrix_chat.jobs import JobSpec, WrongJob, WrongWorker

OF_USER = JobSpec(portal="acme.bitrix24.example", journal="import-7", key="deal-1")
OF_BOT = JobSpec(portal="acme.bitrix24.example", journal="import-7", method="imbot.v2.Chat.add", bot=456, key="ключ")


@pytest.mark.parametrize("spec", [OF_USER, OF_BOT])
def test_a_job_survives_json(spec):
    assert JobSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_a_job_names_a_chat_and_tells_nothing_of_it():
    assert set(OF_USER.to_dict()) == {"version", "portal", "journal", "method", "bot", "key"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": None}, "no `version`"),
        ({"version": True}, "no `version`"),
        ({"portal": ""}, "`portal` is no text"),
        ({"journal": 7}, "`journal` is no text"),
        ({"key": None}, "`key` is no text"),
        ({"method": "im.chat.get"}, "`method` and its `bot` do not go together"),
        ({"bot": 456}, "`method` and its `bot` do not go together"),
        ({"bot": "456"}, "`bot` is str, not a number"),
        ({"bot": True, "method": "imbot.v2.Chat.add"}, "`bot` is bool, not a number"),
        ({"method": "imbot.v2.Chat.add"}, "`method` and its `bot` do not go together"),
    ],
)
def test_a_damaged_job_is_refused_by_the_field_that_is_wrong(changes, said):
    with pytest.raises(WrongJob, match=said):
        JobSpec.from_dict({**OF_USER.to_dict(), **changes})


def test_what_is_no_map_is_refused():
    with pytest.raises(WrongJob, match="a job is a map, not list"):
        JobSpec.from_dict([])


def test_a_job_of_a_later_release_waits_for_its_worker():
    with pytest.raises(WrongWorker, match="version 2, and this worker knows 1"):
        JobSpec.from_dict({**OF_USER.to_dict(), "version": 2})


def test_names_that_a_later_release_adds_are_passed_over():
    assert JobSpec.from_dict({**OF_USER.to_dict(), "colour": "blue"}) == OF_USER
