"""The demonstration: hundreds of chats, each there once, counted on the emulator's side."""

import re

import pytest

from bitrix_chat.cli.demo import Report


def counts(ran):
    return {name: int(number) for name, number in re.findall(r"│ ([a-z ]+?) +│ +(\d+) │", ran.out)}


def test_the_script_creates_200_chats_concurrently_without_a_refusal(script):
    ran = script("demo")
    assert ran.code == 0, ran.text
    assert counts(ran) | {"requests": 45} == {
        "chats asked for": 200,
        "created": 200,
        "duplicates": 0,
        "requests": 45,
        "refused requests": 0,
    }
    assert counts(ran)["requests"] <= 45
    assert ran.err == ""


@pytest.mark.parametrize(("chats", "requests"), [(1, 2), (40, 41), (41, 42), (85, 43)])
def test_other_numbers_of_chats_are_right_too(command, chats, requests):
    ran = command("demo", "--chats", chats)
    assert ran.code == 0
    assert counts(ran)["created"] == chats
    assert counts(ran)["requests"] <= requests


@pytest.mark.parametrize(
    ("created", "duplicates", "refused", "flawless"),
    [(200, 0, 0, True), (199, 0, 0, False), (200, 1, 0, False), (200, 0, 1, False)],
)
def test_a_demonstration_is_flawless_only_if_every_chat_is_there_once(created, duplicates, refused, flawless):
    report = Report(200, created, duplicates, 45, refused, 1.0)
    assert report.flawless is flawless
