"""`portal`: the emulator as a program of its own."""

import json
import signal
import sys

import pytest

from bitrix_chat import InvalidParameter
from bitrix_chat.cli.faults import faults_from
from bitrix_chat.portal import Cut, Fault

NAMES = ["webhook_url", "client_id", "client_secret", "access_token", "refresh_token", "client_endpoint"]


def test_it_prints_how_to_talk_to_it_and_serves_until_it_is_interrupted(start, command):
    process = start("portal")
    access = dict(process.stdout.readline().rstrip("\n").split(": ", 1) for _ in range(7))
    assert list(access) == [*NAMES, "authorization_server"]
    assert command("call", "profile", "--url", access["webhook_url"]).code == 0
    ran = command("call", "profile", "--url", access["client_endpoint"], "--token", access["access_token"])
    assert ran.code == 0
    if sys.platform != "win32":
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (130, "", "")


def test_its_options_reach_the_emulator(start, script):
    faults = json.dumps([{"method": "im.chat.add", "cut": "after"}])
    process = start("portal", "--json", "--tls", "--plan", "unlimited", "--faults", faults, "--cost", "0.01")
    access = json.loads(process.stdout.readline())
    assert list(access) == [*NAMES, "authorization_server", "ca_file"]
    words = ("create-chat", "--url", access["webhook_url"], "--fields", "{}")
    assert script(*words, SSL_CERT_FILE=access["ca_file"]).code == 3
    assert script(*words, SSL_CERT_FILE=access["ca_file"]).code == 0


def test_a_port_that_is_taken_is_wrong_usage(command, portal):
    ran = command("portal", "--port", portal.url.rpartition(":")[2])
    assert ran.code == 2
    assert "cannot listen" in ran.err


def test_every_field_of_a_fault_is_taken():
    fields = {
        "method": "batch",
        "nth": 2,
        "times": 3,
        "status": 502,
        "body": {"error": "X"},
        "headers": {"Retry-After": "1"},
        "delay": 1,
        "delay_after": 0.5,
        "cut": "before",
        "execute": True,
    }
    assert faults_from("--faults", [fields]) == [Fault(**fields | {"cut": Cut.BEFORE})]


def test_null_stands_for_a_field_that_is_not_given():
    assert faults_from("--faults", [{"status": None, "delay": 1.0}]) == [Fault(delay=1.0)]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "no JSON list"),
        ([1], r"--faults\[0\] is no object"),
        ([{}, {"nht": 1}], r"--faults\[1\]: `nht` is no field"),
        ([{"method": 1}], "`method` is not text"),
        ([{"nth": 0}], "`nth`"),
        ([{"times": True}], "`times`"),
        ([{"status": 99}], "`status`"),
        ([{"body": 1}], "`body`"),
        ([{"headers": {"A": 1}}], "`headers`"),
        ([{"delay": -1}], "`delay`"),
        ([{"delay_after": "1"}], "`delay_after`"),
        ([{"cut": "middle"}], "`cut` is not one of before, after, truncate"),
        ([{"cut": []}], "`cut`"),
        ([{"execute": 1}], "`execute`"),
    ],
)
def test_a_wrong_field_is_named(value, said):
    with pytest.raises(InvalidParameter, match=said):
        faults_from("--faults", value)


def test_wrong_faults_are_wrong_usage(command):
    ran = command("portal", "--faults", "[{'nht': 1}]")
    assert ran.code == 2
    assert "`nht`" in ran.err
