-- KEYS mark, index key. ARGV nonce, lower bound, upper bound
local failure = lost(nil, 2, 2)
if failure then return failure end
return redis.call('ZLEXCOUNT', KEYS[2], ARGV[2], ARGV[3])
