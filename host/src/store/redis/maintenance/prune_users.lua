-- Finds users of a service that have no tasks with it, and takes them out if asked to. Safe to send again.
--
-- The index of a service whose own name ends in ":users" has the name of another service's index of users, so a member
-- that names a task of such a service is left alone.
--
-- KEYS[1]    the users of the service: set
-- KEYS[2..]  for each user two: the user's tasks with the service, and the record of a task that is named as the user
-- ARGV[1]    '1' to take them out
-- ARGV[2]    how a record spells that it belongs to the other service, or '' if any record may
-- ARGV[3..]  the users
--
-- Answers with the positions of the users without tasks, from 1.

local function names_task(record)
  local text = redis.pcall('GETRANGE', record, 0, 1023)
  return type(text) == 'string' and text ~= '' and string.find(text, ARGV[2], 1, true)
end

local stale = {}
for i = 1, #ARGV - 2 do
  if redis.call('EXISTS', KEYS[2 * i]) == 0 and not names_task(KEYS[2 * i + 1]) then
    if redis.call(ARGV[1] == '1' and 'SREM' or 'SISMEMBER', KEYS[1], ARGV[i + 2]) == 1 then
      stale[#stale + 1] = i
    end
  end
end
return stale
