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

-- Gives a user the last turn, unless there is one already. It lives as long as the lane.
local function take_turns(lanes, user)
  if not redis.call('ZSCORE', lanes, user) then
    local last = redis.call('ZRANGE', lanes, -1, -1, 'WITHSCORES')
    redis.call('ZADD', lanes, tonumber(last[2] or 0) + 1, user)
  end
end
