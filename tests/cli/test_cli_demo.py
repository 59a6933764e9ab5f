"""The demonstration: hundreds of chats by processes that are killed, each there once by the emulator's count."""

import re
import sys

import attrs
import pytest

from bitrix_chat.cli.demo import Report

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a kill there is no kill -9")


def counts(ran):
    return {name: int(number) for name, number in re.findall(r"│ ([a-z ]+?) +│ +(\d+) │", ran.out)}


@pytest.mark.slow
def test_the_script_creates_200_chats_once_although_it_is_killed(script):
    ran = script("demo")
    assert ran.code == 0, ran.text
    assert ran.err == ""
    counted = counts(ran)
    killed_after, requests = counted.pop("killed after"), counted.pop("requests")
    assert 0 < killed_after < 200
    assert requests <= 45
    assert counted == {
        "chats asked for": 200,
        "created": 200,
        "duplicates": 0,
        "reported with their ids": 200,
        "refused requests": 0,
    }


@pytest.mark.parametrize("chats", [1, 2, pytest.param(85, marks=pytest.mark.slow)])
def test_other_numbers_of_chats_are_right_too(command, chats):
    ran = command("demo", "--chats", chats)
    assert ran.code == 0, ran.text
    assert counts(ran).items() >= {"created": chats, "duplicates": 0, "reported with their ids": chats}.items()


FLAWLESS = Report(
    asked=200, created=200, duplicates=0, reported=200, requests=20, refused=0, killed_after=61, seconds=1.0
)


@pytest.mark.parametrize(
    ("changes", "flawless"),
    [
        ({}, True),
        ({"created": 199}, False),
        ({"created": 199, "reported": 199}, False),
        ({"duplicates": 1}, False),
        ({"reported": 199}, False),
        ({"refused": 1}, False),
    ],
)
def test_a_demonstration_is_flawless_only_if_every_chat_is_there_once_and_known(changes, flawless):
    assert attrs.evolve(FLAWLESS, **changes).flawless is flawless
