-- KEYS mark, list of index keys, index keys to make. ARGV nonce
local failure = lost(nil, 1, 0)
if failure then return failure end
for i = 3, #KEYS do
  redis.call('ZADD', KEYS[i], 0, '')
  redis.call('SADD', KEYS[2], KEYS[i])
end
return 1
