"""The portal's counter in one key of a Redis server: `LeakyBucket`, word for word, on the server's clock.

Times are microseconds, levels and paces millionths of a request: integers that Lua's numbers hold exactly. What is
reserved is counted at once and leaves after the wait that is told, if no refusal came meanwhile: each begins another
epoch, and what was reserved in a former one is void. Where there is no key, nobody has sent for as long as the
bucket takes to drain; but on a server that has not been up for so long, its restart may have lost the count.
"""

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
local burst, leak, drains_in = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local PAUSE, RECOVERY = tonumber(ARGV[6]), tonumber(ARGV[7])
local ONE, SLOWEST = 1000000, 0.125

local level, at, epoch, paused, slowed, slowed_to, granted
local kept = {}
for number in string.gmatch(redis.call('GET', key) or '', '%S+') do
  kept[#kept + 1] = tonumber(number)
end
if #kept == 7 then
  level, at, epoch, paused, slowed, slowed_to, granted = unpack(kept)
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
  level = math.max(level, burst)
end

local text = string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f', level, at, epoch, paused, slowed, slowed_to, granted)
local empty_in = level / (leak * SLOWEST) + RECOVERY + 10
redis.call('SET', key, text, 'PX', string.format('%.0f', math.ceil(empty_in * 1000)))
return string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f',
  got, math.ceil(wait), epoch, level, pace, slowed_to, now - slowed, math.max(0, paused - now), granted)
"""

SCRIPT: Final = CLOCK + _BUCKET


def arguments(plan: Plan, action: str, epoch: int, *others: int) -> list[str | int | float]:
    """Return the script's arguments for what is to be done to a bucket of this plan."""
    limit = round(plan.burst * MILLION), round(plan.leak * MILLION), repr(plan.size / plan.leak)
    return [action, epoch, *limit, round(PAUSE * MILLION), repr(RECOVERY), *others]


@frozen
class Answer:
    """What the script answers.

    Attributes:
        got: slots that may be used at once.
        wait: seconds until the one that was reserved may be.
        epoch: which refusal was the last.
        facts: the bucket itself, by the loop's clock, for `LeakyBucket.recall`.
    """

    got: int
    wait: float
    epoch: int
    facts: tuple[float, ...]


def answer_of(raw: Any, plan: Plan, now: float) -> Answer:
    """Read what the script answered, taken for the state at the loop time `now`."""
    got, wait, epoch, level, pace, slowed_to, slowed_ago, paused_for, granted = map(int, raw.split())
    paused_until = now + paused_for / MILLION if paused_for else float("-inf")
    times = now, paused_until, now - slowed_ago / MILLION
    bucket = plan.size, plan.leak, level / MILLION, *times, pace / MILLION, slowed_to / MILLION, granted, epoch
    return Answer(got, wait / MILLION, epoch, bucket)
