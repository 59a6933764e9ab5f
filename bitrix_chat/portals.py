"""Many portals in one process: one client each, one aiohttp session for all, and none of them slowed by another."""
