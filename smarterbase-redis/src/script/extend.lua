-- KEYS mark, list of index keys, index keys to make. ARGV nonce
local failure = lost(nil, 1, 0) or make(KEYS[2], 3, #KEYS)
if failure then return failure end
return 1
