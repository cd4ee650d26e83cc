-- KEYS the list of index keys.
return redis.call('SMEMBERS', KEYS[1])
