-- Takes tasks from the queue whose turn it is. Safe to send again: what an answer that was lost has told of waits again
-- when the patience is over.
--
-- Keys are built here of names that no caller can know: whose turn it is shows in the step. See `queue/mod.rs` for them.
--
-- KEYS[1]  taken: sorted set of places, by when each waits again
-- KEYS[2]  later: sorted set of places, by when each may be taken
-- KEYS[3]  blocks:all: string, JSON
-- ARGV[1]  what the keys of the queue begin with
-- ARGV[2]  what the keys of blocked users begin with
-- ARGV[3]  what the keys of blocked services begin with
-- ARGV[4]  patience, in milliseconds
-- ARGV[5]  of so many turns of a service, one is for low priority
-- ARGV[6]  seconds that what is queued has to live
-- ARGV[7]  what is wanted: a JSON array of objects with `service`, `most`, `of_user` (how many of each of these users), and
--          `most_of_user` (of each other one)
--
-- Answers with the places that were taken.

local queue, taken, later = ARGV[1], KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function blocks(key)
  local text = redis.pcall('GET', key)
  local ok, value = pcall(cjson.decode, type(text) == 'string' and text or '{}')
  return ok and type(value) == 'table' and value or {}
end

-- Has a place wait in its lane. It stays where it is if it cannot, so that it is not lost.
local function wait(due, place)
  local lanes, user, lane, at = place_parts(place)
  if lane then
    if type(redis.pcall('ZADD', lane, at, place)) == 'table' or not pcall(take_turns, lanes, user) then
      return
    end
    keep(ARGV[6], lane, lanes)
  end
  redis.call('ZREM', due, place)
end

for _, due in ipairs({taken, later}) do
  local places = redis.call('ZRANGE', due, '-inf', string.format('%d', now), 'BYSCORE', 'LIMIT', 0, 1000)
  for _, place in ipairs(places) do
    wait(due, place)
  end
end

local all = blocks(KEYS[3])
if all.blocked == true then
  return {}
end
local is_blocked = {}
if type(all.blocked_users) == 'table' then
  for _, user in ipairs(all.blocked_users) do
    is_blocked[user] = true
  end
end

-- How many users are passed over in one call before it gives up. They have the last turns then, so that the next call
-- comes to others.
local MOST_PASSED = 1000

local function may_run(user, room)
  if room(user) <= 0 then
    return false
  elseif is_blocked[user] == nil then
    is_blocked[user] = blocks(ARGV[2] .. user).blocked == true
  end
  return not is_blocked[user]
end

-- The first place in the lane of a user. One that has none has no turn.
local function first_of(lanes, user)
  local place = redis.call('ZRANGE', lanes .. ':' .. user, 0, 0)[1]
  if not place then
    redis.call('ZREM', lanes, user)
  end
  return place
end

-- The first place in a lane of a user who may run one more: of these users, or of all. `passed` has what earlier calls for
-- the same lanes have passed over.
local function first_in(lanes, room, only, passed)
  if only then
    local found, turn
    for user in pairs(only) do
      local at = tonumber(redis.call('ZSCORE', lanes, user) or nil)
      if at and (not turn or at < turn) and may_run(user, room) and first_of(lanes, user) then
        found, turn = user, at
      end
    end
    return found and first_of(lanes, found), found
  end
  if passed.over then
    return nil
  end
  while #passed < MOST_PASSED do
    local user = redis.call('ZRANGE', lanes, #passed, #passed)[1]
    if not user then
      return nil
    elseif not may_run(user, room) then
      passed[#passed + 1] = user
    else
      local place = first_of(lanes, user)
      if place then
        return place, user
      end
    end
  end
  passed.over = true
  for _, user in ipairs(passed) do
    last_turn(lanes, user)
  end
end

local places = {}
local function take(wanted)
  local base = queue .. wanted.service
  local of_user, passed = {}, {high = {}, low = {}}
  local only = wanted.most_of_user == 0 and wanted.of_user or nil
  local function room(user)
    return of_user[user] or wanted.of_user[user] or wanted.most_of_user
  end
  for _ = 1, wanted.most do
    local turns = tonumber(redis.call('HGET', base, 'turns') or 0) or 0
    local low_first = turns % ARGV[5] == ARGV[5] - 1
    local lanes, place, user
    for _, priority in ipairs(low_first and {'low', 'high'} or {'high', 'low'}) do
      lanes = base .. ':' .. priority
      place, user = first_in(lanes, room, only, passed[priority])
      if place then
        break
      end
    end
    if not place then
      break
    end
    redis.call('HSET', base, 'turns', (turns + 1) % ARGV[5])
    redis.call('ZREM', lanes .. ':' .. user, place)
    redis.call('ZADD', taken, now + ARGV[4], place)
    if redis.call('EXISTS', lanes .. ':' .. user) == 1 then
      last_turn(lanes, user)
    else
      redis.call('ZREM', lanes, user)
    end
    of_user[user] = room(user) - 1
    places[#places + 1] = place
  end
  keep(86400, base)
end

-- What is wrong with the keys of one service is not to stop the others.
local wrong
for _, wanted in ipairs(cjson.decode(ARGV[7])) do
  if blocks(ARGV[3] .. wanted.service).blocked ~= true then
    local ok, why = pcall(take, wanted)
    if not ok then
      wrong = wrong or 'ERR the queue of the service ' .. wanted.service .. ': ' .. tostring(type(why) == 'table' and why.err or why)
    end
  end
end
if #places > 0 then
  keep(ARGV[6], taken)
elseif wrong then
  return redis.error_reply(wrong)
end
return places
