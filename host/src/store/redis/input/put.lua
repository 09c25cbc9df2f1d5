-- Writes bytes behind those of an input that no task has yet. Safe to send again.
--
-- KEYS[1]  the input: string
-- ARGV[1]  how many bytes it has
-- ARGV[2]  the bytes to write
-- ARGV[3]  the milliseconds that it lives from now on
--
-- Answers with 1, or with 0 if it has another number of bytes, and not these ones there.

local offset, bytes = tonumber(ARGV[1]), ARGV[2]
local length = redis.call('STRLEN', KEYS[1])
if length ~= offset then
  local there = length >= offset + #bytes and redis.call('EXISTS', KEYS[1]) == 1
  if not there or (bytes ~= '' and redis.call('GETRANGE', KEYS[1], ARGV[1], offset + #bytes - 1) ~= bytes) then
    return 0
  end
elseif bytes ~= '' then
  redis.call('SETRANGE', KEYS[1], ARGV[1], bytes)
elseif offset == 0 and redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('SET', KEYS[1], '')
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
