"""The Redis or Valkey server between `bulk --workers` and its workers: looked at before anything is given to it."""

from bitrix_chat import InvalidParameter, Outcome
from bitrix_chat.cli.text_files import given


async def server_of(option: str, address: str) -> str:
    """Return the address of a server that answers and keeps what it is given.

    Args:
        option: what the address was given as.
        address: the address, or `@FILE`.

    Raises:
        InvalidParameter: it is no address, or the server would forget, or the extra is not installed.
        RedisFailed: nobody answers there.
    """
    try:
        from bitrix_chat.redis.errors import RedisFailed, RedisNotDurable  # noqa: PLC0415  # an extra
        from bitrix_chat.redis.server import RedisServer  # noqa: PLC0415
    except ImportError as error:
        raise InvalidParameter(f"{option}: {error}") from None
    url = given(option, address) or ""
    try:
        server = RedisServer(url)
    except InvalidParameter as error:
        raise InvalidParameter(f"{option}: {error.description}") from None
    try:
        await server.require_durability()
    except RedisNotDurable as error:
        raise InvalidParameter(f"{option}: {error.description}") from None
    except RedisFailed as error:
        said = f"{option}: {error.description}: check the address, its password, and that a server runs there"
        raise RedisFailed(said, outcome=Outcome.NOT_SENT) from None
    finally:
        await server.close()
    return url
