"""`create-chat`: the portal's own fields in, its own answer out."""

import json

import pytest

from bitrix_chat.cli.chat_fields import EXAMPLE


@pytest.fixture
def create(command, portal):
    def create(fields, *options):
        text = fields if isinstance(fields, str) else json.dumps(fields)
        return command("create-chat", "--url", portal.webhook_url, "--fields", text, *options)

    return create


def test_the_installed_script_creates_a_chat_and_prints_the_portals_answer(script, portal, tmp_path):
    path = tmp_path / "fields.json"
    path.write_text(json.dumps({"TYPE": "OPEN", "TITLE": "Новый чат", "COLOR": "GREEN", "USERS": [10, 1]}))
    answer = script("create-chat", "--url", portal.webhook_url, "--fields", path).json
    chat = portal.chats[answer["result"]]
    assert list(answer) == ["result", "time"]
    assert {"start", "finish", "duration", "processing", "date_start", "date_finish"} <= answer["time"].keys()
    assert (chat.title, chat.type, chat.color, chat.members) == ("Новый чат", "open", "green", {1, 10})


def test_a_token_creates_a_chat_on_a_domain(command, portal):
    access = portal.oauth.access_token
    ran = command("create-chat", "--url", portal.url, "--token", access, "--fields", "{'TITLE': 'Private chat'}")
    assert portal.chats[ran.json["result"]].title == "Private chat"


def test_every_field_of_the_template_is_taken_without_a_warning(create, command, portal):
    ran = create(command("chat-structure").json)
    chat = portal.chats[ran.json["result"]]
    assert ran.err == ""
    assert (chat.title, chat.entity_id, chat.avatar) == (EXAMPLE["TITLE"], EXAMPLE["ENTITY_ID"], True)
    assert EXAMPLE["MESSAGE"] in [message.text for message in chat.messages]


def test_the_empty_template_has_the_same_fields_and_creates_a_chat(create, command, portal):
    empty = command("chat-structure", "--empty").json
    assert list(empty) == list(command("chat-structure").json)
    assert not any(empty.values())
    assert create(empty).json["result"] in portal.chats


def test_what_the_portal_ignores_is_named_in_a_warning_and_sent(create, portal):
    ran = create({"TITLE": "New", "owner_id": 2, "X": 1})
    assert ran.json["result"] in portal.chats
    assert "ignores 'OWNER_ID', 'X'" in ran.err


@pytest.mark.parametrize(
    "fields", ["{'COLOR': 'ORANGE'}", "{'AVATAR': '17'}", "{'auth': 'x'}", "[]", "{", "nowhere.json"]
)
def test_wrong_fields_are_wrong_usage_and_send_nothing(create, portal, fields):
    ran = create(fields)
    assert (ran.code, ran.out, portal.hits) == (2, "", 0)
    assert ran.err.count("\n") == 1


def test_the_answer_goes_into_a_file_instead(create, portal, tmp_path):
    path = tmp_path / "answer.json"
    ran = create({"TITLE": "New"}, "--out", path)
    assert (ran.code, ran.out) == (0, "")
    assert json.loads(path.read_text(encoding="utf-8"))["result"] in portal.chats


@pytest.mark.parametrize("name", [".", "nowhere/answer.json"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_sent(create, portal, tmp_path, name):
    ran = create({"TITLE": "New"}, "--out", tmp_path / name)
    assert (ran.code, portal.hits) == (2, 0)
    assert "--out" in ran.err


def test_a_dry_run_prints_the_request_and_sends_nothing(create, portal):
    ran = create({"title": "New", "BOT_TOKEN": "SECRETCANARY"}, "--dry-run")
    assert ran.json == {"method": "im.chat.add", "params": {"TITLE": "New", "BOT_TOKEN": "***"}}
    assert portal.hits == 0
