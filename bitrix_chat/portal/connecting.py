"""The one bridge from the emulator to the client: it hands out clients that may speak plain http to it."""

from collections.abc import Mapping
from typing import Any

from bitrix_chat.auth.strategy import AuthStrategy
from bitrix_chat.auth.webhook import WebhookAuth
from bitrix_chat.client import BitrixChat


def client_of(webhook_url: str, auth: AuthStrategy | None, options: Mapping[str, Any]) -> BitrixChat:
    """Return a client by a strategy, or by the webhook without one."""
    return BitrixChat(auth or WebhookAuth(webhook_url), **{"allow_insecure_loopback": True, **options})
