-- KEYS mark, bucket, dirty, index keys
-- ARGV nonce, id, base revision, write, number of placed indexes, their numbers in the order of KEYS, entries
local failure = lost(KEYS[2], 4, #KEYS)
if failure then return failure end
local id, base, write, placed = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local index_of = {}
for i = 1, placed do index_of[ARGV[5 + i]] = KEYS[3 + i] end

local manifest = read_manifest(KEYS[2], id) or { 0, 0, {}, {}, '' }
local pending
for _, known in ipairs(manifest[4]) do
  if known[1] == write then pending = known end
end
if not pending then
  pending = { write, base, {} }
  table.insert(manifest[4], pending)
end
local is_known = {}
for _, entry in ipairs(pending[3]) do is_known[entry] = true end
for i = 6 + placed, #ARGV do
  if not is_known[ARGV[i]] then table.insert(pending[3], ARGV[i]) end
end

-- The manifest first: an error further down leaves an announcement that somebody will resolve.
redis.call('HSET', KEYS[2], id, cmsgpack.pack(manifest))
local now = redis.call('TIME')
redis.call('ZADD', KEYS[3], now[1] * 1000 + math.floor(now[2] / 1000), id)
for i = 6 + placed, #ARGV do
  redis.call('ZADD', index_of[string.sub(ARGV[i], 1, 4)], 0, string.sub(ARGV[i], 5) .. id)
end
return 1
