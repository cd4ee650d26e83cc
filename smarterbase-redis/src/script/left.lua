-- KEYS mark, hash of what may be gone on with. ARGV nonce, numbers of indexes. The generation that each may go on with, or ''.
local failure = lost(nil, 1, 0)
if failure then return failure end
local generations = {}
for i = 2, #ARGV do generations[i - 1] = redis.call('HGET', KEYS[2], ARGV[i]) or '' end
return generations
