"""What an event store does in Redis, each operation one script: done whole or not at all, and harmless when done twice.

Posted events: their keys with number and expiry, their bodies by number as long as they wait, the numbers that wait,
and the keys of what is finished by the moment at which they are forgotten. Dead letters: bodies and numbers by key.
Moments are seconds, by the server's clock unless one is given.
"""

from typing import Final

_NAMES: Final = """
local COUNTS, POSTED, BODIES, WAITING, FINISHED, BURIED, GRAVES = unpack(KEYS)

local function moment(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] + time[2] / 1000000
end
"""

KEEP: Final = (
    _NAMES
    + """
local key, body, ttl, limit = unpack(ARGV, 2, 5)
local now = moment(ARGV[1])
for _, old in ipairs(redis.call('ZRANGEBYSCORE', FINISHED, '-inf', string.format('%.6f', now), 'LIMIT', 0, 100)) do
  redis.call('HDEL', POSTED, old)
  redis.call('ZREM', FINISHED, old)
end
local known = redis.call('HGET', POSTED, key)
if known then
  local number, expires = string.match(known, '^(%S+) (%S+)$')
  if redis.call('ZSCORE', WAITING, number) or tonumber(expires) > now then return {'known'} end
end
local waiting = redis.call('ZCARD', WAITING)
if waiting >= tonumber(limit) then return {'full', waiting} end
local number = redis.call('HINCRBY', COUNTS, 'posted', 1)
redis.call('HSET', POSTED, key, string.format('%d %.6f', number, now + tonumber(ttl)))
redis.call('ZREM', FINISHED, key)
redis.call('HSET', BODIES, number, string.format('%.6f ', now) .. body)
redis.call('ZADD', WAITING, number, number)
return {'kept'}
"""
)
"""Keeps a posted event: the moment, its key, its body, its time to live, and how many may wait."""

PENDING: Final = (
    _NAMES
    + """
local numbers = redis.call('ZRANGEBYSCORE', WAITING, '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])
local bodies = {}
for i, number in ipairs(numbers) do bodies[i] = redis.call('HGET', BODIES, number) end
return {redis.call('HGET', COUNTS, 'posted') or '0', numbers, bodies}
"""
)
"""Reads what waits: the number before, and how many."""

FINISH: Final = (
    _NAMES
    + """
local known = redis.call('HGET', POSTED, ARGV[1])
if not known then return 0 end
local number, expires = string.match(known, '^(%S+) (%S+)$')
redis.call('HDEL', BODIES, number)
if redis.call('ZREM', WAITING, number) == 1 then redis.call('ZADD', FINISHED, expires, ARGV[1]) end
return 1
"""
)
"""Remembers of a posted event its key alone."""

BURY: Final = (
    _NAMES
    + """
local number = redis.call('HINCRBY', COUNTS, 'buried', 1)
redis.call('HSET', BURIED, ARGV[2], string.format('%.6f ', moment(ARGV[1])) .. ARGV[3])
redis.call('ZADD', GRAVES, number, ARGV[2])
return 1
"""
)
"""Keeps a dead letter: the moment, its key, and all of it."""

DEAD: Final = (
    _NAMES
    + """
local keys = redis.call('ZRANGEBYSCORE', GRAVES, '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])
local numbers, letters = {}, {}
for i, key in ipairs(keys) do
  numbers[i] = redis.call('ZSCORE', GRAVES, key)
  letters[i] = redis.call('HGET', BURIED, key)
end
return {numbers, letters}
"""
)
"""Reads dead letters: the number before, and how many."""

EXHUME: Final = (
    _NAMES
    + """
redis.call('ZREM', GRAVES, ARGV[1])
return redis.call('HDEL', BURIED, ARGV[1])
"""
)
"""Forgets a dead letter."""

_HANDLED: Final = """
local HANDLED, LEASE = unpack(KEYS)

local function seconds(given)
  return given ~= '' and math.floor(tonumber(given)) or tonumber(redis.call('TIME')[1])
end
"""

MARK: Final = (
    _HANDLED
    + """
local owner, most, memory = ARGV[2], tonumber(ARGV[3]), ARGV[4]
if owner ~= '' and redis.call('GET', LEASE) ~= owner then return 0 end
local last = redis.call('ZREVRANGE', HANDLED, 0, 0, 'WITHSCORES')
local place = seconds(ARGV[1]) * 2097152
if last[2] then place = math.max(place, tonumber(last[2]) + 1) end
for i = 5, #ARGV do
  redis.call('ZADD', HANDLED, string.format('%.0f', place), ARGV[i])
  place = place + 1
end
redis.call('ZREMRANGEBYRANK', HANDLED, 0, -most - 1)
redis.call('EXPIRE', HANDLED, memory)
return 1
"""
)
"""Remembers ids as handled last: the moment, the lease's owner ('' without one), how many at most, for how long, ids.

They are in the order in which they came, whatever the clock does: a place is the second and a number within it.
"""

HANDLED: Final = (
    _HANDLED
    + """
local since = (seconds(ARGV[1]) - tonumber(ARGV[2])) * 2097152
return redis.call('ZRANGEBYSCORE', HANDLED, string.format('%.0f', since), '+inf')
"""
)
"""Reads ids: the moment, and how many seconds back."""
