"""What every test may use: an emulated portal and a client of it."""

from collections.abc import AsyncIterator

import pytest

from bitrix_chat import BitrixChat, MemoryRateLimiter, Plan
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from tests.conformance.summary import pytest_terminal_summary

# Here and not beside the suite: the controller of a parallel run loads this file alone.
__all__ = ["pytest_terminal_summary"]


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
