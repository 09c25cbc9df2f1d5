-- Takes a task out of the queue that no run holds.
--
-- KEYS[1..4]  see the prelude
-- ARGV[1..5]  see the prelude
--
-- May answer changed: it is not in the queue, or a run has it from there.

local wrong = wrong_types(5, 4)
if wrong then
  return wrong
end
local run, has_ended = lease()
if (run and not has_ended) or redis.call('HEXISTS', metadata, 'queue') == 0 then
  return {'changed'}
end
leave_queue()
return done()
