-- Adds log entries to a record whose layout the host knows, and moves it to another status. Without a status the cost
-- does not depend on the length of the log: two regions are overwritten in place, the one that grows first, so that an
-- error (maxmemory, proto-max-bulk-len) leaves the record whole. The end of the log is looked for where it was when the
-- host saw it last, and beyond, so that appends of several hosts do not get in each other's way.
--
-- Offsets come as the server's commands take them: a number that a script computes is formatted at some cost.
--
-- KEYS[1..3]    see the prelude
-- KEYS[4..8]    optional: index:tasks, and the owner's service, service users, service user and user indexes; given when
--               the task's place in them is to be made sure of
-- ARGV[1..4]    see the prelude
-- ARGV[5]       seconds to live
-- ARGV[6]       the run that must hold the task, or ''
-- ARGV[7]       '1' to release the task from its run
-- ARGV[8]       the record's beginning, through its status
-- ARGV[9]       where the text before the time of the last change begins
-- ARGV[10]      that text
-- ARGV[11]      where the time begins
-- ARGV[12]      where the last byte of the log's opening is
-- ARGV[13]      where the last byte before the record's tail, which is what follows the last entry, was seen last
-- ARGV[14]      up to where the end of the record is looked for
-- ARGV[15]      length of the tail
-- ARGV[16]      how the tail begins
-- ARGV[17]      how the tail ends
-- ARGV[18]      time of this change, with six digits of fraction
-- ARGV[19]      entries to add: JSON strings with commas between them, or ''
-- ARGV[20]      what replaces ARGV[8], or '' to leave the status alone
-- ARGV[21]      seconds that the metadata lives
-- ARGV[22..24]  with KEYS[4..8]: service, user id, task id
--
-- An answer of done has a second element, unless it is given to a later copy: where the last byte before the tail is now.
-- Answers besides the prelude's: missing (no such record), lost (another run holds it, or none), stale (the layout is
-- another), bare (there is no metadata, and no index was given). Nothing was written then.

local prefix, at, before, tail_length = ARGV[8], tonumber(ARGV[9]), ARGV[10], tonumber(ARGV[15])
local stamp, entries, new_prefix = ARGV[18], ARGV[19], ARGV[20]
local after = '","logs":['

local head = redis.pcall('GETRANGE', record, '0', at < 1024 and ARGV[12] or '1023')
if head.err then
  return wrong_type(record, 'string') or head
elseif head == '' then
  return {'missing'}
end
local region = at < 1024 and string.sub(head, at + 1) or redis.call('GETRANGE', record, ARGV[9], ARGV[12])

local found = redis.call('GETRANGE', record, ARGV[13], ARGV[14])
local tail_at = tonumber(ARGV[13]) + #found - tail_length
if tonumber(ARGV[13]) + #found > tonumber(ARGV[14]) then
  tail_at = redis.call('STRLEN', record) - tail_length
  found = redis.call('GETRANGE', record, string.format('%d', tail_at - 1), '-1')
end
local tail = string.sub(found, -tail_length)
local last = string.sub(found, -tail_length - 1, -tail_length - 1)
if string.sub(head, 1, #prefix) ~= prefix
  or string.sub(region, 1, #before) ~= before
  or string.sub(region, #before + #stamp + 1) ~= after
  or (last ~= '"' and last ~= '[')
  or string.sub(tail, 1, #ARGV[16]) ~= ARGV[16]
  or string.sub(tail, -#ARGV[17]) ~= ARGV[17] then
  return {'stale'}
end

-- The new time must be later than the old one; with the same offset, and of the same width, times compare as text.
local old = string.sub(region, #before + 1, #before + #stamp)
if string.sub(old, 27) ~= string.sub(stamp, 27) then
  return {'stale'}
elseif old >= stamp then
  local micros = tonumber(string.sub(old, 21, 26))
  if not micros or micros >= 999999 then
    return {'stale'}
  end
  stamp = string.sub(old, 1, 20) .. string.format('%06d', micros + 1) .. string.sub(old, 27)
end

local run = ARGV[6]
local known = redis.pcall('HGET', metadata, run ~= '' and 'run' or 'service')
if type(known) == 'table' then
  return wrong_type(metadata, 'hash') or known
elseif run ~= '' and known ~= run then
  return {'lost'}
elseif not known and #KEYS == 3 then
  return {'bare'}
end
if #KEYS > 3 then
  local wrong = wrong_types(4, 8)
  if wrong then
    return wrong
  end
end

local addition = entries
if entries ~= '' and last == '"' then
  addition = ',' .. entries
end
if new_prefix == '' then
  if addition ~= '' then
    redis.call('SETRANGE', record, string.format('%d', tail_at), addition .. tail)
  end
  redis.call('SETRANGE', record, ARGV[11], stamp)
  redis.call('EXPIRE', record, ARGV[5])
else
  local text = redis.call('GET', record)
  text = table.concat({
    new_prefix,
    string.sub(text, #prefix + 1, tonumber(ARGV[11])),
    stamp,
    string.sub(text, tonumber(ARGV[11]) + #stamp + 1, tail_at),
    addition,
    tail,
  })
  redis.call('SET', record, text, 'EX', ARGV[5])
  tail_at = tail_at + #new_prefix - #prefix
end

if ARGV[7] == '1' then
  redis.call('HDEL', metadata, 'run', 'run_until')
end
if #KEYS > 3 then
  redis.call('HSET', metadata, 'service', ARGV[22], 'user_id', ARGV[23])
  index_all(4, ARGV[24], ARGV[23], tonumber(ARGV[5]))
end
redis.call('EXPIRE', metadata, ARGV[21])
local answer = done()
answer[2] = tail_at + #addition - 1
return answer
