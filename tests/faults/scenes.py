"""Scenes that several rows share: a client behind a troubled proxy, and a later look."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from bitrix_chat import BitrixChat, WebhookAuth
from bitrix_chat.portal import Fault, Plan, Portal
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
