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
