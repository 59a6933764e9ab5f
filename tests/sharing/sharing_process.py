"""One of several processes that share a portal's limit and an application's token pair."""

import asyncio
import json
import os
import sys

from bitrix_chat import BitrixChat, OAuthAuth, Plan, Token, WebhookAuth
from bitrix_chat.redis.sharing import RedisSharing
from bitrix_chat.transport.host_sharing import HostSharing

PLAN = Plan(50, 10)
METHOD = "server.time"


def say(word):
    print(word, flush=True)  # noqa: T201  # whoever started us reads it


def sharing_at(place):
    return RedisSharing(place) if place.startswith("redis://") else HostSharing(place)


def auth_of(who):
    if isinstance(who, str):
        return WebhookAuth(who)
    token = Token(who["access"], who["refresh"], who["portal"], who["member"])
    return OAuthAuth(who["id"], who["secret"], token, authorization_server=who["server"])


async def call(place, who, count):
    """Call as often as told, all at once, and tell the process' number in each call."""
    sharing = sharing_at(place)
    try:
        async with BitrixChat(
            auth_of(who), shared=sharing, limiter=PLAN, coalesce=False, allow_insecure_loopback=True
        ) as b24:
            say("ready")
            sys.stdin.readline()
            say("begun")
            who_calls = {"PROCESS": os.getpid()}
            await asyncio.gather(*(b24.call(METHOD, who_calls) for _ in range(count)))
    finally:
        await sharing.close()


if __name__ == "__main__":
    asyncio.run(call(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])))
