-- Gives an input to a task. Safe to send again.
--
-- KEYS[1]  the input, before a task has it: string
-- KEYS[2]  the input of the task: string
-- KEYS[3]  the record
-- KEYS[4]  the metadata
-- KEYS[5]  the inputs that tasks have: sorted set
-- ARGV[1]  how the record begins
-- ARGV[2]  the input and the task, as the set has them
-- ARGV[3]  the milliseconds that it lives, unless it is looked after
-- ARGV[4]  the milliseconds after which it is to be
--
-- Answers with done; changed if the record begins in another way; has another; or none if there is no such input.

if redis.call('GETRANGE', KEYS[3], 0, #ARGV[1] - 1) ~= ARGV[1] then
  return 'changed'
end
local has = redis.call('HGET', KEYS[4], 'input')
if has == KEYS[2] then
  return 'done'
elseif has then
  return 'another'
elseif redis.call('EXISTS', KEYS[1]) == 0 then
  return 'none'
end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('HSET', KEYS[4], 'input', KEYS[2])
local time = redis.call('TIME')
redis.call('ZADD', KEYS[5], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[4], ARGV[2])
return 'done'
