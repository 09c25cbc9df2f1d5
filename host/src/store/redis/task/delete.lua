-- Removes a task with its metadata and index entries.
--
-- KEYS[1..4]  see the prelude
-- KEYS[5]     index:tasks
-- KEYS[6..]   four indexes of each owner: service, service users, service user and user
-- ARGV[1..5]  see the prelude
-- ARGV[6]     task id
-- ARGV[7]     the run that must hold the task, or ''
-- ARGV[8]     what the record must still be: see `unchanged` in helpers.lua
-- ARGV[9..]   the user id of each owner
--
-- May answer changed and lost.

local wrong = wrong_types(5, #KEYS)
if wrong then
  return wrong
elseif not unchanged(ARGV[8]) then
  return {'changed'}
elseif not holds(ARGV[7]) then
  return {'lost'}
end

release(ARGV[6])
local beside = redis.call('HMGET', metadata, 'queue', 'input')
leave_queue(beside[1])
drop_input(beside[2])
redis.call('DEL', record, metadata)
redis.call('SREM', KEYS[5], ARGV[6])
for i = 9, #ARGV do
  unindex(6 + (i - 9) * 4, ARGV[6], ARGV[i])
end
return done()
