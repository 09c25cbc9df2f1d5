-- Stands before every script that must be carried out once. However often such a script is sent, it happens at most
-- once, and not at all when it arrives after the host has given up on it.
--
-- KEYS[1]  session: hash of slots, each the last operation that was carried out in it
-- KEYS[2]  record: string
-- KEYS[3]  metadata: hash
-- KEYS[4]  leases: sorted set of the tasks that runs hold, by the ends of their leases
-- ARGV[1]  slot
-- ARGV[2]  operation: a number that grows within the slot
-- ARGV[3]  deadline: milliseconds of this server's clock
-- ARGV[4]  earliest: before this moment the clock has been set back since the host looked at it
-- ARGV[5]  milliseconds that the session has to live, at least two thirds of which are left at any time
--
-- Every script answers with an array whose first element is one of
--   done        it was carried out, now or by an earlier copy of the same operation
--   superseded  it came after a later operation of its slot; nothing was written
--   late        with this server's time in milliseconds: it is after the deadline, or before the earliest moment;
--               nothing was written
--   wrongtype   with the key, the type found and the type expected; nothing was written
--   changed     the record is not what the operation builds on; nothing was written
--   lost        the run that must hold the task does not, or its lease has ended; nothing was written
--   held        another run holds the task that is to be claimed; nothing was written
--   incomplete  keys are needed that were not given; nothing was written
-- The last four are for the scripts to say.

local session, record, metadata, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local known = redis.call('HGET', session, ARGV[1])
if known == ARGV[2] then
  return {'done'}
elseif known and tonumber(known) > tonumber(ARGV[2]) then
  return {'superseded'}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[3]) or now < tonumber(ARGV[4]) then
  return {'late', now}
end

-- Remembers the operation, for copies of it that are still to come.
local function done()
  redis.call('HSET', session, ARGV[1], ARGV[2])
  if redis.call('PTTL', session) < ARGV[5] * 2 / 3 then
    redis.call('PEXPIRE', session, ARGV[5])
  end
  return {'done'}
end

local function wrong_type(key, expected)
  local found = redis.call('TYPE', key).ok
  if found ~= expected and found ~= 'none' then
    return {'wrongtype', key, found, expected}
  end
end

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
