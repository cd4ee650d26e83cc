-- KEYS mark, index key. ARGV nonce, lower bound, upper bound, limit, direction (up, down)
local failure = lost(nil, 2, 2)
if failure then return failure end
if ARGV[5] == 'down' then
  return redis.call('ZREVRANGEBYLEX', KEYS[2], ARGV[3], ARGV[2], 'LIMIT', 0, ARGV[4])
end
return redis.call('ZRANGEBYLEX', KEYS[2], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
