-- KEYS mark, dirty, list of index keys, buckets, index keys to make, index keys to remove
-- ARGV nonce, number of buckets, number of index keys to make
local last_bucket = 3 + tonumber(ARGV[2])
local last_index = last_bucket + tonumber(ARGV[3])
for i = 1, #KEYS do redis.call('UNLINK', KEYS[i]) end
for i = 4, last_bucket do redis.call('HSET', KEYS[i], '', '') end
for i = last_bucket + 1, last_index do
  redis.call('ZADD', KEYS[i], 0, '')
  redis.call('SADD', KEYS[3], KEYS[i])
end
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. run_id())
return 1
