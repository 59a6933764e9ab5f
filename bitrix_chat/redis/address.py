"""From an address to connections: what is wrong with it is found before the first, and none outlives the pool."""

from typing import Any, Final
from urllib.parse import urlsplit

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.rest.tracebacks import discreet

try:
    from redis.asyncio import BlockingConnectionPool
    from redis.asyncio.connection import parse_url
except ModuleNotFoundError:
    raise ImportError('this module needs its extra: pip install "bitrix-chat[redis]"') from None

_SCHEMES: Final = ("redis", "rediss", "unix")
_UNREADABLE: Final = "the address of a Redis server cannot be read; percent-encode the password"


@discreet
def place_of(url: str) -> str:
    """Return where a server is, without password.

    What redis-py would fail on later, and quote the address, fails here without it.

    Raises:
        InvalidParameter: it is no address, or its password is not percent-encoded.
    """
    if not isinstance(url, str) or url.partition("://")[0] not in _SCHEMES:
        raise InvalidParameter("the address of a Redis server is redis://, rediss:// or unix://, not this")
    try:
        parts, _ = urlsplit(url), parse_url(url)
        host, port = parts.hostname or "localhost", parts.port or 6379
    except (ValueError, TypeError):
        raise InvalidParameter(_UNREADABLE) from None
    is_given, beyond = "@" in parts.netloc, parts.path + parts.fragment
    if "@" in beyond or (not is_given and ("@" in parts.query or parts.netloc.startswith(":"))):
        raise InvalidParameter(_UNREADABLE)
    return parts.path if parts.scheme == "unix" else f"{host}:{port}"


class LastPool(BlockingConnectionPool):
    """A pool that keeps no connection once it was closed, whoever comes back late with one."""

    is_closed = False

    async def aclose(self) -> None:
        """Close all connections, for good."""
        self.is_closed = True
        await super().aclose()

    async def release(self, connection: Any) -> None:
        """Take a connection back."""
        await super().release(connection)
        if self.is_closed:
            await connection.disconnect()
