"""Which sharing is meant: a word for this host, the address of a Redis server, or one of one's own."""

from typing import TypeAlias

from bitrix_chat.errors import InvalidParameter
from bitrix_chat.transport.sharing import LoopSharing, Sharing

Shared: TypeAlias = str | Sharing
"""`"host"`, `"redis://..."` (also `rediss://`, `unix://`), or a `Sharing`."""

_ADDRESSES = ("redis://", "rediss://", "unix://")


def sharing_of(shared: Shared | None) -> tuple[Sharing, bool]:
    """Return the sharing that is meant, and whether whoever asked has to close it.

    Raises:
        InvalidParameter: it is none of what `Shared` allows.
        ImportError: an address was given, and the extra `redis` is not installed.
    """
    if shared is None:
        return LoopSharing(), True
    if shared == "host":
        from bitrix_chat.transport.host_sharing import HostSharing  # noqa: PLC0415  # only where it is asked for

        return HostSharing(), True
    if isinstance(shared, str) and shared.startswith(_ADDRESSES):
        from bitrix_chat.redis.sharing import RedisSharing  # noqa: PLC0415  # an extra

        return RedisSharing(shared), True
    if isinstance(shared, Sharing) and not isinstance(shared, type):
        return shared, False
    # Not the value: a mistyped address may hold a password.
    said = "another text" if isinstance(shared, str) else type(shared).__name__
    raise InvalidParameter(f"`shared` is {said}, not 'host', 'redis://...' or a Sharing")
