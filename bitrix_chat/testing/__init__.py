"""What users of the library test their own code with: a virtual clock, a scripted transport, pytest fixtures."""

from bitrix_chat.testing.scripted import ScriptedTransport
from bitrix_chat.testing.virtual_clock import VirtualClockLoop, on_virtual_clock, run_on_virtual_clock

__all__ = ["ScriptedTransport", "VirtualClockLoop", "on_virtual_clock", "run_on_virtual_clock"]
