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
local place = redis.call('HGET', metadata, 'queue')
if (run and not has_ended) or not place then
  return {'changed'}
end
leave_queue(place)
return done()
