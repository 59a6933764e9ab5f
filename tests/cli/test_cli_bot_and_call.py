"""`bot chat add` and `call`."""

import base64
import json

import pytest

from bitrix_chat.cli.chat_fields import EXAMPLE

TOKEN = "SECRETCANARY"


@pytest.fixture
def bot_id(command, portal):
    fields = {"fields": {"code": "helper", "botToken": TOKEN, "properties": {"name": "Helper"}}}
    ran = command("call", "imbot.v2.Bot.register", "--params", json.dumps(fields), "--url", portal.webhook_url)
    return ran.json["result"]["bot"]["id"]


@pytest.fixture
def add(command, portal, bot_id):
    def add(*options):
        return command("bot", "chat", "add", "--url", portal.webhook_url, "--bot-id", bot_id, *options)

    return add


def test_a_bot_creates_a_chat_with_every_field_and_the_raw_answer_is_printed(add, portal, bot_id, tmp_path):
    picture = tmp_path / "dot.png"
    picture.write_bytes(base64.b64decode(EXAMPLE["AVATAR"]))
    options = "--title Support --description About --color mint --user-ids 1 2 --owner-id 1 --message Hi --type open"
    entity = "--entity-type ORDER --entity-id 7"
    ran = add("--bot-token", TOKEN, *options.split(), *entity.split(), "--avatar", picture)
    answer = ran.json["result"]["chat"]
    chat = portal.chats[answer["id"]]
    assert (answer["dialogId"], answer["color"]) == (chat.dialog_id, "#4ba984")
    assert (chat.title, chat.type, chat.owner, chat.entity_id, chat.avatar) == ("Support", "open", 1, "7", True)
    assert chat.members == {1, 2, bot_id}


def test_the_bots_token_may_stand_in_the_environment_or_in_a_file(add, monkeypatch, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    assert add("--bot-token", f"@{path}").code == 0
    monkeypatch.setenv("BITRIX24_BOT_TOKEN", TOKEN)
    assert add().code == 0


def test_a_bots_dry_run_masks_its_token(add, portal, bot_id):
    hits = portal.hits
    ran = add("--bot-token", TOKEN, "--title", "Support", "--dry-run")
    fields = {"title": "Support"}
    assert ran.json == {
        "method": "imbot.v2.Chat.add",
        "params": {"botId": bot_id, "botToken": "***", "fields": fields},
    }
    assert portal.hits == hits


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--color", "orange"], "--color is"),
        (["--user-ids", "1", "0"], "--user-ids is"),
        (["--owner-id", "0"], "--owner-id is"),
        (["--type", "channel"], "--type is"),
        (["--entity-type", "ORDER"], "--entity-id"),
        (["--avatar", "nowhere.png"], "--avatar: the file cannot be read"),
    ],
)
def test_a_value_the_portal_would_drop_is_refused_by_its_option(add, options, said):
    ran = add("--bot-token", TOKEN, *options)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_bot_without_its_token_is_refused_by_the_portal_which_asks_for_it(add):
    ran = add("--bot-token=")
    assert ran.code == 1
    assert "Pass --bot-token" in ran.err


def test_a_call_prints_the_raw_envelope(command, portal):
    ran = command("call", "imbot.v2.Revision.get", "--url", portal.webhook_url)
    assert ran.json.keys() == {"result", "time"}
    assert "rest" in ran.json["result"]


def test_a_calls_dry_run_masks_secrets_at_any_depth(command, portal):
    params = "{'fields': {'botToken': 'SECRETCANARY', 'list': [{'client_secret': 'SECRETCANARY'}]}}"
    ran = command("call", "x.y", "--params", params, "--url", portal.webhook_url, "--dry-run")
    assert ran.json["params"] == {"fields": {"botToken": "***", "list": [{"client_secret": "***"}]}}
    assert portal.hits == 0
