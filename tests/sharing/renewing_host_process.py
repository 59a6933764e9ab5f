"""One of several processes whose clients share an application's pair: all of them meet that it has expired."""

import asyncio
import sys

from bitrix_chat import BitrixChat, OAuthAuth, Token
from tests.sharing.sharing_process import say, sharing_at


async def renew(place, server, *pair):
    """Renew what is known before anybody has renewed it, several times at once."""
    sharing = sharing_at(place)
    auth = OAuthAuth("local.app", "canary-client-secret", Token(*pair), authorization_server=server)
    try:
        async with BitrixChat(auth, shared=sharing):
            rejected = await auth.credentials()
            say("ready")
            sys.stdin.readline()
            say("begun")
            await asyncio.gather(*(auth.renew(rejected) for _ in range(3)))
    finally:
        await sharing.close()


if __name__ == "__main__":
    asyncio.run(renew(*sys.argv[1:]))
