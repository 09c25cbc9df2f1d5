-- The rest of `splice.lua`, for a change that does more than to add entries to the log.

-- The record and the metadata were read by now, and are what they should be.
local wrong = #KEYS > 4 and wrong_types(5, #KEYS) or ending == 'release' and wrong_type(leases, 'zset')
if wrong then
  return wrong
end

local new_prefix, new_jobs, new_tail = ARGV[23] or '', ARGV[25] or '', ARGV[26] or ''
local in_place = new_prefix == '' and new_jobs == '' and #addition + #new_tail >= #tail
if new_prefix == '' and new_jobs == '' and (new_tail == '' or in_place) then
  if addition ~= '' or new_tail ~= '' then
    redis.call('SETRANGE', record, string.format('%d', tail_at), addition .. (new_tail ~= '' and new_tail or tail))
  end
  -- A progress alone is kept beside the record.
  if not ARGV[31] or addition ~= '' or new_tail ~= '' or ending ~= '' then
    redis.call('SETRANGE', record, ARGV[12], stamp)
  end
  redis.call('EXPIRE', record, ARGV[6])
else
  local text, stamp_at = redis.call('GET', record), tonumber(ARGV[12])
  local jobs_at, jobs = tonumber(ARGV[24]), new_jobs
  if jobs == '' then
    jobs = string.sub(text, jobs_at + 1, at + 1)
  end
  local beginning = new_prefix ~= '' and new_prefix or prefix
  text = table.concat({
    beginning,
    string.sub(text, #prefix + 1, jobs_at),
    jobs,
    string.sub(text, at + 2, stamp_at),
    stamp,
    string.sub(text, stamp_at + #stamp + 1, tail_at),
    addition,
    new_tail ~= '' and new_tail or tail,
  })
  redis.call('SET', record, text, 'EX', ARGV[6])
  tail_at = tail_at + #beginning - #prefix + #jobs - (at + 1 - jobs_at)
end

if ending == 'release' then
  release(ARGV[30])
end
if ending == 'release' or (ending == 'ended' and run == '' and not is_held) then
  leave_queue(known[3])
end
if ending ~= '' then
  drop_input(known[4])
end
if #KEYS > 4 then
  redis.call('HSET', metadata, 'service', ARGV[28], 'user_id', ARGV[29])
  index_all(5, ARGV[30], ARGV[29], tonumber(ARGV[6]), tonumber(ARGV[27]))
end
if ARGV[31] then
  redis.call('HSET', metadata, 'progress', ARGV[31])
end
redis.call('EXPIRE', metadata, ARGV[7])
local answer = done()
answer[2] = tail_at + #addition - 1
return answer
