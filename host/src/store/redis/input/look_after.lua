-- Keeps the input of a task, or removes one whose task is gone, has ended or has another. Safe to send again.
--
-- KEYS[1]  the inputs that tasks have: sorted set
-- KEYS[2]  the input: string
-- KEYS[3]  the record
-- KEYS[4]  the metadata
-- ARGV[1]  the input and the task, as the set has them
-- ARGV[2]  how the record begins, of a task that has ended, or ''
-- ARGV[3]  the milliseconds that it lives, unless it is looked after again
-- ARGV[4]  the milliseconds after which it is to be

local beside = redis.pcall('HGET', KEYS[4], 'input')
local is_its = beside == KEYS[2]
local length = redis.pcall('STRLEN', KEYS[3])
local has_ended = ARGV[2] ~= '' and redis.pcall('GETRANGE', KEYS[3], 0, #ARGV[2] - 1) == ARGV[2]
if is_its and length ~= 0 and not has_ended and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
  local time = redis.call('TIME')
  redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[4], ARGV[1])
  return 1
end
redis.call('DEL', KEYS[2])
if is_its then
  redis.call('HDEL', KEYS[4], 'input')
end
redis.call('ZREM', KEYS[1], ARGV[1])
return 0
