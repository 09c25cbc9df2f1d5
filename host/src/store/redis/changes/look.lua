-- Looks at tasks: what is another after every write, by whoever it was made.
--
-- KEYS     for each task its record and its metadata
-- ARGV[1]  how many bytes of each end of a record count
-- ARGV[2]  up to which byte the beginning is told
--
-- Answers for each with a hash and the beginning of its record, or with nothing if there is no record.

local seen, most = {}, tonumber(ARGV[1])
for i = 1, #KEYS, 2 do
  local length = redis.pcall('STRLEN', KEYS[i])
  if type(length) == 'table' or length == 0 then
    seen[#seen + 1] = false
  else
    local text = redis.call('GETRANGE', KEYS[i], 0, length <= 2 * most and -1 or most - 1)
    local head = string.sub(text, 1, ARGV[2])
    if length > 2 * most then
      text = text .. redis.call('GETRANGE', KEYS[i], -most, -1)
    end
    local beside = redis.pcall('HMGET', KEYS[i + 1], 'progress', 'attempt')
    if beside.err then
      beside = {false, false}
    end
    local all = {length, text, beside[1] or '', beside[2] or ''}
    seen[#seen + 1] = {redis.sha1hex(table.concat(all, ' ')), head}
  end
end
return seen
