-- Takes a place that was taken out of the queue for good: there is nothing to run.
--
-- KEYS[1..4]  see the prelude
-- ARGV[1..5]  see the prelude
-- ARGV[6]     the place
--
-- May answer changed: it is not there any more.

local removed = redis.call('ZREM', 'task-state:queue-taken', ARGV[6])
for _, key in ipairs({string.match(ARGV[6], '^%S+'), 'task-state:queue-later'}) do
  local also = redis.pcall('ZREM', key, ARGV[6])
  removed = removed + (type(also) == 'number' and also or 0)
end
if redis.pcall('HGET', metadata, 'queue') == ARGV[6] and not lease() then
  redis.call('HDEL', metadata, 'queue', 'attempt', 'attempts')
  drop_input(redis.call('HGET', metadata, 'input'))
end
return removed > 0 and done() or {'changed'}
