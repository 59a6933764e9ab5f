"""What every test may use: an emulated portal and a client of it."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bitrix_chat import BitrixChat, MemoryRateLimiter, Plan
from bitrix_chat.portal import Plan as PortalPlan
from bitrix_chat.portal import Portal
from tests import redis_server
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


@pytest.fixture(scope="session")
def _redis_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if redis_server.URL in os.environ:
        yield redis_server.named()
        return
    with redis_server.running(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def redis_url(_redis_for_all: str) -> str:
    """The address of a real, empty Redis or Valkey server that keeps an append-only file."""
    from redis import Redis

    with Redis.from_url(_redis_for_all) as redis:
        redis.flushdb()
    return _redis_for_all


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[redis_server.LocalServer]:
    """A server for one test alone, to be stopped, frozen and started again."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server.running(folder) as server:
        yield server
