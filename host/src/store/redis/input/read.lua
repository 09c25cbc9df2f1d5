-- Reads some of the input of a task.
--
-- KEYS[1]  the record
-- KEYS[2]  the metadata, which names the key of the input
-- ARGV[1]  what that key begins with
-- ARGV[2]  the first byte
-- ARGV[3]  the last byte
--
-- Answers with the bytes; with nothing if the task has no input, or is gone; or with 0 if the input is.

local input = redis.call('HGET', KEYS[2], 'input')
if not input or string.sub(input, 1, #ARGV[1]) ~= ARGV[1] or redis.call('STRLEN', KEYS[1]) == 0 then
  return false
elseif redis.call('EXISTS', input) == 0 then
  return 0
end
return redis.call('GETRANGE', input, ARGV[2], ARGV[3])
