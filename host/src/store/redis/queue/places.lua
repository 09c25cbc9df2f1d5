-- Stands before the scripts that know places in the queue. A place is `<lane> <id> <microseconds>`: the sorted set in which
-- it waits, the task, and when it was put into the queue, which is its score there. The lanes of a service and priority
-- make a sorted set of users, by their turns; a lane is called as that, with a colon and the user.

-- What a place consists of; nothing for what is none.
local function place_parts(place)
  local lane, id, at = string.match(place, '^(%S+) (%S+) (%d+)$')
  if not lane then
    return nil
  end
  local lanes, user = string.match(lane, '^(task%-state:queue:.*):([^:]*)$')
  if not lanes then
    return nil
  end
  return lanes, user, lane, at, id
end

-- Sees to it that keys have so many seconds to live. Never shortens their lives: hosts may let tasks live for different
-- times.
local function keep(seconds, ...)
  for _, key in ipairs({...}) do
    if redis.call('TTL', key) < tonumber(seconds) then
      redis.call('EXPIRE', key, seconds)
    end
  end
end

-- Gives a user the last turn.
local function last_turn(lanes, user)
  local last = redis.call('ZRANGE', lanes, -1, -1, 'WITHSCORES')
  redis.call('ZADD', lanes, tonumber(last[2] or 0) + 1, user)
end

-- Gives a user the last turn, unless there is one already.
local function take_turns(lanes, user)
  if not redis.call('ZSCORE', lanes, user) then
    last_turn(lanes, user)
  end
end
