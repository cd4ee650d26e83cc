-- KEYS mark, hash of what was gone on with, buckets
-- ARGV nonce, number of placed indexes, 'number:generation' of each in order, and for each document the position of its bucket
--      and its id
-- Gives for each document its entity tag, or '' where its entries are not all there.
local failure = lost(nil, 1, 0)
if failure then return failure end
for i = 3, #KEYS do
  if redis.call('HEXISTS', KEYS[i], '') == 0 then return redis.error_reply('EPOCH a manifest bucket is gone') end
end
local placed = tonumber(ARGV[2])
local now, before = {}, {}
for i = 1, placed do
  now[i] = ARGV[2 + i]
  before[i] = redis.call('HGET', KEYS[2], now[i]) or now[i]
end
now, before = table.concat(now, ','), table.concat(before, ',')
local tags = {}
for i = 3 + placed, #ARGV, 2 do
  local manifest = read_manifest(KEYS[2 + tonumber(ARGV[i])], ARGV[i + 1])
  local covers = manifest and (manifest[6] == now or manifest[6] == before)
  tags[#tags + 1] = covers and manifest[5] or ''
end
return tags
