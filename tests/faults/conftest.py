"""What tests of the fault matrix use: a proxy in front of the portal, and somebody who takes down what was seen."""

from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import pytest

from bitrix_chat.portal import Portal
from tests.faults.matrix import MATRIX, Line, Seen, line_of
from tests.faults.proxy import Proxy

_LINE = pytest.StashKey[Line]()


@pytest.fixture
async def proxy(portal: Portal) -> AsyncIterator[Proxy]:
    """Stand in front of the portal; give a client `proxy.url_of(portal.webhook_url)`."""
    async with Proxy(portal.url) as proxy:
        yield proxy


@pytest.fixture
def seen(request: pytest.FixtureRequest, record_property: Callable[[str, Any], None]) -> Seen:
    """Take down what came of the test's row."""
    line = line_of(request.node)
    assert line is not None, "only a test of a row has something to take down"
    request.node.stash[_LINE] = line
    seen = Seen(line)
    record_property(MATRIX, seen.report)  # at once, so that a test that fails before it says anything has its line
    return seen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test of a row that never said what it saw."""
    result = yield
    if line_of(item) is not None:
        told = item.stash.get(_LINE, None)
        assert told is not None, "a test of a row uses the fixture `seen`"
        assert told.seen is not None, "the test never said what it saw"
    return result
