"""Counters at a Redis server, as tests need them at the start."""

import time

from redis import Redis

from bitrix_chat import Plan
from bitrix_chat.redis.limiter_script import MILLION


def drain(url: str, portal: str, plan: Plan) -> None:
    """Have a portal's counter stand at nothing: a server that has just been started takes it for full."""
    now = time.time_ns() // 1000
    with Redis.from_url(url) as redis:
        redis.set(f"bitrix_chat:{{{portal}}}:limit", f"0 {now} {now} 0 0 {round(plan.leak * MILLION)} 0")
