"""What the conformance suite has shown, counted from the tests that passed and said at the end of the run."""

from collections.abc import Iterable
from typing import Any, Final

import pytest

from tests.conformance.catalogue import counted

COUNTED: Final = "conformance"
"""The property of a report that says what its test is about: a kind (method, request, response) and a method."""
DEVIATING: Final = "conformance deviations"
"""How many lines of the table of deviations a test has found to be true."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many methods passed everything, and how many requests and answers came out right."""
    stats = terminalreporter.stats
    passed = _said(stats.get("passed", ()))
    failed = _said([*stats.get("failed", ()), *stats.get("error", ())])
    about = [said[COUNTED] for said in passed if COUNTED in said]
    if not about:
        return
    methods = {method for _, method in about} - {said[COUNTED][1] for said in failed if COUNTED in said}
    requests, answers = (sum(kind == wanted for kind, _ in about) for wanted in ("request", "response"))
    deviating = [said.get(COUNTED) for said in passed for _ in range(said.get(DEVIATING, 0))]
    within = sum(place is not None and place[0] == "request" for place in deviating)
    terminalreporter.section("conformance")
    terminalreporter.line(
        f"{len(methods)} of {len(counted())} methods, {requests} requests, {answers} answers"
        f" ({len(deviating)} listed deviations, {within} of them in these requests)"
    )


def _said(reports: Iterable[pytest.TestReport]) -> list[dict[str, Any]]:
    return [dict(getattr(report, "user_properties", ())) for report in reports]  # a failed collection has none
