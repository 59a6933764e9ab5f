"""What users of the library test their own code with: a virtual clock, a scripted transport, a fake bot, fixtures."""

from typing import TYPE_CHECKING

from bitrix_chat.lazy import importer

if TYPE_CHECKING:
    from bitrix_chat.testing.event_builders import (
        bot_deleted,
        command_added,
        context_opened,
        event_of,
        joined_chat,
        message_added,
        message_deleted,
        message_updated,
        reaction_changed,
    )
    from bitrix_chat.testing.fake_bot import FakeBot
    from bitrix_chat.testing.scripted import ScriptedTransport
    from bitrix_chat.testing.virtual_clock import VirtualClockLoop, on_virtual_clock, run_on_virtual_clock

__all__ = [
    "FakeBot",
    "ScriptedTransport",
    "VirtualClockLoop",
    "bot_deleted",
    "command_added",
    "context_opened",
    "event_of",
    "joined_chat",
    "message_added",
    "message_deleted",
    "message_updated",
    "on_virtual_clock",
    "reaction_changed",
    "run_on_virtual_clock",
]

# pytest imports this package at every start, for the sake of its plugin.
__getattr__ = importer(
    __name__,
    {
        ".event_builders": "bot_deleted command_added context_opened event_of joined_chat message_added message_deleted"
        " message_updated reaction_changed",
        ".fake_bot": "FakeBot",
        ".scripted": "ScriptedTransport",
        ".virtual_clock": "VirtualClockLoop on_virtual_clock run_on_virtual_clock",
    },
)
