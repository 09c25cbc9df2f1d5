-- What scripts behind the prelude do alike.

-- The first wrong type among those of the keys KEYS[first] on, which are given as words.
local function wrong_kinds(first, ...)
  local wrong
  for i, kind in ipairs({...}) do
    wrong = wrong or wrong_type(KEYS[first + i - 1], kind)
  end
  return wrong
end

-- The first wrong type among the record, the metadata, the leases and the sets KEYS[first] to KEYS[last].
local function wrong_types(first, last)
  local wrong = wrong_type(record, 'string') or wrong_type(metadata, 'hash') or wrong_type(leases, 'zset')
  for i = first, last do
    wrong = wrong or wrong_type(KEYS[i], 'set')
  end
  return wrong
end

-- The run that has claimed the task, and whether its lease has ended.
local function lease()
  local found = redis.call('HMGET', metadata, 'run', 'lease_until')
  return found[1], tonumber(found[2] or 0) <= now
end

-- Whether the run that must hold the task does; '' if none must.
local function holds(run)
  if run == '' then
    return true
  end
  local found, has_ended = lease()
  return found == run and not has_ended
end

-- Gives a task to a run, for so many milliseconds.
local function hold(id, run, life)
  redis.call('HSET', metadata, 'run', run, 'lease_until', now + life, 'seen', now)
  redis.call('ZADD', leases, now + life, id)
end

-- Takes a task from its run.
local function release(id)
  redis.call('HDEL', metadata, 'run', 'lease_until', 'seen')
  redis.call('ZREM', leases, id)
end

-- Takes the task out of the queue, whoever has it: out of its place, which the metadata has as `queue`. That begins with
-- the lane that the task may wait in.
local function leave_queue(place)
  if place then
    for _, key in ipairs({string.match(place, '^%S+'), 'task-state:queue-later', 'task-state:queue-taken'}) do
      -- A key of another type has no place in it, and must not stop what has begun.
      redis.pcall('ZREM', key, place)
    end
    redis.call('HDEL', metadata, 'queue', 'attempt', 'attempts')
  end
end

-- Removes the input of the task, which the metadata has as `input`.
local function drop_input(input)
  if input then
    if string.sub(input, 1, 17) == 'task-state:input:' then
      redis.call('DEL', input)
    end
    redis.call('HDEL', metadata, 'input')
  end
end

-- Adds a member to an index and sees to it that the index outlives the record by half of `beyond` at least, so that it
-- needs no look for that long. Never shortens its life.
local function index(key, member, ttl, beyond)
  redis.call('SADD', key, member)
  if redis.call('TTL', key) < ttl + beyond / 2 then
    redis.call('EXPIRE', key, ttl + beyond)
  end
end

-- Adds a task to its five indexes, which start at KEYS[first].
local function index_all(first, id, user, ttl, beyond)
  index(KEYS[first], id, ttl, beyond)
  index(KEYS[first + 1], id, ttl, beyond)
  index(KEYS[first + 2], user, ttl, beyond)
  index(KEYS[first + 3], id, ttl, beyond)
  index(KEYS[first + 4], id, ttl, beyond)
end

-- Takes a task out of the four indexes of an owner, which start at KEYS[first]. A user leaves the users of a service
-- with its last task there.
local function unindex(first, id, user)
  redis.call('SREM', KEYS[first], id)
  redis.call('SREM', KEYS[first + 2], id)
  redis.call('SREM', KEYS[first + 3], id)
  if redis.call('EXISTS', KEYS[first + 2]) == 0 then
    redis.call('SREM', KEYS[first + 1], user)
  end
end

-- Whether the record is still what the host has read: '' for none at all (an empty text is none), '^text' for one that
-- begins with a text, else the SHA-1 of the whole.
local function unchanged(expected)
  if expected == '' then
    return redis.call('STRLEN', record) == 0
  elseif string.sub(expected, 1, 1) == '^' then
    return redis.call('GETRANGE', record, 0, #expected - 2) == string.sub(expected, 2)
  end
  local text = redis.call('GET', record)
  return text and redis.sha1hex(text) == expected
end
