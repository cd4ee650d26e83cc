-- KEYS queue, heard. ARGV waiter, '1' when the next one is to be woken in its stead
local was_first = first_waiter(KEYS[1], KEYS[2]) == ARGV[1]
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
if was_first and ARGV[2] == '1' then wake_first(KEYS[1], KEYS[2]) end
