-- Removes the input of a task that has ended in another way than by the end of its run. Safe to send again.
--
-- KEYS[1]  the metadata, which names the key of the input
-- ARGV[1]  what that key begins with

local input = redis.pcall('HGET', KEYS[1], 'input')
if type(input) == 'string' and string.sub(input, 1, #ARGV[1]) == ARGV[1] then
  redis.call('DEL', input)
  redis.call('HDEL', KEYS[1], 'input')
end
return 1
