"""The portal's limits, kept before they are met."""

from bitrix_chat.limits.bucket import ENTERPRISE, STANDARD, LeakyBucket, Plan
from bitrix_chat.limits.limiter import MemoryRateLimiter, RateLimiter
from bitrix_chat.limits.operating import OperatingBudget
from bitrix_chat.limits.sharing import shared_budget, shared_limiter

__all__ = [
    "ENTERPRISE",
    "STANDARD",
    "LeakyBucket",
    "MemoryRateLimiter",
    "OperatingBudget",
    "Plan",
    "RateLimiter",
    "shared_budget",
    "shared_limiter",
]
