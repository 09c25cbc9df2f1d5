-- Marks of records: what is another after every write, by whoever it was made. Of a long record its beginning, which has the
-- time of the last change in it, and its end.
--
-- KEYS     records
-- ARGV[1]  how many bytes of each end count
--
-- Answers for each with its length and a hash, or with nothing if there is no record.

local marks, most = {}, tonumber(ARGV[1])
for i = 1, #KEYS do
  local length = redis.pcall('STRLEN', KEYS[i])
  if type(length) == 'table' or length == 0 then
    marks[i] = false
  else
    local text = redis.call('GETRANGE', KEYS[i], 0, length <= 2 * most and -1 or most - 1)
    if length > 2 * most then
      text = text .. redis.call('GETRANGE', KEYS[i], -most, -1)
    end
    marks[i] = {length, redis.sha1hex(text)}
  end
end
return marks
