-- Finds a record that is empty, which is how others read a task that is not there, and removes it if asked to. Safe to send
-- again.
--
-- KEYS[1]  record: string
-- ARGV[1]  '1' to remove it
--
-- Answers 1 if the key is there and empty, else 0.

if redis.call('EXISTS', KEYS[1]) == 0 or redis.pcall('STRLEN', KEYS[1]) ~= 0 then
  return 0
end
if ARGV[1] == '1' then
  redis.call('DEL', KEYS[1])
end
return 1
