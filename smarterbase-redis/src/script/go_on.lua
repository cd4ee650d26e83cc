-- KEYS mark, list of index keys, hash of what may be gone on with, buckets, index keys
-- ARGV nonce, nonce that may be replaced ('*' any), number of buckets, number and generation of each index key
-- Gives the nonce of the instance that is there afterwards, or '' where something is missing: then one begins anew.
local mark = redis.call('GET', KEYS[1])
local current, run = string.match(mark or '', '^(%w+)|(%w+)$')
if not current then return '' end
if run == run_id() and (current == ARGV[1] or (ARGV[2] ~= '*' and current ~= ARGV[2])) then return current end

-- Redis loses the tail of what was done, or whole keys. Each key has a sentinel, so if all are there, this is a state that
-- there was, and every manifest agrees with the index keys.
local last_bucket = 3 + tonumber(ARGV[3])
if redis.call('SISMEMBER', KEYS[2], '') == 0 then return '' end
for i = 4, last_bucket do
  if redis.call('HEXISTS', KEYS[i], '') == 0 then return '' end
end
local latest = {}
for i = last_bucket + 1, #KEYS do
  local argument = 4 + 2 * (i - last_bucket - 1)
  local number, generation = ARGV[argument], tonumber(ARGV[argument + 1])
  if redis.call('ZSCORE', KEYS[i], '') and generation > (latest[number] or 0) then latest[number] = generation end
end

redis.call('UNLINK', KEYS[3])
for number, generation in pairs(latest) do redis.call('HSET', KEYS[3], number, generation) end
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. run_id())
return ARGV[1]
