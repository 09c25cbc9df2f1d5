-- Removes what an expired record has left behind, unless the task was saved again meanwhile. Safe to send again.
--
-- KEYS[1]     record: string
-- KEYS[2]     metadata: hash
-- KEYS[3]     index:tasks
-- KEYS[4..7]  the owner's service, service users, service user and user indexes
-- ARGV[1..3]  task id, service, user id
--
-- Answers with the positions of the indexes that hold something else than a set, which were passed over.

-- An empty record is none.
if redis.pcall('STRLEN', KEYS[1]) ~= 0 then
  return {}
end
local owner = redis.pcall('HMGET', KEYS[2], 'service', 'user_id')
if owner.err or owner[1] ~= ARGV[2] or owner[2] ~= ARGV[3] then
  return {}
end

local passed_over = {}
local function remove(position, member)
  local removed = redis.pcall('SREM', KEYS[position], member)
  if type(removed) == 'table' then
    passed_over[#passed_over + 1] = position
  end
end

for _, position in ipairs({3, 4, 6, 7}) do
  remove(position, ARGV[1])
end
if redis.call('EXISTS', KEYS[6]) == 0 then
  remove(5, ARGV[3])
end
local input = redis.pcall('HGET', KEYS[2], 'input')
if type(input) == 'string' and string.sub(input, 1, 17) == 'task-state:input:' then
  redis.call('DEL', input)
end
redis.call('DEL', KEYS[2])
return passed_over
