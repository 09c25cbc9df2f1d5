-- Takes the turn to sweep, unless a sweep has begun lately.
--
-- KEYS[1]  the turn: string, "<when the last sweep began, in milliseconds of this server's clock> <who took it>"
-- ARGV[1]  how long ago, in milliseconds, a sweep may have begun that makes this one needless
-- ARGV[2]  for how many milliseconds the turn is remembered
-- ARGV[3]  who asks: a name for this one turn, so that asking again after a lost answer gives the same answer
--
-- Answers 1 if it is the asker's turn, else 0.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = redis.pcall('GET', KEYS[1])
if type(last) == 'string' then
  local space = string.find(last, ' ', 1, true)
  if space and string.sub(last, space + 1) == ARGV[3] then
    return 1
  end
  local began = space and tonumber(string.sub(last, 1, space - 1))
  if began and began <= now and now - began < tonumber(ARGV[1]) then
    return 0
  end
end
redis.call('SET', KEYS[1], string.format('%d', now) .. ' ' .. ARGV[3], 'PX', ARGV[2])
return 1
