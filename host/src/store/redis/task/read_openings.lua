-- Reads the beginnings of records, with what is remembered beside them.
--
-- KEYS     for each task its record and its metadata
-- ARGV[1]  up to which byte
--
-- Answers for each with the beginning of its record and the fields service, user_id and run of its metadata, or with
-- nothing if one of them is of another type.

local openings = {}
for i = 1, #KEYS, 2 do
  local text = redis.pcall('GETRANGE', KEYS[i], 0, ARGV[1])
  local beside = redis.pcall('HMGET', KEYS[i + 1], 'service', 'user_id', 'run')
  if type(text) == 'table' or beside.err then
    openings[#openings + 1] = false
  else
    openings[#openings + 1] = {text, beside[1], beside[2], beside[3]}
  end
end
return openings
