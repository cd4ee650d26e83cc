-- KEYS mark, dirty. ARGV nonce, least age in milliseconds, limit
local failure = lost(nil, 1, 0)
if failure then return failure end
local now = redis.call('TIME')
local before = now[1] * 1000 + math.floor(now[2] / 1000) - tonumber(ARGV[2])
return redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', before, 'LIMIT', 0, ARGV[3])
