-- KEYS mark, then the bucket of each id. ARGV nonce, number of definitions, their numbers, the ids in the order of KEYS
-- Gives for each id the entries of these definitions that are committed or announced, and the bare number of each definition
-- of which none is committed. False: there is no manifest, or one with more entries than are worth sending.
local failure = lost(nil, 1, 0)
if failure then return failure end
local most = 64
local asked, first_id = {}, 3 + tonumber(ARGV[2])
for i = 3, first_id - 1 do asked[ARGV[i]] = true end

local is_whole = {}
local function known(bucket, id)
  local manifest = read_manifest(bucket, id)
  if not manifest then return false end
  local found, is_committed = {}, {}
  local function add(entries)
    for _, entry in ipairs(entries) do
      local number = string.sub(entry, 1, 4)
      if asked[number] then table.insert(found, entry) end
      if #found > most then return false end
    end
    return true
  end
  if not add(manifest[3]) then return false end
  for _, entry in ipairs(found) do is_committed[string.sub(entry, 1, 4)] = true end
  for _, pending in ipairs(manifest[4]) do
    if not add(pending[3]) then return false end
  end
  for number in pairs(asked) do
    if not is_committed[number] then table.insert(found, number) end
  end
  return found
end

local manifests = {}
for i = 2, #KEYS do
  if not is_whole[KEYS[i]] then
    if redis.call('HEXISTS', KEYS[i], '') == 0 then return redis.error_reply('EPOCH a manifest bucket is gone') end
    is_whole[KEYS[i]] = true
  end
  manifests[i - 1] = known(KEYS[i], ARGV[first_id + i - 2])
end
return manifests
