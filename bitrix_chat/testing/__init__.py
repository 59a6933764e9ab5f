"""What users of the library test their own code with: a virtual clock, a scripted transport, pytest fixtures."""

from typing import TYPE_CHECKING

from bitrix_chat.lazy import importer

if TYPE_CHECKING:
    from bitrix_chat.testing.scripted import ScriptedTransport
    from bitrix_chat.testing.virtual_clock import VirtualClockLoop, on_virtual_clock, run_on_virtual_clock

__all__ = ["ScriptedTransport", "VirtualClockLoop", "on_virtual_clock", "run_on_virtual_clock"]

# pytest imports this package at every start, for the sake of its plugin.
__getattr__ = importer(
    __name__,
    {
        ".scripted": "ScriptedTransport",
        ".virtual_clock": "VirtualClockLoop on_virtual_clock run_on_virtual_clock",
    },
)
