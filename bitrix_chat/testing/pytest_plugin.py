"""Fixtures for anyone's tests, loaded by pytest as soon as the package is installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bitrix_chat.portal import Portal


@pytest.fixture
def bitrix_portal() -> Iterator["Portal"]:
    """An emulated portal without a request limit, in a thread of its own: `bitrix_portal.webhook_url`."""
    from bitrix_chat.portal import Plan, Portal  # noqa: PLC0415  # most test sessions never ask for it

    with Portal(plan=Plan.UNLIMITED).in_thread() as portal:
        yield portal
