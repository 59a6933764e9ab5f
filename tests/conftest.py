"""What every test may use: an emulated portal and a client of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bitrix_chat import BitrixChat, MemoryRateLimiter, Plan
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from tests.conformance import summary as conformance
from tests.faults import matrix
from tests.leaks.sinks import Sinks


def pytest_configure(config: pytest.Config) -> None:
    """Let whatever leaks a secret fail."""
    config.pluginmanager.register(Sinks(), "sinks")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what the suites have shown; here, because the controller of a parallel run loads this file alone."""
    conformance.pytest_terminal_summary(terminalreporter)
    matrix.pytest_terminal_summary(terminalreporter, config)


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    async with Portal(plan=PortalPlan.UNLIMITED) as portal:
        yield portal


@pytest.fixture
def unlimited() -> MemoryRateLimiter:
    """A limiter that never makes anyone wait."""
    return MemoryRateLimiter(Plan(1e9, 1e8))


@pytest.fixture
async def b24(portal: Portal, unlimited: MemoryRateLimiter) -> AsyncIterator[BitrixChat]:
    async with portal.client(limiter=unlimited) as client:
        yield client
