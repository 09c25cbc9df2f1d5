-- Forgets a lease that has ended, of a task that is gone or has ended itself.
--
-- KEYS[1]  leases: sorted set of task ids, by the ends of the leases
-- KEYS[2]  the metadata of the task
-- ARGV[1]  task id

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease_until = redis.pcall('HGET', KEYS[2], 'lease_until')
if type(lease_until) == 'string' and tonumber(lease_until) > now then
  return 0
elseif type(lease_until) == 'string' then
  redis.call('HDEL', KEYS[2], 'run', 'lease_until', 'seen', 'queue', 'attempt', 'attempts')
end
return redis.call('ZREM', KEYS[1], ARGV[1])
