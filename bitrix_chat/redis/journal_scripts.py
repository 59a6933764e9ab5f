"""What a journal does in Redis, each operation one script: done whole or not at all, and the same when done twice.

Of each journal there are eight keys: the run, the lease, and by an intent's number its record (key and spec), its head
(how far it has come), its error; the numbers of keys, the numbers in order, and how many are in each state. A head is

    state attempts token sent_at uptime machine departed chat_id

with `-` for what is not there. Its first three words say whose turn it is: the token is new with each departure.
"""

from typing import Final

_NAMES: Final = """
local RUN, LEASE, RECORDS, HEADS, ERRORS, KEYS_OF, NUMBERS, TALLY = unpack(KEYS)

local function refused(fence)
  if redis.call('HEXISTS', RUN, 'method') == 0 then return 'missing' end
  if fence ~= '' and redis.call('GET', LEASE) ~= fence then return 'lost' end
  return nil
end

local function turn(head) return string.match(head, '^(%S+) (%S+ %S+) (.*)$') end

local function now()
  local time = redis.call('TIME')
  return string.format('%.0f', time[1] * 1000000 + time[2])
end

local function count(moved)
  for state, difference in pairs(moved) do
    if difference ~= 0 then redis.call('HINCRBY', TALLY, state, difference) end
  end
end
"""

BEGIN: Final = (
    _NAMES
    + """
local fence = ARGV[1]
local holder = redis.call('GET', LEASE)
if fence ~= '' and holder ~= fence then return {'lost'} end
if redis.call('HEXISTS', RUN, 'method') == 0 then
  if fence == '' and holder then return {'taken'} end
  for i = 2, #ARGV, 2 do redis.call('HSET', RUN, ARGV[i], ARGV[i + 1]) end
end
return {'ok', redis.call('HGETALL', RUN)}
"""
)
"""Makes a journal if there is none: the lease's owner ('' without one), and the fields of the run."""

STAGE: Final = """
redis.call('DEL', KEYS[1])
for i = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {'ok'}
"""
"""Brings a part of what is to be added at once, where it is too much for one command."""

FORGET: Final = """
for _, key in ipairs(KEYS) do redis.call('DEL', key) end
return {'ok'}
"""
"""Forgets what was brought, once it is added."""

ADD: Final = (
    _NAMES
    + """
local fence = ARGV[1]
local why = refused(fence)
if why then return {why} end
if fence == '' and redis.call('EXISTS', LEASE) == 1 then return {'taken'} end
local rows = {}
if #KEYS == 8 then
  for i = 2, #ARGV do rows[i - 1] = ARGV[i] end
else
  for i = 9, #KEYS do
    local staged = redis.call('LRANGE', KEYS[i], 0, -1)
    if #staged == 0 then return {'unstaged'} end
    for _, value in ipairs(staged) do rows[#rows + 1] = value end
  end
end
local free = tonumber(redis.call('HGET', RUN, 'free') or '0')
local by_key, placed, new, moved = {}, {}, {}, {}
local numbers, known, heads, errors = {}, {}, {}, {}
for i = 1, #rows, 5 do
  local number, key, record = rows[i], rows[i + 1], rows[i + 2]
  local at = nil
  if key ~= '' then
    at = by_key[key] or redis.call('HGET', KEYS_OF, key)
  elseif placed[number] or redis.call('HEXISTS', RECORDS, number) == 1 then
    at = number
  end
  if at then
    if (placed[at] or redis.call('HGET', RECORDS, at)) ~= record then return {'reused', (i - 1) / 5} end
    if not placed[at] then
      known[#known + 1] = at
      heads[#heads + 1] = redis.call('HGET', HEADS, at)
      local failed = redis.call('HGET', ERRORS, at)
      if failed then errors[#errors + 1] = at; errors[#errors + 1] = failed end
    end
  else
    at = number
    if key ~= '' then at = string.format('%.0f', free); by_key[key] = at end
    placed[at] = record
    free = math.max(free, tonumber(at) + 1)
    new[#new + 1] = {at, i}
  end
  numbers[#numbers + 1] = at
end
for _, each in ipairs(new) do
  local at, i = each[1], each[2]
  local state = turn(rows[i + 3])
  redis.call('HSET', RECORDS, at, rows[i + 2])
  redis.call('HSET', HEADS, at, rows[i + 3])
  redis.call('ZADD', NUMBERS, at, at)
  if rows[i + 1] ~= '' then redis.call('HSET', KEYS_OF, rows[i + 1], at) end
  if rows[i + 4] ~= '' then redis.call('HSET', ERRORS, at, string.sub(rows[i + 4], 2)) end
  moved[state] = (moved[state] or 0) + 1
end
count(moved)
redis.call('HSET', RUN, 'free', string.format('%.0f', free))
return {'ok', table.concat(numbers, ' '), table.concat(known, ' '), table.concat(heads, '\\n'), errors, now()}
"""
)
"""Keeps intents that are new: the lease's owner, and of each its number, `k` and its key, record, head, `e` and error.

Refused before anything is written, if one is there with another record.
"""

READ: Final = (
    _NAMES
    + """
local why = refused('')
if why then return {why} end
local numbers
if ARGV[1] == 'keys' then
  numbers = {}
  for i = 5, #ARGV do
    local at = redis.call('HGET', KEYS_OF, ARGV[i])
    if at and tonumber(at) > tonumber(ARGV[2]) then numbers[#numbers + 1] = at end
  end
  table.sort(numbers, function(one, other) return tonumber(one) < tonumber(other) end)
else
  numbers = redis.call('ZRANGEBYSCORE', NUMBERS, '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])
end
local found, heads, records, errors, size = {}, {}, {}, {}, 0
for _, at in ipairs(numbers) do
  if #found >= tonumber(ARGV[3]) or size > tonumber(ARGV[4]) then break end
  if found[#found] ~= at then
    found[#found + 1] = at
    heads[#heads + 1] = redis.call('HGET', HEADS, at)
    records[#records + 1] = redis.call('HGET', RECORDS, at)
    size = size + #records[#records]
    local failed = redis.call('HGET', ERRORS, at)
    if failed then
      errors[#errors + 1] = at
      errors[#errors + 1] = failed
      size = size + #failed
    end
  end
end
return {'ok', now(), table.concat(found, ' '), table.concat(heads, '\\n'), records, errors}
"""
)
"""Reads intents: `all` or `keys`, the number before, how many, how many bytes about, and the keys."""

COUNT: Final = (
    _NAMES
    + """
local why = refused('')
if why then return {why} end
if ARGV[1] == 'all' then return {'ok', redis.call('ZCARD', NUMBERS)} end
local seen, number = {}, 0
for i = 2, #ARGV do
  if not seen[ARGV[i]] and redis.call('HEXISTS', KEYS_OF, ARGV[i]) == 1 then number = number + 1 end
  seen[ARGV[i]] = true
end
return {'ok', number}
"""
)
"""Counts intents: `all`, or `keys` and the keys."""

DEPART: Final = (
    _NAMES
    + """
local fence, token, sent_at, uptime, machine = unpack(ARGV, 1, 5)
local why = refused(fence)
if why then return {why} end
if fence == '' and redis.call('EXISTS', LEASE) == 1 then return {'taken'} end
local leaving, moved = {}, {sent = 0}
for i = 6, #ARGV, 2 do
  local head = redis.call('HGET', HEADS, ARGV[i])
  if not head then return {'unknown'} end
  local state, whose, rest = turn(head)
  if string.sub(whose, -#token) == token then
    if state ~= 'sent' and ARGV[i + 1] ~= '' then return {'overtaken'} end
  else
    if ARGV[i + 1] ~= '' and ARGV[i + 1] ~= state .. ' ' .. whose then return {'overtaken'} end
    if state == 'done' then return {'ended'} end
    whose = string.format('%.0f', tonumber(string.match(whose, '^%S+')) + 1) .. ' ' .. token
    moved[state] = (moved[state] or 0) - 1
    moved.sent = moved.sent + 1
    state = 'sent'
  end
  if state == 'sent' then leaving[#leaving + 1] = {ARGV[i], whose, string.match(rest, '%S+$')} end
end
local departed = now()
for _, each in ipairs(leaving) do
  local number, whose, chat = unpack(each)
  redis.call('HSET', HEADS, number, table.concat({'sent', whose, sent_at, uptime, machine, departed, chat}, ' '))
end
count(moved)
if #ARGV > 5 then redis.call('HSET', RUN, 'sent_at', sent_at) end
return {'ok'}
"""
)
"""Marks intents as sent: the lease's owner, the token of this departure, wall clock, uptime, machine, and of each its
number and the turn at which it must be, '' for any.

Once more with the same token, it says of those that are still sent that they leave later than was said.
"""

FINISH: Final = (
    _NAMES
    + """
local fence = ARGV[1]
local why = refused(fence)
if why then return {why} end
for i = 2, #ARGV, 5 do
  local head = redis.call('HGET', HEADS, ARGV[i])
  if not head then return {'unknown'} end
  if ARGV[i + 4] ~= '' then
    local state, whose = turn(head)
    local expected, theirs = string.match(ARGV[i + 4], '^(%S+) (.*)$')
    if whose ~= theirs or (state ~= expected and state ~= ARGV[i + 1]) then return {'overtaken'} end
  end
end
local moved = {}
for i = 2, #ARGV, 5 do
  local number, ending, chat, failed = unpack(ARGV, i, i + 3)
  local state, whose, rest = turn(redis.call('HGET', HEADS, number))
  redis.call('HSET', HEADS, number, ending .. ' ' .. whose .. ' ' .. string.match(rest, '^(.* )%S+$') .. chat)
  if failed == '' then redis.call('HDEL', ERRORS, number)
  else redis.call('HSET', ERRORS, number, string.sub(failed, 2)) end
  moved[state] = (moved[state] or 0) - 1
  moved[ending] = (moved[ending] or 0) + 1
end
count(moved)
return {'ok'}
"""
)
"""Writes down what became of intents: the lease's owner, and of each its number, state, chat, `e` and error, and the
turn at which it must be, '' for any.
"""

NOTE: Final = (
    _NAMES
    + """
local why = refused(ARGV[1])
if why then return {why} end
for i = 2, #ARGV, 2 do redis.call('HSET', RUN, ARGV[i], ARGV[i + 1]) end
return {'ok'}
"""
)
"""Writes down what was learned of the run: the lease's owner, and fields."""

DELETE: Final = (
    _NAMES
    + """
local fence, even_open, version = unpack(ARGV)
local holder = redis.call('GET', LEASE)
if fence ~= '' and holder ~= fence then return {'lost'} end
if fence == '' and holder then return {'taken'} end
if (redis.call('HGET', RUN, 'version') or version) ~= version then return {'later'} end
if even_open == '' then
  for _, state in ipairs({'pending', 'sent', 'unknown'}) do
    if tonumber(redis.call('HGET', TALLY, state) or '0') > 0 then return {'open'} end
  end
end
redis.call('UNLINK', RUN, RECORDS, HEADS, ERRORS, KEYS_OF, NUMBERS, TALLY)
return {'ok'}
"""
)
"""Deletes a journal, all of it in one step; the server gives the memory back afterwards, beside its work.

The lease's owner ('' without one), whether it goes although it has open ends ('' for no), and the version known here.
"""

LOOK: Final = (
    _NAMES
    + """
return {'ok', redis.call('HGETALL', RUN), redis.call('HGETALL', TALLY)}
"""
)
"""Reads the run and how many intents are in each state."""
