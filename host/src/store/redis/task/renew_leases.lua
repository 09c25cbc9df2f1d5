-- Gives runs that still hold their tasks a new lease.
--
-- KEYS[1]    leases: sorted set of task ids, by the ends of the leases
-- KEYS[2..]  the metadata of each task
-- ARGV[1]    the life of a lease, in milliseconds
-- ARGV[2..]  for each task its id and its run
--
-- Answers for each with 1, or with 0 if the run holds the task no longer.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease_until = now + tonumber(ARGV[1])
local held = {}
for i = 2, #KEYS do
  local id, run = ARGV[2 * i - 2], ARGV[2 * i - 1]
  local lease = redis.pcall('HMGET', KEYS[i], 'run', 'lease_until')
  held[i - 1] = 0
  if not lease.err and lease[1] == run and tonumber(lease[2] or 0) > now then
    redis.call('ZADD', KEYS[1], lease_until, id)
    redis.call('HSET', KEYS[i], 'lease_until', lease_until, 'seen', now)
    held[i - 1] = 1
  end
end
return held
