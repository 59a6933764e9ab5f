"""Scenes that several rows share: a client behind a troubled proxy, and a later look."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from bitrix_chat import BitrixChat, WebhookAuth
from bitrix_chat.portal import Fault, Plan, Portal
from bitrix_chat.portal.front import Received
from tests.faults.proxy import Proxy
from tests.faults.trouble import Trouble

T = TypeVar("T")

QUIESCENCE = 1.0
EXECUTION_LIMIT = 0.5


@asynccontextmanager
async def behind(*troubles: Trouble | Fault, **options: Any) -> AsyncIterator[tuple[Portal, Proxy, BitrixChat]]:
    """A client that reaches the portal through a proxy, with troubles in line at one or the other."""
    async with Portal(plan=Plan.UNLIMITED, execution_limit=EXECUTION_LIMIT) as portal, Proxy(portal.url) as proxy:
        for trouble in troubles:
            (portal.faults if isinstance(trouble, Fault) else proxy).add(trouble)
        webhook = WebhookAuth(proxy.url_of(portal.webhook_url))
        async with portal.client(webhook, **{"quiescence": QUIESCENCE, **options}) as b24:
            yield portal, proxy, b24


async def at(seconds: float, look: Callable[[], T]) -> T:
    """Look at something after some seconds."""
    await asyncio.sleep(seconds)
    return look()


def outcomes(results: Iterable[Any]) -> str:
    """Say how often which outcome came up, in the order of the first of each."""
    counted = Counter(result.outcome.name for result in results)
    return ", ".join(f"{count} {name}" for name, count in counted.items())


def commands_of(received: Received) -> list[str]:
    """Return the commands of a batch; none of a call that came alone."""
    commands = received.params.get("cmd", [])
    return list(commands.values() if isinstance(commands, dict) else commands)


def sizes(portal: Portal, method: str) -> list[int]:
    """Return how many calls of a method came in each request that held any, in order."""
    counts = (
        sum(command.partition("?")[0] == method for command in commands_of(received)) + (received.method == method)
        for received in portal.requests
    )
    return [count for count in counts if count]
