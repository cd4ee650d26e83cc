-- KEYS queue, heard
first_waiter(KEYS[1], KEYS[2])
return redis.call('ZCARD', KEYS[1])
