"""The portal's counter in one key of a Redis server: `LeakyBucket`, word for word, on the server's clock.

Times are microseconds, levels and paces millionths of a request: integers that Lua's numbers hold exactly. What is
reserved is counted at once and leaves after the wait that is told, if no refusal came meanwhile: each begins another
epoch, and what was reserved in a former one is void. Where there is no key, nobody has sent for as long as the
bucket takes to drain; but on a server that has not been up for so long, its restart may have lost the count.

The plan is kept with it for a day, once somebody has said one: what was said last holds for all.
"""

from enum import IntEnum
from typing import Any, Final

from attrs import frozen

from bitrix_chat.limits.bucket import PAUSE, RECOVERY, Plan

MILLION: Final = 1_000_000

CLOCK: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""

_BUCKET: Final = """
local key, action, epoch_held = KEYS[1], ARGV[1], ARGV[2]
local size, leak, said = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local PAUSE, RECOVERY = tonumber(ARGV[6]), tonumber(ARGV[7])
local ONE, SLOWEST, DAY = 1000000, 0.125, 86400
local NOW, NEVER = 2, 0

local level, at, epoch, paused, slowed, slowed_to, granted
local kept = {}
for number in string.gmatch(redis.call('GET', key) or '', '%S+') do
  kept[#kept + 1] = tonumber(number)
end
local kept_size, kept_leak, former_size, former_leak = kept[8] or 0, kept[9] or 0, 0, 0
if said == NOW and kept_size > 0 and (kept_size ~= size or kept_leak ~= leak) then
  former_size, former_leak = kept_size, kept_leak
  kept[6] = leak
elseif said ~= NOW and kept_size > 0 then
  size, leak = kept_size, kept_leak
end
if said ~= NEVER or kept_size > 0 then
  kept_size, kept_leak = size, leak
end
local burst, drains_in = math.max(ONE, size - 2 * leak), size / leak
if #kept >= 7 then
  level, at, epoch, paused, slowed, slowed_to, granted = unpack(kept, 1, 7)
else
  level, at, epoch, paused, slowed, slowed_to, granted = 0, now, now, 0, 0, leak, 0
  local info = redis.pcall('INFO', 'server')
  local up = type(info) == 'string' and tonumber(string.match(info, 'uptime_in_seconds:(%d+)'))
  if not up or up < drains_in + 1 then level = burst end  -- it tells whole seconds
end
if at > now then  -- the clock was set back
  at, paused, slowed = now, math.min(paused, now + PAUSE), math.min(slowed, now)
end

local function shortfall(since)
  local seconds = math.min(since / ONE, RECOVERY)
  return seconds - seconds ^ 4 / (4 * RECOVERY ^ 3)
end
local lost, pace = leak * (now - at) / ONE, leak
if slowed_to < leak then
  lost = lost - (leak - slowed_to) * (shortfall(now - slowed) - shortfall(at - slowed))
  pace = slowed_to + (leak - slowed_to) * math.min(1, (now - slowed) / ONE / RECOVERY) ^ 3
end
level, at = math.max(0, level - lost), now

local is_held = epoch_held == string.format('%.0f', epoch)
local got, wait = 0, 0
if action == 'take' and is_held then
  got, granted = 1, granted + 1
elseif action == 'take' then
  local fitting = now < paused and 0 or math.floor((burst + 1 - level) / ONE)
  if fitting > 0 then
    got = math.min(fitting, tonumber(ARGV[8]))
    level, granted = level + got * ONE, granted + got
  else
    level = level + ONE
    wait = math.max(0, paused - now, (level - burst) / pace * ONE)
  end
elseif action == 'give' and is_held then
  level = math.max(0, level - (tonumber(ARGV[8]) + tonumber(ARGV[9])) * ONE)
  granted = granted - tonumber(ARGV[9])
elseif action == 'refuse' and now - tonumber(ARGV[8]) > slowed then
  local found = 0.9 * (granted - 1) * ONE / ((now - slowed) / ONE)
  slowed_to = math.max(leak * SLOWEST, pace / 2, math.min(pace, found))
  level, pace, paused, slowed, granted = burst, slowed_to, now + PAUSE, now, 0
  epoch = math.max(epoch + 1, now)
elseif action == 'fill' then
  level = math.max(level, burst + tonumber(ARGV[8]))
end

local text = string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f',
  level, at, epoch, paused, slowed, slowed_to, granted, kept_size, kept_leak)
local kept_for = math.max(level / (leak * SLOWEST) + RECOVERY + 10, kept_size > 0 and DAY or 0)
redis.call('SET', key, text, 'PX', string.format('%.0f', math.ceil(kept_for * 1000)))
return string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f',
  got, math.ceil(wait), epoch, level, pace, slowed_to, now - slowed, math.max(0, paused - now), granted,
  size, leak, former_size, former_leak)
"""

SCRIPT: Final = CLOCK + _BUCKET


class Said(IntEnum):
    """Whether whoever asks has said a plan, or takes what others have said."""

    NEVER = 0
    BEFORE = 1
    NOW = 2


def arguments(plan: Plan, action: str, epoch: int, *others: int, said: Said = Said.NEVER) -> list[str | int | float]:
    """Return the script's arguments for what is to be done to a bucket, of this plan where no other is kept."""
    return [action, epoch, *_told(plan), int(said), round(PAUSE * MILLION), repr(RECOVERY), *others]


def is_same(plan: Plan, other: Plan) -> bool:
    """Return whether two plans are the same as far as the server tells them apart."""
    return _told(plan) == _told(other)


def _told(plan: Plan) -> tuple[int, int]:
    return round(plan.size * MILLION), max(1, round(plan.leak * MILLION))


@frozen
class Answer:
    """What the script answers.

    Attributes:
        got: slots that may be used at once.
        wait: seconds until the one that was reserved may be.
        epoch: which refusal was the last.
        facts: the bucket itself, by the loop's clock, for `LeakyBucket.recall`.
        plan: the limit that is kept.
        former: the one that was kept before, where whoever asked has just said another.
    """

    got: int
    wait: float
    epoch: int
    facts: tuple[float, ...]
    plan: Plan
    former: Plan | None


def answer_of(raw: Any, plan: Plan, now: float) -> Answer:
    """Read what the script answered to one who keeps `plan`, taken for the state at the loop time `now`."""
    numbers = [int(number) for number in raw.split()]
    got, wait, epoch, level, pace, slowed_to, slowed_ago, paused_for, granted = numbers[:9]
    kept, former = (_plan_of(numbers[start], numbers[start + 1], plan) for start in (9, 11))
    plan = kept or plan
    paused_until = now + paused_for / MILLION if paused_for else float("-inf")
    times = now, paused_until, now - slowed_ago / MILLION
    bucket = plan.size, plan.leak, level / MILLION, *times, pace / MILLION, slowed_to / MILLION, granted, epoch
    return Answer(got, wait / MILLION, epoch, bucket, plan, former)


def _plan_of(size: int, leak: int, known: Plan) -> Plan | None:
    if (size, leak) == _told(known):
        return known
    return Plan(size / MILLION, leak / MILLION) if size else None
