-- Puts a task into the queue.
--
-- KEYS[1..4]  see the prelude
-- KEYS[5]     later: sorted set of places, by when each may be taken
-- KEYS[6]     arrivals: stream
-- KEYS[7]     services: set of those for which something was ever queued
-- ARGV[1..5]  see the prelude
-- ARGV[6]     what the record must still be: see `unchanged` in helpers.lua
-- ARGV[7]     the lanes of its service and priority
-- ARGV[8..10] service, user id, task id
-- ARGV[11]    milliseconds for which nobody is to take it
-- ARGV[12]    seconds that what is queued has to live
--
-- An answer of done has a second element, unless it is given to a later copy: 1 if the task is new in the queue, else 0. May
-- answer changed and held.

local lane = ARGV[7] .. ':' .. ARGV[9]
local wrong = wrong_types(5, 4) or wrong_kinds(5, 'zset', 'stream', 'set') or wrong_type(lane, 'zset')
  or wrong_type(ARGV[7], 'zset')
if wrong then
  return wrong
elseif not unchanged(ARGV[6]) then
  return {'changed'}
end
local run, has_ended = lease()
local known = redis.call('HGET', metadata, 'queue')
if known then
  -- What is said to be in the queue is there, or in the hands of a run: else it is queued anew.
  local is_there = run
  for _, key in ipairs({string.match(known, '^%S+') or KEYS[5], KEYS[5], 'task-state:queue-taken'}) do
    local at = redis.pcall('ZSCORE', key, known)
    is_there = is_there or (type(at) == 'string' and at)
  end
  if is_there then
    local answer = done()
    answer[2] = 0
    return answer
  end
  leave_queue(known)
end
if run and not has_ended then
  return {'held'}
end

local place = string.format('%s %s %d', lane, ARGV[10], time[1] * 1000000 + time[2])
redis.call('HSET', metadata, 'queue', place)
if redis.call('TTL', metadata) < 0 then
  redis.call('EXPIRE', metadata, ARGV[12])
end
if ARGV[11] ~= '0' then
  redis.call('ZADD', KEYS[5], now + ARGV[11], place)
else
  redis.call('ZADD', lane, time[1] * 1000000 + time[2], place)
  take_turns(ARGV[7], ARGV[9])
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', 100, '*', 'service', ARGV[8])
end
redis.call('SADD', KEYS[7], ARGV[8])
keep(ARGV[12], lane, ARGV[7], KEYS[5], KEYS[6], KEYS[7])
local answer = done()
answer[2] = 1
return answer
