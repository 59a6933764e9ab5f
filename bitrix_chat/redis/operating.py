"""Where machines put up what they know of a caller's operating times: a hash at a Redis server, one field a process."""

import hashlib
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from bitrix_chat.limits.shared_operating import REMEMBERED, Posted
from bitrix_chat.redis.reach import Reach
from bitrix_chat.redis.server import RedisServer

_MILLION: Final = 1_000_000

_SCRIPT: Final = """
local key, own, facts, remembered = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if facts == '' then
  redis.call('HDEL', key, own)
else
  redis.call('HSET', key, own, string.format('%.0f', now) .. ' ' .. facts)
  redis.call('PEXPIRE', key, string.format('%.0f', remembered / 1000))
end
local others = {}
local all = redis.call('HGETALL', key)
for index = 1, #all, 2 do
  local at, text = string.match(all[index + 1], '^(%d+) (.*)$')
  local age = at and math.max(0, now - tonumber(at))
  if not at or age > remembered then
    redis.call('HDEL', key, all[index])
  elseif all[index] ~= own then
    others[#others + 1] = string.format('%.0f', age)
    others[#others + 1] = text
  end
end
return others
"""


class RedisBoard:
    """A `Board` of one caller.

    Args:
        server: where it is.
        endpoint: the caller's REST address, of which only a hash leaves this process.
        limit: what the caller's clients take for the limit; those who say another keep apart.
    """

    def __init__(self, server: RedisServer, endpoint: str, limit: float | None) -> None:
        self._reach = Reach(server, "operating")
        said = "none" if limit is None else f"{limit:g}"
        self._key = server.key(hashlib.sha256(endpoint.encode()).hexdigest(), "operating", said)
        self._own = uuid4().hex

    async def swap(self, facts: str) -> Sequence[Posted]:
        """Put up `facts` and return what the others have up.

        Raises:
            RedisFailed: the server is away.
        """
        rows = await self._reach.run(_SCRIPT, [self._key], [self._own, facts, round(REMEMBERED * _MILLION)])
        return [Posted(int(age) / _MILLION, text) for age, text in zip(rows[::2], rows[1::2], strict=True)]
