-- Finds stale members of an index of tasks, and takes them out if asked to. Safe to send again.
--
-- KEYS[1]    the index: set
-- KEYS[2..]  for each member the record that it names
-- ARGV[1]    '1' to take them out
-- ARGV[2..]  for each member two: the member, and '' if it is stale only when its record is missing, else what a record
--            is that belongs to somebody else: '^text' for one that begins with a text, '^' for an empty one, else the
--            SHA-1 of the whole
--
-- Answers with the positions of the stale members, from 1. EXISTS does not look at the value, which would cost a fifth of
-- a sweep more: empty records are for the check.

local function is(key, expected)
  if expected == '' then
    return false
  elseif string.sub(expected, 1, 1) == '^' then
    return redis.pcall('GETRANGE', key, 0, #expected - 2) == string.sub(expected, 2)
  end
  local text = redis.pcall('GET', key)
  return type(text) == 'string' and redis.sha1hex(text) == expected
end

local stale = {}
for i = 2, #KEYS do
  local member, expected = ARGV[2 * i - 2], ARGV[2 * i - 1]
  if redis.call('EXISTS', KEYS[i]) == 0 or is(KEYS[i], expected) then
    if redis.call(ARGV[1] == '1' and 'SREM' or 'SISMEMBER', KEYS[1], member) == 1 then
      stale[#stale + 1] = i - 1
    end
  end
end
return stale
