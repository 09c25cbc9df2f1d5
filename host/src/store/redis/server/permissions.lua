-- Looks whether the user may run every command that the scripts use. Without one of them a script would stop half-way,
-- and what it has written before would stay. Writes nothing.
--
-- KEYS[1]  any key of a session
--
-- Answers with the first command that the user may not run, or ''.

local commands = {
  {'DEL', KEYS[1]},
  {'EVAL', '', 1, KEYS[1]},
  {'EVALSHA', '', 1, KEYS[1]},
  {'EXISTS', KEYS[1]},
  {'EXPIRE', KEYS[1], 1},
  {'GET', KEYS[1]},
  {'GETRANGE', KEYS[1], 0, 1},
  {'HDEL', KEYS[1], 'field'},
  {'HGET', KEYS[1], 'field'},
  {'HINCRBY', KEYS[1], 'field', 1},
  {'HMGET', KEYS[1], 'field'},
  {'HSET', KEYS[1], 'field', 'value'},
  {'PEXPIRE', KEYS[1], 1},
  {'PTTL', KEYS[1]},
  {'RENAME', KEYS[1], KEYS[1]},
  {'SADD', KEYS[1], 'member'},
  {'SET', KEYS[1], 'value'},
  {'SETRANGE', KEYS[1], 0, 'value'},
  {'SISMEMBER', KEYS[1], 'member'},
  {'SREM', KEYS[1], 'member'},
  {'STRLEN', KEYS[1]},
  {'TIME'},
  {'TTL', KEYS[1]},
  {'TYPE', KEYS[1]},
  {'XADD', KEYS[1], '*', 'field', 'value'},
  {'ZADD', KEYS[1], 1, 'member'},
  {'ZRANGE', KEYS[1], 0, 0},
  {'ZREM', KEYS[1], 'member'},
  {'ZSCORE', KEYS[1], 'member'},
}
for _, command in ipairs(commands) do
  if not redis.acl_check_cmd(unpack(command)) then
    return command[1]
  end
end
return ''
