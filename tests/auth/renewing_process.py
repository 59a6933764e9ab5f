"""One of several processes that share a token file: renews what it has, again and again."""

import asyncio
import sys

from bitrix_chat.auth import FileTokenStore, OAuthAuth


async def _renew(server: str, path: str, times: int) -> None:
    auth = OAuthAuth("local.app", "canary-client-secret", store=FileTokenStore(path), authorization_server=server)
    for _ in range(times):
        rejected = await auth.credentials()
        await asyncio.gather(*(auth.renew(rejected) for _ in range(3)))


if __name__ == "__main__":
    asyncio.run(_renew(sys.argv[1], sys.argv[2], int(sys.argv[3])))
