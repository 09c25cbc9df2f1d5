-- Blocks everything or a user, or ends that, in the form that the DMS scheduler reads and writes. Safe to send again.
--
-- KEYS[1]  blocks:all: string, JSON with `blocked` and `blocked_users`
-- KEYS[2]  arrivals: stream
-- KEYS[3]  optional: the key of a user
-- ARGV[1]  '1' to block
-- ARGV[2]  the user, with KEYS[3]

local text = redis.call('GET', KEYS[1])
local ok, all = pcall(cjson.decode, text or '{}')
if not ok or type(all) ~= 'table' then
  return redis.error_reply('ERR the key ' .. KEYS[1] .. ' does not hold a JSON object')
end
local users, seen = {}, {}
for _, user in ipairs(type(all.blocked_users) == 'table' and all.blocked_users or {}) do
  if user ~= ARGV[2] and not seen[user] then
    users[#users + 1] = user
    seen[user] = true
  end
end
local blocked = all.blocked == true
if KEYS[3] then
  if ARGV[1] == '1' then
    users[#users + 1] = ARGV[2]
  end
  redis.call('SET', KEYS[3], ARGV[1] == '1' and '{"blocked": true}' or '{"blocked": false}')
else
  blocked = ARGV[1] == '1'
end
-- An empty table would be written as an object.
local list = #users > 0 and cjson.encode(users) or '[]'
redis.call('SET', KEYS[1], '{"blocked": ' .. tostring(blocked) .. ', "blocked_users": ' .. list .. '}')
if ARGV[1] ~= '1' then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 100, '*', 'resumed', '1')
end
return 1
