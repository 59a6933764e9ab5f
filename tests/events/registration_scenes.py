"""Scenes of desired state: a declaration made true on the emulator, and what that wrote."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from bitrix_chat import BitrixChat
from bitrix_chat.events.desired import DesiredBot
from bitrix_chat.events.registration import Ensured, ensure_bot
from bitrix_chat.portal import Portal

TOKEN = "canary-of-the-bot"
READS = {"imbot.v2.Bot.get", "imbot.v2.Command.list", "imbot.v2.Event.get"}


def desired(**declared: Any) -> DesiredBot:
    """Declare a bot, by default one with no more than it must have."""
    return DesiredBot(**{"code": "weather", "name": "Weather", "token": TOKEN, **declared})


async def ensure(b24: BitrixChat, bot: DesiredBot | None = None, **options: Any) -> Ensured:
    """Make the declaration true."""
    return await ensure_bot(b24._transport, bot or desired(), **options)


def told(ensured: Ensured) -> list[tuple[Any, Any, Any]]:
    """Show the changes as plain rows."""
    return [
        (f"{change.command} {change.field}" if change.command else change.field, change.before, change.after)
        for change in ensured.changes
    ]


def writes_since(portal: Portal) -> Callable[[], dict[str, int]]:
    """Begin to count what is executed besides reading."""
    before = Counter(portal.executions)
    return lambda: {method: n for method, n in (portal.executions - before).items() if method not in READS}
