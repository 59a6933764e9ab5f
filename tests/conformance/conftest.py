"""Skips what needs the catalogue where there is none, and marks every test with what it is about."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.catalogue import FOLDER, counted
from tests.conformance.summary import COUNTED, DEVIATING

EXAMPLES = {"request_example": "request", "response_example": "response", "error_example": "error"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the suite where no catalogue is named."""
    skip = pytest.mark.skip(reason="BITRIX_CHAT_CATALOGUE is not set")
    for item in items:
        if FOLDER is None and "conformance" in item.path.parts:
            item.add_marker(skip)


@pytest.fixture
def conforms(record_property: Callable[[str, Any], None]) -> Callable[[set[str], set[str]], None]:
    """Compare what a check found with what the table of deviations says it finds."""

    def compare(found: set[str], expected: set[str]) -> None:
        assert sorted(found - expected) == [], "not in the table of deviations"
        assert sorted(expected - found) == [], "no longer true, but still in the table of deviations"
        record_property(DEVIATING, len(expected))

    return compare


@pytest.fixture(autouse=True)
def _about(request: pytest.FixtureRequest, record_property: Callable[[str, Any], None]) -> None:
    given = getattr(request.node, "callspec", None)
    for name, value in given.params.items() if given else ():
        kind = EXAMPLES.get(name, "method")
        method = value[0] if name in EXAMPLES else value
        if name in {*EXAMPLES, "method"} and method in counted():
            record_property(COUNTED, [kind, method])
