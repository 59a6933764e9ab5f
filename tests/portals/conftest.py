"""Portals that are known by webhooks, and those that never answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bitrix_chat import BitrixChat, WebhookAuth
from bitrix_chat.portals import Portals


class Known:
    """What an application's `auth` knows: a portal's webhook by its id; it remembers who was asked for."""

    def __init__(self, **webhooks: str) -> None:
        self.webhooks = webhooks
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, member_id: str) -> WebhookAuth | None:
        self.asked.append(member_id)
        await self.gate.wait()
        webhook = self.webhooks.get(member_id)
        return None if webhook is None else WebhookAuth(webhook)

    def portals(self, **options: Any) -> Portals:
        return Portals(self, allow_insecure_loopback=True, **options)


class Everybody(Known):
    """Knows every portal, at addresses that are never asked."""

    async def __call__(self, member_id: str) -> WebhookAuth | None:
        self.webhooks[member_id] = f"https://{member_id}.bitrix24.example/rest/1/secret/"
        return await super().__call__(member_id)


@pytest.fixture
def known() -> type[Known]:
    return Known


@pytest.fixture
def everybody() -> Callable[[], Everybody]:
    return Everybody


@pytest.fixture
def client_of() -> Callable[[Portals, str], Any]:
    async def use(portals: Portals, member_id: str) -> BitrixChat:
        async with portals.client(member_id) as b24:
            return b24

    return use
