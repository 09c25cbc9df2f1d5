-- Reads a record without its log entries: as much as a host needs to know its layout, however long the log is. Writes
-- nothing.
--
-- KEYS[1]  record: string
-- KEYS[2]  metadata: hash
--
-- Answers with the text through the opening bracket of the log, the text from its closing bracket on, and the metadata's
-- service, user id and run ('' where there is none), and where the byte before that closing bracket is; or with nothing if the record is missing, or does not look like one
-- that a host or the Python package wrote. A log holds strings only, and a quote inside of one is escaped: so what stands
-- before the first `"],"` is the log, if it goes on with the result.

local text = redis.call('GET', KEYS[1])
if not text then
  return {}
end
local _, head_end = string.find(text, '","logs":[', 1, true)
if not head_end then
  return {}
end
local tail = head_end + 1
if string.sub(text, tail, tail) ~= ']' then
  tail = string.find(text, '"],"', head_end, true)
  tail = tail and tail + 1
end
if not tail or string.sub(text, tail, tail + 11) ~= '],"result":{' then
  return {}
end
local known = redis.call('HMGET', KEYS[2], 'service', 'user_id', 'run')
return {
  string.sub(text, 1, head_end),
  string.sub(text, tail),
  known[1] or '',
  known[2] or '',
  known[3] or '',
  tail - 2,
}
