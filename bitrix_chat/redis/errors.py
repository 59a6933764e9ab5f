"""What can go wrong with a Redis server; the portal has no part in it."""

from bitrix_chat.errors import BitrixError
from bitrix_chat.outcomes import Outcome


class RedisFailed(BitrixError):
    """The Redis server did not do what it was asked for; it may be away. Ask again once it is back."""

    default_outcome = Outcome.REFUSED_TEMPORARY


class RedisAway(RedisFailed):
    """The Redis server cannot be reached, or does not answer in time; what was asked for may have been done."""


class RedisNotDurable(RedisFailed):
    """The Redis server would forget: what must survive is not given to it until it is set up for that."""

    default_outcome = Outcome.NOT_SENT


class LeaseLost(RedisFailed):
    """Another has taken over what was held, since this process did not renew its lease in time; it must stop."""


class RedisClosed(RedisFailed):
    """The `RedisServer` was closed in this event loop; nothing was sent."""

    default_outcome = Outcome.NOT_SENT
