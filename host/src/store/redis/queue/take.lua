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
-- ARGV[6]  what is wanted: a JSON array of objects with `service`, `most`, `of_user` (how many of each of these users), and
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

-- Has a place wait in its lane. `<lane> <id> <microseconds>`, where the lane is `<service's lanes>:<user>`.
local function wait(place)
  local lanes, user, lane, at = place_parts(place)
  if lane then
    redis.call('ZADD', lane, at, place)
    take_turns(lanes, user)
  end
end

for _, due in ipairs({taken, later}) do
  local places = redis.call('ZRANGE', due, '-inf', string.format('%d', now), 'BYSCORE', 'LIMIT', 0, 1000)
  for _, place in ipairs(places) do
    redis.call('ZREM', due, place)
    wait(place)
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

-- The first place in a lane of a user who may run one more.
local function first_in(lanes, room)
  local from = 0
  while true do
    local users = redis.call('ZRANGE', lanes, from, from + 99)
    for _, user in ipairs(users) do
      if is_blocked[user] == nil then
        is_blocked[user] = blocks(ARGV[2] .. user).blocked == true
      end
      if not is_blocked[user] and room(user) > 0 then
        local place = redis.call('ZRANGE', lanes .. ':' .. user, 0, 0)[1]
        if place then
          return place, user
        end
        redis.call('ZREM', lanes, user)
        from = from - 1
      end
    end
    if #users < 100 then
      return nil
    end
    from = from + 100
  end
end

local places = {}
local function take(wanted)
  local base = queue .. wanted.service
  local of_user = {}
  local function room(user)
    return of_user[user] or wanted.of_user[user] or wanted.most_of_user
  end
  for _ = 1, wanted.most do
    local turns = tonumber(redis.call('HGET', base, 'turns') or 0)
    local low_first = turns % ARGV[5] == ARGV[5] - 1
    local first = low_first and {':low', ':high'} or {':high', ':low'}
    local lanes = base .. first[1]
    local place, user = first_in(lanes, room)
    if not place then
      lanes = base .. first[2]
      place, user = first_in(lanes, room)
    end
    if not place then
      return
    end
    redis.call('HSET', base, 'turns', (turns + 1) % ARGV[5])
    redis.call('EXPIRE', base, 86400)
    redis.call('ZREM', lanes .. ':' .. user, place)
    redis.call('ZADD', taken, now + ARGV[4], place)
    redis.call('ZREM', lanes, user)
    if redis.call('EXISTS', lanes .. ':' .. user) == 1 then
      take_turns(lanes, user)
    end
    of_user[user] = room(user) - 1
    places[#places + 1] = place
  end
end

for _, wanted in ipairs(cjson.decode(ARGV[6])) do
  if blocks(ARGV[3] .. wanted.service).blocked ~= true then
    take(wanted)
  end
end
return places
