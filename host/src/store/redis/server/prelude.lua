-- Stands before every script that writes. It makes an operation happen at most once, however often it is sent, and
-- not at all when it arrives after the host has given up on it.
--
-- KEYS[1]  session: hash of slots, each the last operation that was carried out in it
-- KEYS[2]  record: string
-- KEYS[3]  metadata: hash
-- ARGV[1]  slot
-- ARGV[2]  operation: a number that grows within the slot
-- ARGV[3]  deadline: milliseconds of this server's clock
-- ARGV[4]  "1" to extend the life of the session
--
-- Every script answers with an array whose first element is one of
--   done       it was carried out, now or by an earlier copy of the same operation
--   late       it came after its deadline, or after a later operation of its slot; nothing was written
--   wrongtype  with the key, the type found and the type expected; nothing was written
-- or with one of its own.

local session, record, metadata = KEYS[1], KEYS[2], KEYS[3]

local known = redis.call('HGET', session, ARGV[1])
if known == ARGV[2] then
  return {'done'}
elseif known and tonumber(known) > tonumber(ARGV[2]) then
  return {'late'}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[3]) then
  return {'late'}
end

-- Remembers the operation, for copies of it that are still to come.
local function done()
  local added = redis.call('HSET', session, ARGV[1], ARGV[2])
  if added == 1 or ARGV[4] == '1' then
    redis.call('PEXPIRE', session, '3600000')
  end
  return {'done'}
end

local function wrong_type(key, expected)
  local found = redis.call('TYPE', key).ok
  if found ~= expected and found ~= 'none' then
    return {'wrongtype', key, found, expected}
  end
end

-- The first wrong type among the record, the metadata and the sets KEYS[first] to KEYS[last].
local function wrong_types(first, last)
  local wrong = wrong_type(record, 'string') or wrong_type(metadata, 'hash')
  for i = first, last do
    wrong = wrong or wrong_type(KEYS[i], 'set')
  end
  return wrong
end

-- Adds a member to an index and sees to it that the index outlives the record by half a minute at least, so that it
-- needs no look for that long. Never shortens its life.
local function index(key, member, ttl)
  redis.call('SADD', key, member)
  if redis.call('TTL', key) < ttl + 30 then
    redis.call('EXPIRE', key, ttl + 60)
  end
end

-- Adds a task to its five indexes, which start at KEYS[first].
local function index_all(first, id, user, ttl)
  index(KEYS[first], id, ttl)
  index(KEYS[first + 1], id, ttl)
  index(KEYS[first + 2], user, ttl)
  index(KEYS[first + 3], id, ttl)
  index(KEYS[first + 4], id, ttl)
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

-- Whether the record is still what the host has read: '' for none at all, '^text' for one that begins with a text, else
-- the SHA-1 of the whole.
local function unchanged(expected)
  if expected == '' then
    return redis.call('EXISTS', record) == 0
  elseif string.sub(expected, 1, 1) == '^' then
    return redis.call('GETRANGE', record, 0, #expected - 2) == string.sub(expected, 2)
  end
  local text = redis.call('GET', record)
  return text and redis.sha1hex(text) == expected
end
