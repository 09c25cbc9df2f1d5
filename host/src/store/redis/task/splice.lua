-- Changes a record whose layout the host knows; what is more than an addition to the log goes on in `splice_more.lua`.
--
-- Log entries alone cost the same however long the log is: two regions are overwritten in place, the one that grows first,
-- so that an error (maxmemory, proto-max-bulk-len) leaves the record whole. The end of the log is looked for where it was
-- when the host saw it last, and beyond, so that appends of several hosts do not get in each other's way. Of what is
-- replaced, no more is compared than the host has built upon.
--
-- Offsets come as the server's commands take them: a number that a script computes is formatted at some cost.
--
-- KEYS[1..4]    see the prelude
-- KEYS[5..9]    optional: index:tasks, and the owner's service, service users, service user and user indexes; given when
--               the task's place in them is to be made sure of
-- ARGV[1..5]    see the prelude
-- ARGV[6]       seconds to live
-- ARGV[7]       seconds that the metadata lives
-- ARGV[8]       the run that must hold the task, or ''
-- ARGV[9]       the record's beginning, through its status
-- ARGV[10]      where the text before the time of the last change begins: with the closing bracket of the active jobs
-- ARGV[11]      that text
-- ARGV[12]      where the time begins
-- ARGV[13]      the text after the time, through the opening bracket of the log
-- ARGV[14]      where the last byte of that text is
-- ARGV[15]      where the last byte before the record's tail, which is what follows the last entry, was seen last
-- ARGV[16]      up to where the end of the record is looked for
-- ARGV[17]      length of the tail
-- ARGV[18]      how the tail begins: all of it, if it is replaced
-- ARGV[19]      how the tail ends
-- ARGV[20]      time of this change, with six digits of fraction
-- ARGV[21]      entries to add: JSON strings with commas between them, or ''
-- ARGV[22..26]  optional: 'release' for the end of the run, 'ended' if the task has ended in another way, what replaces the
--               beginning, where the active jobs begin, what replaces them, what replaces the tail; '' leaves each as it is
-- ARGV[27..30]  with KEYS[5..9], or for the end of the run: seconds by which an index outlives the record, service, user id, task id
-- ARGV[31]      optional: how far the task has come
--
-- An answer of done has a second element, unless it is given to a later copy: where the last byte before the tail is now.
-- May answer changed (the layout is another), lost (or there is no record), and incomplete: there is no metadata, and no
-- index was given.

local prefix, at, before, after, tail_length = ARGV[9], tonumber(ARGV[10]), ARGV[11], ARGV[13], tonumber(ARGV[17])
local stamp, entries = ARGV[20], ARGV[21]

local head = redis.pcall('GETRANGE', record, '0', at < 1024 and ARGV[14] or '1023')
if head.err then
  return wrong_type(record, 'string') or head
elseif head == '' then
  return {'lost'}
end
local region = at < 1024 and string.sub(head, at + 1) or redis.call('GETRANGE', record, ARGV[10], ARGV[14])

local found = redis.call('GETRANGE', record, ARGV[15], ARGV[16])
local tail_at = tonumber(ARGV[15]) + #found - tail_length
if tonumber(ARGV[15]) + #found > tonumber(ARGV[16]) then
  tail_at = redis.call('STRLEN', record) - tail_length
  found = redis.call('GETRANGE', record, string.format('%d', tail_at - 1), '-1')
end
local tail = string.sub(found, -tail_length)
local last = string.sub(found, -tail_length - 1, -tail_length - 1)
if string.sub(head, 1, #prefix) ~= prefix
  or string.sub(region, 1, #before) ~= before
  or string.sub(region, #before + #stamp + 1) ~= after
  or (last ~= '"' and last ~= '[')
  or string.sub(tail, 1, #ARGV[18]) ~= ARGV[18]
  or string.sub(tail, -#ARGV[19]) ~= ARGV[19] then
  return {'changed'}
end

-- The new time must be later than the old one; with the same offset, and of the same width, times compare as text.
local old = string.sub(region, #before + 1, #before + #stamp)
if string.sub(old, 27) ~= string.sub(stamp, 27) then
  return {'changed'}
elseif old >= stamp then
  local micros = tonumber(string.sub(old, 21, 26))
  if not micros or micros >= 999999 then
    return {'changed'}
  end
  stamp = string.sub(old, 1, 20) .. string.format('%06d', micros + 1) .. string.sub(old, 27)
end

local run, ending = ARGV[8], ARGV[22] or ''
local field = run ~= '' and 'run' or 'service'
local known
if ending ~= '' then
  known = redis.pcall('HMGET', metadata, field, 'lease_until', 'queue', 'input')
else
  known = redis.pcall('HMGET', metadata, field, 'lease_until')
end
if known.err then
  return wrong_type(metadata, 'hash') or known
end
local is_held = (tonumber(known[2] or 0) or 0) > now
if run ~= '' and (known[1] ~= run or not is_held) then
  return {'lost'}
elseif not known[1] and #KEYS == 4 then
  return {'incomplete'}
end

local addition = entries
if entries ~= '' and last == '"' then
  addition = ',' .. entries
end
-- Entries alone, as most changes are, need none of the helpers.
if #ARGV == 21 and #KEYS == 4 then
  if addition ~= '' then
    redis.call('SETRANGE', record, string.format('%d', tail_at), addition .. tail)
  end
  redis.call('SETRANGE', record, ARGV[12], stamp)
  redis.call('EXPIRE', record, ARGV[6])
  redis.call('EXPIRE', metadata, ARGV[7])
  local answer = done()
  answer[2] = tail_at + #addition - 1
  return answer
end
