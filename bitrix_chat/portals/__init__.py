"""Many portals in one process: one client each, one aiohttp session for all, and none of them slowed by another."""

from bitrix_chat.portals.errors import TooManyPortals, UnknownPortal
from bitrix_chat.portals.registry import Portals

__all__ = ["Portals", "TooManyPortals", "UnknownPortal"]
