-- Tells the inputs that are to be looked after, the longest due first.
--
-- KEYS[1]  the inputs that tasks have: sorted set
-- ARGV[1]  how many to tell at most

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGE', KEYS[1], '-inf', string.format('%d', now), 'BYSCORE', 'LIMIT', 0, ARGV[1])
