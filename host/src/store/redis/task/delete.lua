-- Removes a task with its metadata and index entries.
--
-- KEYS[1..3]  see the prelude
-- KEYS[4]     index:tasks
-- KEYS[5..]   four indexes of each owner: service, service users, service user and user
-- ARGV[1..5]  see the prelude
-- ARGV[6]     task id
-- ARGV[7]     the run that must hold the task, or ''
-- ARGV[8]     what the record must still be: see `unchanged` in the prelude
-- ARGV[9..]   the user id of each owner
--
-- May answer changed and lost.

local wrong = wrong_types(4, #KEYS)
if wrong then
  return wrong
elseif not unchanged(ARGV[8]) then
  return {'changed'}
elseif ARGV[7] ~= '' and redis.call('HGET', metadata, 'run') ~= ARGV[7] then
  return {'lost'}
end

redis.call('DEL', record, metadata)
redis.call('SREM', KEYS[4], ARGV[6])
for i = 9, #ARGV do
  unindex(5 + (i - 9) * 4, ARGV[6], ARGV[i])
end
return done()
