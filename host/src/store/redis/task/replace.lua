-- Writes a whole record: a save, a claim, or a change of a record in another shape than this host's.
--
-- KEYS[1..4]   see the prelude
-- KEYS[5..9]   index:tasks, and the new owner's service, service users, service user and user indexes
-- KEYS[10..]   four indexes of each earlier owner, in the same order
-- then         where the record is staged, if ARGV[12] is ''
-- ARGV[1..5]   see the prelude
-- ARGV[6]      seconds to live
-- ARGV[7]      seconds by which the metadata and the indexes outlive the record
-- ARGV[8..10]  service, user id, task id
-- ARGV[11]     what the record must still be: see `unchanged` in helpers.lua
-- ARGV[12]     the record, or '' if it is staged
-- ARGV[13]     the run that must hold the task, or ''
-- ARGV[14]     'keep' the run that holds the task, 'release' the task from it, 'end' it if its lease has ended, 'unheld' if
--              no run may hold it, or the run that claims the task
-- ARGV[15]     the life of a claim's lease, in milliseconds
-- ARGV[16]     how far the task has come, or ''
-- ARGV[17]     the place in the queue from which the task was taken that is claimed, or ''
-- ARGV[18]     how many attempts at it there may be
-- ARGV[19..]   the user id of each earlier owner
--
-- An answer of done has a second element for a claim, unless it is given to a later copy: which attempt it is. May answer
-- changed, lost, held, and incomplete: an expired record of another owner, who has to be given, has left its index entries.

local ttl, beyond, expected, run = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[11], ARGV[14]
local wrong = wrong_types(5, 9 + (#ARGV - 18) * 4)
if wrong then
  return wrong
elseif not unchanged(expected) then
  return {'changed'}
elseif run == 'end' then
  local found, has_ended = lease()
  if found ~= ARGV[13] or not has_ended then
    return {'changed'}
  end
elseif not holds(ARGV[13]) then
  return {'lost'}
end

-- Of most tasks that are new, nothing is known.
local is_known = expected ~= '' or redis.call('EXISTS', metadata) == 1
if is_known and expected == '' and #ARGV < 19 then
  local owner = redis.call('HMGET', metadata, 'service', 'user_id')
  if owner[1] and owner[2] and (owner[1] ~= ARGV[8] or owner[2] ~= ARGV[9]) then
    return {'incomplete'}
  end
end

local was_run
local claims = run ~= 'keep' and run ~= 'release' and run ~= 'end' and run ~= 'unheld'
if (claims or run == 'unheld') and expected ~= '' then
  local found, has_ended = lease()
  if found and not has_ended then
    return {'held'}
  end
  was_run = found
end
if ARGV[12] == '' and redis.call('EXISTS', KEYS[#KEYS]) == 0 then
  return {'changed'}
end
local place = ARGV[17]
if place ~= '' then
  if redis.call('HGET', metadata, 'queue') ~= place or redis.call('ZREM', 'task-state:queue-taken', place) == 0 then
    return {'held'}
  end
end

if ARGV[12] == '' then
  redis.call('RENAME', KEYS[#KEYS], record)
  redis.call('EXPIRE', record, ARGV[6])
else
  redis.call('SET', record, ARGV[12], 'EX', ARGV[6])
end

for i = 19, #ARGV do
  unindex(10 + (i - 19) * 4, ARGV[10], ARGV[i])
end
redis.call('HSET', metadata, 'service', ARGV[8], 'user_id', ARGV[9])
if is_known and (claims or run == 'unheld' or expected == '') then
  redis.call('HDEL', metadata, 'progress')
end
if ARGV[16] ~= '' then
  redis.call('HSET', metadata, 'progress', ARGV[16])
end
if claims then
  hold(ARGV[10], run, tonumber(ARGV[15]))
elseif is_known and (run ~= 'keep' or expected == '') then
  -- What an expired record has left behind holds nothing of the one that takes its place.
  release(ARGV[10])
end
local attempt
if claims and place ~= '' then
  attempt = redis.call('HINCRBY', metadata, 'attempt', 1)
  redis.call('HSET', metadata, 'attempts', ARGV[18])
elseif is_known then
  local beside = redis.call('HMGET', metadata, 'queue', 'input')
  if (run ~= 'keep' and run ~= 'unheld') or place ~= '' or expected == '' or #ARGV > 18 or was_run then
    leave_queue(beside[1])
  end
  if run == 'release' or run == 'end' or expected == '' or #ARGV > 18 then
    drop_input(beside[2])
  end
end
redis.call('EXPIRE', metadata, ttl + beyond)
index_all(5, ARGV[10], ARGV[9], ttl, beyond)
local answer = done()
answer[2] = attempt
return answer
