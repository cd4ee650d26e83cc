-- KEYS mark, bucket, index key. ARGV nonce, id, entry
local failure = lost(KEYS[2], 3, 3)
if failure then return failure end
local manifest = read_manifest(KEYS[2], ARGV[2])
-- Without a manifest nobody can tell that no announcement is on its way.
if not manifest then return 0 end
for _, entry in ipairs(manifest[3]) do
  if entry == ARGV[3] then return 0 end
end
for _, pending in ipairs(manifest[4]) do
  for _, entry in ipairs(pending[3]) do
    if entry == ARGV[3] then return 0 end
  end
end
return redis.call('ZREM', KEYS[3], string.sub(ARGV[3], 5) .. ARGV[2])
