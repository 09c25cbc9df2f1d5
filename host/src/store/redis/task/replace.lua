-- Writes a whole record: a save, a claim, or a change that the layout does not allow for.
--
-- KEYS[1..3]   see the prelude
-- KEYS[4..8]   index:tasks, and the new owner's service, service users, service user and user indexes
-- KEYS[9]      where the record is staged, if ARGV[11] is ''
-- KEYS[10..]   four indexes of each earlier owner, in the same order
-- ARGV[1..4]   see the prelude
-- ARGV[5]      seconds to live
-- ARGV[6..8]   service, user id, task id
-- ARGV[9]      the run that must hold the task, or ''
-- ARGV[10]     what the record must still be: see `unchanged` in the prelude
-- ARGV[11]     the record, or '' if it is staged
-- ARGV[12]     'keep' the run that holds the task, 'release' the task from it, or the run that claims it
-- ARGV[13]     until when a claim holds: milliseconds from now
-- ARGV[14..]   the user id of each earlier owner
--
-- Answers besides the prelude's: changed (the record is not what it must be), lost (another run holds it, or none), held
-- (another run holds a task that is claimed), leftover (an expired record of another owner, who has to be given, has left
-- its index entries). Nothing was written then.

local ttl, run = tonumber(ARGV[5]), ARGV[12]
local wrong = wrong_types(4, 8)
for i = 10, #KEYS do
  wrong = wrong or wrong_type(KEYS[i], 'set')
end
if wrong then
  return wrong
elseif not unchanged(ARGV[10]) then
  return {'changed'}
elseif ARGV[9] ~= '' and redis.call('HGET', metadata, 'run') ~= ARGV[9] then
  return {'lost'}
end

if ARGV[10] == '' and #ARGV < 14 then
  local owner = redis.call('HMGET', metadata, 'service', 'user_id')
  if owner[1] and owner[2] and (owner[1] ~= ARGV[6] or owner[2] ~= ARGV[7]) then
    return {'leftover'}
  end
end

local claims = run ~= 'keep' and run ~= 'release'
if claims and ARGV[10] ~= '' then
  local held_until = redis.call('HGET', metadata, 'run_until')
  if held_until and tonumber(held_until) > now then
    return {'held'}
  end
end

if ARGV[11] == '' then
  if redis.call('EXISTS', KEYS[9]) == 0 then
    return {'changed'}
  end
  redis.call('RENAME', KEYS[9], record)
  redis.call('EXPIRE', record, ARGV[5])
else
  redis.call('SET', record, ARGV[11], 'EX', ARGV[5])
end

for i = 14, #ARGV do
  unindex(10 + (i - 14) * 4, ARGV[8], ARGV[i])
end
redis.call('HSET', metadata, 'service', ARGV[6], 'user_id', ARGV[7])
if claims then
  redis.call('HSET', metadata, 'run', run, 'run_until', now + tonumber(ARGV[13]))
elseif run == 'release' or ARGV[10] == '' then
  -- What an expired record has left behind holds nothing of the one that takes its place.
  redis.call('HDEL', metadata, 'run', 'run_until')
end
redis.call('EXPIRE', metadata, ttl + 60)
index_all(4, ARGV[8], ARGV[7], ttl)
return done()
