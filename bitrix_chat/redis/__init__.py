"""What machines share by a Redis or Valkey server: the one package that imports redis-py, by the extra `redis`."""

from typing import TYPE_CHECKING, Any

from bitrix_chat.lazy import importer

if TYPE_CHECKING:
    from bitrix_chat.redis.errors import LeaseLost, RedisAway, RedisClosed, RedisFailed, RedisNotDurable
    from bitrix_chat.redis.event_store import RedisEventStore
    from bitrix_chat.redis.journal import RedisJournal
    from bitrix_chat.redis.lease import RedisLease
    from bitrix_chat.redis.limiter import RedisRateLimiter
    from bitrix_chat.redis.server import RedisServer
    from bitrix_chat.redis.shared_journal import SharedRedisJournal
    from bitrix_chat.redis.sharing import RedisSharing
    from bitrix_chat.redis.token_store import RedisTokenStore

__all__ = [
    "LeaseLost",
    "RedisAway",
    "RedisClosed",
    "RedisEventStore",
    "RedisFailed",
    "RedisJournal",
    "RedisLease",
    "RedisNotDurable",
    "RedisRateLimiter",
    "RedisServer",
    "RedisSharing",
    "RedisTokenStore",
    "SharedRedisJournal",
]

_import = importer(
    __name__,
    {
        ".errors": "LeaseLost RedisAway RedisClosed RedisFailed RedisNotDurable",
        ".event_store": "RedisEventStore",
        ".journal": "RedisJournal",
        ".lease": "RedisLease",
        ".limiter": "RedisRateLimiter",
        ".server": "RedisServer",
        ".shared_journal": "SharedRedisJournal",
        ".sharing": "RedisSharing",
        ".token_store": "RedisTokenStore",
    },
)


def __getattr__(name: str) -> Any:
    return _import(name)


def __dir__() -> list[str]:
    return __all__
