"""What the help says, and what it does not."""

import importlib.metadata
import subprocess
import sys

import pytest

PORTAL = ["--url", "--token", "--timeout", "--plan"]
LISTENING = ["--url", "--token", "--bot-token", "--plan"]
ADD = [
    f"--{name}" for name in ("bot-id", "bot-token", "title", "description", "color", "avatar", "user-ids", "dry-run")
]
ADD += ["--owner-id", "--message", "--type", "--entity-type", "--entity-id"]
BULK = ["--url", "--token", "--bot-token", "--portal-plan", "--operating-limit", "--max-in-flight", "--quiescence"]
BULK += ["--plan", "--cost", "--duration", "--on-error", "--deadline", "--report"]
SECRETS = ("WEBHOOK_URL", "TOKEN", "BOT_TOKEN", "CLIENT_ID", "CLIENT_SECRET", "ACCESS_TOKEN", "REFRESH_TOKEN")


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (
            [],
            [
                "demo",
                "echo-bot",
                "events",
                "portal",
                "create-chat",
                "chat-structure",
                "bulk",
                "resume",
                "bot",
                "call",
                "--version",
                "Exit codes",
            ],
        ),
        (["demo"], ["--chats"]),
        (["echo-bot"], ["TEXTS"]),
        (["events"], [*LISTENING, "--bot-id", "--store", "--follow", "--from-start", "--with-user-events"]),
        (["portal"], ["--port", "--plan", "--cost", "--operating-limit", "--tls", "--faults", "--json"]),
        (["create-chat"], [*PORTAL, "--fields", "--out", "--dry-run"]),
        (["chat-structure"], ["--empty"]),
        (["bot"], ["chat"]),
        (["bot", "chat"], ["add"]),
        (["bot", "chat", "add"], [*PORTAL, *ADD]),
        (["bulk"], [*BULK, "FILE", "--bot-id", "--format", "--key-column", "--key-is-new", "--skip-bad", "user_ids"]),
        (["bulk"], ["--workers", "--docket"]),
        (
            ["worker"],
            ["SERVER", "--concurrency", "--docket", "--redelivery", "--until-idle", "--egress", "--quiescence"],
        ),
        (["resume"], [*BULK, "JOURNAL", "--retry-failed"]),
        (["report"], ["JOURNAL", "--report"]),
        (["call"], [*PORTAL, "METHOD", "--params", "--dry-run"]),
    ],
)
def test_help_names_every_option_and_no_value_of_the_environment(command, monkeypatch, words, options):
    for name in SECRETS:
        monkeypatch.setenv(f"BITRIX24_{name}", "SECRETCANARY")
    ran = command(*words, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert [option for option in options if option not in ran.out] == []
    assert "SECRETCANARY" not in ran.out
    assert "--no-" not in ran.out


def test_the_version_is_the_packages(command):
    assert command("--version").out == f"bitrix-chat {importlib.metadata.version('bitrix-chat')}\n"


def test_the_script_prints_help(script):
    ran = script("--help", BITRIX24_WEBHOOK_URL="SECRETCANARY")
    assert ran.code == 0
    assert "create-chat" in ran.out
    assert "SECRETCANARY" not in ran.text


def test_help_needs_neither_the_client_nor_the_emulator():
    program = "import sys, bitrix_chat.cli.program; sys.exit(' '.join({'aiohttp', 'cattrs'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
