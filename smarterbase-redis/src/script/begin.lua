-- KEYS mark, dirty, list of index keys, hash of what may be gone on with, buckets, index keys to make, index keys to remove
-- ARGV nonce, number of buckets, number of index keys to make, nonce that may be replaced ('' none, '*' any)
-- Gives the nonce of the instance that is there afterwards.
local last_bucket = 4 + tonumber(ARGV[2])
local last_index = last_bucket + tonumber(ARGV[3])
local mark = redis.call('GET', KEYS[1])
local current, run = string.match(mark or '', '^(%w+)|(%w+)$')
if run ~= run_id() then current = nil end
-- Somebody else began first, or this is a repetition: join.
local joins = current and (current == ARGV[1] or (ARGV[4] ~= '*' and current ~= ARGV[4]))
if not joins then
  for i = 1, #KEYS do redis.call('UNLINK', KEYS[i]) end
  for i = 5, last_bucket do redis.call('HSET', KEYS[i], '', '') end
  redis.call('SADD', KEYS[3], '')
  redis.call('SET', KEYS[1], ARGV[1] .. '|' .. run_id())
  current = ARGV[1]
end
local failure = make(KEYS[3], last_bucket + 1, last_index)
if failure then return failure end
return current
