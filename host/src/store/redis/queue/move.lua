-- Moves a task that waits: to the end of its delay, to the lanes of another priority, or back to where it was taken from.
-- Safe to send again.
--
-- KEYS[1]  metadata: hash
-- KEYS[2]  later: sorted set of places, by when each may be taken
-- KEYS[3]  taken: sorted set of places, by when each waits again
-- KEYS[4]  arrivals: stream
-- ARGV[1]  'hasten', 'back' or 'priority'
-- ARGV[2]  for 'back' the place, for 'priority' the other priority

local place = redis.pcall('HGET', KEYS[1], 'queue')
if type(place) ~= 'string' then
  return 0
end
local lanes, user, lane, at, id = place_parts(place)
if not lane then
  return 0
end

if ARGV[1] == 'priority' then
  local other = string.gsub(lanes, ':[^:]*$', ':' .. ARGV[2])
  local target = other .. ':' .. user
  local moved = string.format('%s %s %s', target, id, at)
  for _, key in ipairs({lane, KEYS[2], KEYS[3]}) do
    local score = redis.call('ZSCORE', key, place)
    if score and lane ~= target then
      redis.call('ZREM', key, place)
      redis.call('ZADD', key == lane and target or key, score, moved)
      redis.call('HSET', KEYS[1], 'queue', moved)
      if key == lane then
        take_turns(other, user)
        keep(redis.call('TTL', KEYS[1]), target, other)
      end
    end
  end
  return 1
end

local from = ARGV[1] == 'hasten' and KEYS[2] or KEYS[3]
if ARGV[1] == 'back' and place ~= ARGV[2] then
  return 0
elseif redis.call('ZREM', from, place) == 0 then
  return 0
end
redis.call('ZADD', lane, at, place)
take_turns(lanes, user)
redis.call('XADD', KEYS[4], 'MAXLEN', '~', 100, '*', 'task', id)
keep(redis.call('TTL', KEYS[1]), lane, lanes, KEYS[4])
return 1
