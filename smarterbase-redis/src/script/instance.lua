-- KEYS mark. The nonce of the instance when its mark is of this run of the server, else nil.
local mark = redis.call('GET', KEYS[1])
if not mark then return nil end
local nonce, run = string.match(mark, '^(%w+)|(%w+)$')
if run ~= run_id() then return nil end
return nonce
