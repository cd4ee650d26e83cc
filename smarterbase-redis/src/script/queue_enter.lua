-- KEYS queue, heard. ARGV waiter, milliseconds for which it is believed to be there
redis.call('HSET', KEYS[2], ARGV[1], milliseconds() + tonumber(ARGV[2]))
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
  redis.call('ZADD', KEYS[1], (last[2] or 0) + 1, ARGV[1])
end
first_waiter(KEYS[1], KEYS[2])
-- A queue that nobody enters any more goes by itself.
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('PEXPIRE', KEYS[2], 60000)
return redis.call('ZRANK', KEYS[1], ARGV[1])
