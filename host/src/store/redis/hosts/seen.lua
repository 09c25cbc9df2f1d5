-- Tells what the host processes have said that are there.
--
-- KEYS[1]  host processes, by the time until which they are there: sorted set
-- KEYS[2]  what each has said: hash
-- ARGV[1]  how many to tell of at most

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local hosts = redis.call('ZRANGE', KEYS[1], string.format('(%d', now), '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[1])
if #hosts == 0 then
  return {}
end
return redis.call('HMGET', KEYS[2], unpack(hosts))
