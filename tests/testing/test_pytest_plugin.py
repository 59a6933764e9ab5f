"""The fixtures that come with the package."""

import json
import urllib.request

import pytest

pytest_plugins = ["pytester"]


def test_the_portal_runs_beside_synchronous_code(bitrix_portal):
    request = urllib.request.Request(f"{bitrix_portal.webhook_url}im.chat.add", data=b"TITLE=Chat", method="POST")  # noqa: S310
    with urllib.request.urlopen(request) as response:  # noqa: S310
        chat_id = json.load(response)["result"]

    assert bitrix_portal.chats[chat_id].title == "Chat"


def test_the_fixture_is_there_for_anyone_who_installs_the_package(pytester: pytest.Pytester):
    pytester.makepyfile("def test_it(bitrix_portal): assert bitrix_portal.webhook_url.startswith('http://127.0.0.1')")

    pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider").assert_outcomes(passed=1)
