"""The portal's limits, kept before they are met."""

from bitrix_chat.limits.bucket import ENTERPRISE, STANDARD, LeakyBucket, Plan
from bitrix_chat.limits.limiter import MemoryRateLimiter, RateLimiter, shared_limiter
from bitrix_chat.limits.operating import OperatingBudget

__all__ = [
    "ENTERPRISE",
    "STANDARD",
    "LeakyBucket",
    "MemoryRateLimiter",
    "OperatingBudget",
    "Plan",
    "RateLimiter",
    "shared_limiter",
]
