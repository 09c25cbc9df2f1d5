-- Compares a record with its metadata, its index entries and their times to live, and puts them in order if asked to.
-- Keys that hold another type are passed over. Safe to send again.
--
-- KEYS[1]     record: string
-- KEYS[2]     metadata: hash
-- KEYS[3..7]  index:tasks, and the owner's service, service users, service user and user indexes
-- ARGV[1]     what the record must still be: '^text' for one that begins with a text, else the SHA-1 of the whole
-- ARGV[2..4]  service, user id, task id
-- ARGV[5]     seconds to live, for a record that would never expire
-- ARGV[6]     by how many seconds the metadata and the indexes outlive the record
-- ARGV[7]     '1' to put them in order
--
-- Answers with what disagreed, an array of a word and the position of its key in turn
--   metadata  it names another owner, or none
--   entry     the index lacks the member
--   ttl       the key would never expire, or before the record
-- or with the array {'another'} if the record is another by now, or gone.

local expected, ttl, repair = ARGV[1], redis.call('TTL', KEYS[1]), ARGV[7] == '1'

local text
if string.sub(expected, 1, 1) == '^' then
  text = redis.pcall('GETRANGE', KEYS[1], 0, #expected - 2)
  expected = string.sub(expected, 2)
else
  text = redis.pcall('GET', KEYS[1])
  text = type(text) == 'string' and redis.sha1hex(text)
end
if text ~= expected then
  return {'another'}
end

local found = {}
local function note(word, position)
  found[#found + 1] = word
  found[#found + 1] = tostring(position)
end
local function holds(position, kind)
  local type = redis.call('TYPE', KEYS[position]).ok
  return type == kind or type == 'none'
end

if ttl < 0 then
  note('ttl', 1)
  ttl = tonumber(ARGV[5])
  if repair then
    redis.call('EXPIRE', KEYS[1], ttl)
  end
end

if holds(2, 'hash') then
  local owner = redis.call('HMGET', KEYS[2], 'service', 'user_id')
  if owner[1] ~= ARGV[2] or owner[2] ~= ARGV[3] then
    note('metadata', 2)
    if repair then
      redis.call('HSET', KEYS[2], 'service', ARGV[2], 'user_id', ARGV[3])
    end
  elseif redis.call('TTL', KEYS[2]) < ttl then
    note('ttl', 2)
  end
  if repair and redis.call('TTL', KEYS[2]) < ttl then
    redis.call('EXPIRE', KEYS[2], ttl + ARGV[6])
  end
end

for i = 3, 7 do
  if holds(i, 'set') then
    local member = i == 5 and ARGV[3] or ARGV[4]
    if redis.call('SISMEMBER', KEYS[i], member) == 0 then
      note('entry', i)
      if repair then
        redis.call('SADD', KEYS[i], member)
      end
    elseif redis.call('TTL', KEYS[i]) < ttl then
      note('ttl', i)
    end
    if repair and redis.call('TTL', KEYS[i]) < ttl then
      redis.call('EXPIRE', KEYS[i], ttl + ARGV[6])
    end
  end
end
return found
