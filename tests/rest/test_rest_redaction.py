"""What may be said of a request: names and hosts, and nothing that opens something."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitrix_chat.errors import RestError
from bitrix_chat.rest.redaction import (
    MASK,
    host_of,
    is_secret,
    masked,
    scrub,
    scrub_error,
    scrubbed,
    secrets_in,
    webhook_secret,
)
from bitrix_chat.rest.request import Request, Response


@pytest.mark.parametrize(
    "name",
    [
        "botToken", "BOT_TOKEN", "bot_token", "auth", "AUTH", "access_token", "ACCESS_TOKEN", "accessToken",
        "refresh_token", "application_token", "client_secret", "CLIENT_ID", "clientId", "token",
    ],
)  # fmt: skip
def test_every_spelling_of_a_secret_name_is_one(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["botId", "code", "TITLE", "author", "tokens_left", "client_endpoint"])
def test_other_names_are_none(name):
    assert not is_secret(name)


def test_secrets_are_masked_at_every_depth_and_the_rest_stays():
    params = {"botId": 5, "fields": {"botToken": "canary-1", "list": [{"AUTH": {"x": "canary-2"}}, ("y", 2)]}}
    assert masked(params) == {"botId": 5, "fields": {"botToken": MASK, "list": [{"AUTH": MASK}, ["y", 2]]}}
    assert params["fields"]["botToken"] == "canary-1"


def test_an_empty_secret_is_shown_empty():
    assert masked({"auth": "", "token": None}) == {"auth": "", "token": None}


def test_the_values_of_secrets_are_found_at_every_depth():
    params = {"botToken": "one", "fields": {"auth": {"access_token": "two"}}, "rows": [{"CLIENT_ID": "three"}, 4]}
    assert list(secrets_in(params)) == ["one", "two", "three"]


def test_a_secret_that_is_no_text_is_not_looked_for():
    assert list(secrets_in({"token": 12345, "auth": None})) == []


@pytest.mark.parametrize("wrap", [lambda command: {"a": command}, lambda command: [command], lambda _: "im.chat.get"])
def test_secrets_inside_the_commands_of_a_batch_are_found(wrap):
    commands = wrap("imbot.v2.Chat.get?botId=5&botToken=can%20ary&fields[clientId]=custom")
    expected = [] if isinstance(commands, str) else ["can ary", "custom"]
    assert list(secrets_in({"cmd": commands})) == expected


def test_a_command_beyond_what_php_reads_is_passed_over():
    long = "x?" + "&".join(["a=1"] * 1001)
    assert list(secrets_in({"cmd": [long, "y?token=canary"]})) == ["canary"]


def test_scrub_masks_the_longest_secret_first():
    assert scrub("bad token abcd-efgh, not abcd", ["abcd", "abcd-efgh"]) == f"bad token {MASK}, not {MASK}"


def test_scrub_leaves_secrets_too_short_to_be_any():
    assert scrub("a chat", ["a", "", "cha"]) == "a chat"


@settings(deadline=None)
@given(st.text(), st.lists(st.text(min_size=4, alphabet="abcdef"), max_size=4))
def test_no_secret_is_left_in_a_scrubbed_text(text, secrets):
    scrubbed = scrub(text + "".join(secrets), secrets)
    assert not any(secret in scrubbed for secret in secrets)


@pytest.mark.parametrize(
    ("endpoint", "host", "secret"),
    [
        ("https://b24.example/rest/", "b24.example", None),
        ("https://b24.example/rest/1/s3cret/", "b24.example", "s3cret"),
        ("https://b24.example:8443/sub/rest/17/s3cret", "b24.example:8443", "s3cret"),
        ("https://me:pass@b24.example/rest/", "b24.example", None),
        ("https://b24.example/rest/one/two/", "b24.example", None),
    ],
)
def test_an_address_is_shown_by_its_host_and_its_secret_is_known(endpoint, host, secret):
    assert host_of(endpoint) == host
    assert webhook_secret(endpoint) == secret


def test_the_repr_of_a_request_shows_names_alone():
    request = Request("imbot.v2.Chat.get", {"botToken": "canary", "dialogId": "chat5", 7: "x"})
    assert "canary" not in repr(request)
    assert "{botToken, dialogId, 7}" in repr(request)


def test_the_repr_of_a_response_shows_no_result():
    assert "canary" not in repr(Response({"name": "canary"}, raw_time={"x": "canary"}))


def test_every_text_of_a_value_is_scrubbed():
    value = {"a": ["canary-1", {"b": "x canary-1"}], "c": 5, "d": None}
    assert scrubbed(value, ["canary-1"]) == {"a": ["***", {"b": "x ***"}], "c": 5, "d": None}


@pytest.mark.parametrize("code", [None, "canary-1"])
def test_an_error_is_scrubbed_in_all_it_says(code):
    error = RestError("not canary-1", code=code)
    scrub_error(error, iter(["canary-1"]))
    assert (error.description, error.args, error.code) == ("not ***", ("not ***",), code and "***")


def test_the_commands_of_a_batch_are_masked_too():
    params = {"halt": 0, "cmd": {"c0": "imbot.v2.Chat.get?botToken=canary-1&dialogId=chat5"}}
    assert masked(params) == {"halt": 0, "cmd": {"c0": "imbot.v2.Chat.get?botToken=***&dialogId=chat5"}}
