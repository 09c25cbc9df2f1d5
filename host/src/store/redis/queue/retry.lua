-- Takes a task from its run, to wait in the queue for another attempt.
--
-- KEYS[1..4]  see the prelude
-- KEYS[5]     later: sorted set of places, by when each may be taken
-- ARGV[1..5]  see the prelude
-- ARGV[6]     task id
-- ARGV[7]     the run that must hold the task
-- ARGV[8]     '1' if its lease must have ended
-- ARGV[9]     milliseconds for which nobody is to take it
--
-- May answer lost, also for a task that the run does not have from the queue.

local wrong = wrong_types(5, 4) or wrong_kinds(5, 'zset')
if wrong then
  return wrong
end
local run, has_ended = lease()
local place = redis.call('HGET', metadata, 'queue')
if run ~= ARGV[7] or has_ended ~= (ARGV[8] == '1') or not place then
  return {'lost'}
end
release(ARGV[6])
redis.call('ZADD', KEYS[5], now + ARGV[9], place)
keep(redis.call('TTL', metadata), KEYS[5])
return done()
