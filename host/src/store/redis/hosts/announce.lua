-- Takes note that a host process is there, and forgets those that are there no longer. Safe to send again.
--
-- KEYS[1]  host processes, by the time until which they are there: sorted set
-- KEYS[2]  what each has said: hash of the time when it did, a line feed, and the rest
-- ARGV[1]  the process
-- ARGV[2]  the rest of what it says
-- ARGV[3]  the milliseconds for which it is there

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gone = redis.call('ZRANGE', KEYS[1], '-inf', string.format('%d', now), 'BYSCORE', 'LIMIT', 0, 100)
for _, host in ipairs(gone) do
  redis.call('ZREM', KEYS[1], host)
  redis.call('HDEL', KEYS[2], host)
end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], string.format('%d', now) .. '\n' .. ARGV[2])
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', key, ARGV[3])
  end
end
return 1
