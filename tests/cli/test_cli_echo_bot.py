"""`echo-bot`: a user writes to a bot on the emulator, and what both say is printed."""

import pytest


def test_a_bot_answers_messages_and_its_command_in_order(command):
    ran = command("echo-bot", "Good morning", "/shout is anybody there", "Good night")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "User: Good morning",
        "Bot:  You said: Good morning",
        "User: /shout is anybody there",
        "Bot:  IS ANYBODY THERE!",
        "User: Good night",
        "Bot:  You said: Good night",
    ]


def test_without_texts_it_has_some_of_its_own(script):
    ran = script("echo-bot")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split(":")[0] for line in ran.out.splitlines()] == ["User", "Bot"] * 3


def test_a_message_that_cannot_be_answered_ends_no_conversation(command):
    ran = command("echo-bot", "long " * 3999, "Good night")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "Bot:  You said: Good night"


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_no_message(command, text):
    ran = command("echo-bot", "Good morning", text)
    assert (ran.code, ran.out) == (2, "")
    assert "TEXTS: a message is more than blanks" in ran.err
