-- KEYS mark, list of index keys, hash of what may be gone on with, index keys to make, and for each the key that it goes on
-- with (the mark where there is none)
-- ARGV nonce, and for each index key its number, its generation, and the generation that it goes on with ('' none)
local failure = lost(nil, 1, 0)
if failure then return failure end
local indexes = (#KEYS - 3) / 2
if redis.call('SISMEMBER', KEYS[2], '') == 0 then return redis.error_reply('EPOCH the list of index keys is gone') end
for i = 1, indexes do
  local key, source = KEYS[3 + i], KEYS[3 + indexes + i]
  local number, generation, left = ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  -- Only once, and only what was whole when this instance went on with it.
  local goes_on = left ~= '' and redis.call('HGET', KEYS[3], number) == left and redis.call('ZSCORE', source, '')
  if goes_on and redis.call('SISMEMBER', KEYS[2], key) == 0 then
    redis.call('RENAME', source, key)
    redis.call('SREM', KEYS[2], source)
    redis.call('SADD', KEYS[2], key)
    redis.call('HDEL', KEYS[3], number)
    redis.call('HSET', KEYS[3], number .. ':' .. generation, number .. ':' .. left)
  end
end
failure = make(KEYS[2], 4, 3 + indexes)
if failure then return failure end
return 1
