"""How commands end: exit codes, one line on stderr, and no secret in either stream."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bitrix_chat.portal import Cut, Fault, Plan, Portal

CANARY = "SECRETCANARY"
ADD = ("create-chat", "--fields", "{'TITLE': 'New'}")


def wrong_secret(portal):
    return f"{portal.url}/rest/1/{CANARY}/"


def test_a_wrong_webhook_is_a_refusal(command, portal):
    ran = command(*ADD, "--url", wrong_secret(portal))
    assert ran.code == 1
    assert "did not run" in ran.err
    assert "Check the webhook URL" in ran.err
    assert CANARY not in ran.text


def test_a_wrong_token_is_a_refusal(command, portal):
    ran = command(*ADD, "--url", portal.url, "--token", CANARY)
    assert ran.code == 1
    assert CANARY not in ran.text


def test_an_expired_bare_token_is_a_refusal_that_says_what_to_do(command, portal):
    token = portal.oauth.access_token
    portal.expire_tokens()
    ran = command(*ADD, "--url", portal.url, "--token", token)
    assert ran.code == 1
    assert token not in ran.text


def test_a_wrong_bot_token_is_a_refusal(command, portal):
    fields = json.dumps({"fields": {"code": "b", "botToken": "right", "properties": {"name": "B"}}})
    bot = command("call", "imbot.v2.Bot.register", "--params", fields, "--url", portal.webhook_url)
    bot_id = bot.json["result"]["bot"]["id"]
    ran = command("bot", "chat", "add", "--bot-id", bot_id, "--bot-token", CANARY, "--url", portal.webhook_url)
    assert ran.code == 1
    assert "--bot-token" in ran.err
    assert CANARY not in ran.text


def test_an_unknown_method_is_a_refusal(command, portal):
    ran = command("call", "im.chat.nonsense", "--url", portal.webhook_url)
    assert ran.code == 1
    assert "Check the method's name" in ran.err


@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut=Cut.AFTER),
        Fault(cut=Cut.TRUNCATE),
        Fault.html_502(executed=True),
        Fault(status=500, body={"error": "INTERNAL_SERVER_ERROR", "error_description": f"auth={CANARY}"}),
    ],
)
def test_a_lost_answer_is_an_unknown_outcome_and_nothing_is_sent_twice(command, portal, fault):
    portal.faults.add(fault)
    ran = command(*ADD, "--url", portal.webhook_url)
    assert (ran.code, ran.out, portal.hits) == (3, "", 1)
    assert "it may have run" in ran.err
    assert "look before sending it again" in ran.err


def test_a_timeout_after_the_request_has_left_is_an_unknown_outcome(command, portal):
    portal.faults.add(Fault(delay=30))
    assert command(*ADD, "--url", portal.webhook_url, "--timeout", "0.3").code == 3


def test_an_answer_that_comes_soon_after_the_timeout_is_no_unknown_outcome(command, portal):
    portal.faults.add(Fault(delay=0.5))
    ran = command(*ADD, "--url", portal.webhook_url, "--timeout", "0.3")
    assert ran.json["result"] in portal.chats
    assert "after --timeout" in ran.err


def test_a_portal_that_is_not_there_is_not_reached(command):
    with Portal().in_thread() as portal:
        url = portal.webhook_url.replace(portal.webhook_url.split("/")[-2], CANARY)
    ran = command(*ADD, "--url", url)
    assert ran.code == 4
    assert "Nothing was sent" in ran.err
    assert CANARY not in ran.text


def test_a_certificate_nobody_knows_is_not_reached(command):
    with Portal(tls=True).in_thread() as portal:
        ran = command(*ADD, "--url", portal.webhook_url)
    assert ran.code == 4
    assert "SSL_CERT_FILE" in ran.err


def test_a_token_file_that_cannot_be_read_is_said_without_secrets(command, monkeypatch, tmp_path):
    path = tmp_path / "tokens"
    path.write_text(CANARY)
    for name, value in (("CLIENT_ID", CANARY), ("CLIENT_SECRET", CANARY), ("TOKEN_FILE", str(path))):
        monkeypatch.setenv(f"BITRIX24_{name}", value)
    ran = command(*ADD)
    assert ran.code == 4
    assert CANARY not in ran.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense", CANARY], "no such command"),
        (["call"], "METHOD is missing"),
        (["call", "profile", CANARY], "more words"),
        (["call", "profile", f"--tokn={CANARY}"], "--tokn is unknown"),
        (["call", "profile", f"--{CANARY}"], "an option is unknown"),
        (["call", "profile", "--plan", CANARY], "--plan is not one of standard, enterprise"),
        (["call", "profile", "--timeout", CANARY], "--timeout is not a number"),
        (["call", "profile", "--token"], "--token needs a value"),
        (["call", "profile", "--token", CANARY, "--token", CANARY], "--token is given more than once"),
        (["call", f"https://acme.example/rest/1/{CANARY}/x", "--url", "a.example", "--token", "x"], "no method name"),
        (["create-chat", "--url", f"https://acme.example/rest/1/{CANARY}/"], "--fields is missing"),
        (["call", f"{CANARY}/x", "--url", "a.example", "--token", "x"], "METHOD is no method name"),
        (["create-chat", "--fields", CANARY], "--fields"),
        (["create-chat", "--fields", f"{{'COLOR': '{CANARY}'}}", "--url", "a.example", "--token", "x"], "it knows red"),
        (
            ["create-chat", "--fields", f"{{'AVATAR': '{CANARY}.png'}}", "--url", "a.example", "--token", "x"],
            "`AVATAR` is no base64 text.",
        ),
        (["bot", "chat", "add"], "--bot-id is missing"),
        (["bot", "chat", "add", "--bot-id", CANARY], "--bot-id is not a whole number"),
        (["bot", "chat", "add", "--bot-id", "1", "--user-ids"], "--user-ids needs a value"),
        (["bot", "chat", CANARY], "no such command"),
        (["demo", "--chats", "0"], "--chats is at least 1"),
        (["demo", "--chats", "1.5"], "--chats is not a whole number"),
        (["portal", "--port", "0x10"], "--port is not a whole number"),
        (["portal", "--port", "70000"], "--port"),
        (["portal", "--cost=-1"], "--cost"),
        (["portal", "--operating-limit", "0"], "--operating-limit"),
    ],
)
def test_wrong_usage_is_one_line_that_repeats_no_value(command, words, said):
    ran = command(*words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert CANARY not in ran.err


def test_a_bug_is_told_with_a_traceback_without_secrets(command, portal, monkeypatch):
    def fail(*_):
        raise LookupError(wrong_secret(portal))

    monkeypatch.setattr("bitrix_chat.cli.call.json_object", fail)
    ran = command("call", "profile", "--url", wrong_secret(portal))
    assert ran.code == 70
    assert "LookupError" in ran.err
    assert CANARY not in ran.err


def test_the_script_refuses_and_reaches_nothing_with_the_same_codes_and_no_traceback(script, portal):
    refused = script(*ADD, BITRIX24_WEBHOOK_URL=wrong_secret(portal))
    usage = script(*ADD, "--nonsense", BITRIX24_WEBHOOK_URL=wrong_secret(portal))
    assert (refused.code, usage.code) == (1, 2)
    assert not {"Traceback", CANARY} & set((refused.text + usage.text).replace("/", " ").split())


def interrupted_after_sending(start, portal, fault, then=lambda: None):
    portal.faults.add(fault)
    process = start(*ADD, "--url", portal.webhook_url)
    patience = time.monotonic() + 30
    while not portal.hits and time.monotonic() < patience:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    then()
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_an_interrupted_request_that_lands_after_all_is_told(start):
    interrupted = threading.Event()

    async def until_interrupted(_: float) -> None:
        await asyncio.to_thread(interrupted.wait)
        await asyncio.sleep(0.1)  # the signal comes first

    with Portal(plan=Plan.UNLIMITED, sleep=until_interrupted).in_thread() as portal:
        fault = Fault(method="im.chat.add", delay_after=1)
        code, out, err = interrupted_after_sending(start, portal, fault, then=interrupted.set)
        assert json.loads(out)["result"] in portal.chats
    assert code == 130
    assert err == "bitrix-chat: interrupted. It ran all the same.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_an_interrupted_request_of_unknown_outcome_is_named(start, portal):
    code, out, err = interrupted_after_sending(start, portal, Fault(delay_after=60))
    assert (code, out) == (130, "")
    assert "It may have run" in err
    assert "Traceback" not in err


def test_without_its_extra_the_command_line_says_what_to_install():
    program = "import sys; sys.modules['cyclopts'] = None; from bitrix_chat.__main__ import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'pip install "bitrix-chat[cli]"' in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_who_leaves_early_is_no_error(portal):
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "bitrix_chat", "call", "profile", "--url", portal.webhook_url]
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def into_a_full_device(request, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", request.param)
    return run_into_a_full_device


def run_into_a_full_device(*words):
    words = [sys.executable, "-m", "bitrix_chat", *words]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", check=False)
    return done.returncode, done.stderr


@FULL
def test_an_answer_that_cannot_be_printed_does_not_hide_that_the_request_ran(into_a_full_device, portal):
    code, err = into_a_full_device(*ADD, "--url", portal.webhook_url)
    assert (code, portal.hits) == (5, 1)
    assert err == "bitrix-chat: It ran; its answer could not be printed (No space left on device).\n"


@FULL
def test_a_dry_run_that_cannot_be_printed_says_that_nothing_was_sent(into_a_full_device):
    code, err = into_a_full_device("call", "profile", "--dry-run", "--url", "https://portal.example/rest/1/abc/")
    assert code == 5
    assert "Nothing was sent" in err


@FULL
@pytest.mark.parametrize("words", [("--help",), ("--version",), ("im", "--help"), ("portal",), ("chat-structure",)])
def test_what_else_cannot_be_printed_ends_with_the_same_code_and_no_traceback(into_a_full_device, words):
    code, err = into_a_full_device(*words)
    assert code == 5
    assert err.endswith("(No space left on device).\n")
    assert err.count("\n") == 1


def test_an_answer_to_a_closed_stdout_does_not_hide_that_the_request_ran(command, portal, monkeypatch):
    with monkeypatch.context() as closed:
        closed.setattr("sys.stdout", None)  # what Python makes of `>&-`
        ran = command(*ADD, "--url", portal.webhook_url)
    assert (ran.code, portal.hits) == (5, 1)
    assert "It ran; its answer could not be printed (stdout is closed)." in ran.err


def test_a_reader_of_help_who_leaves_early_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "bitrix_chat", "--help"]
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
