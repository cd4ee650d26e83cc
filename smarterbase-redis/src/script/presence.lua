-- KEYS mark, bucket, index keys
-- ARGV nonce, id, number of placed indexes, their numbers in the order of KEYS, entries
-- Gives for each entry 0: it is not there, 1: committed, 2: announced, 3: nobody needs it.
local failure = lost(KEYS[2], 3, #KEYS)
if failure then return failure end
local id, placed = ARGV[2], tonumber(ARGV[3])
local index_of = {}
for i = 1, placed do index_of[ARGV[3 + i]] = KEYS[2 + i] end

local manifest = read_manifest(KEYS[2], id) or { 0, 0, {}, {}, '' }
local presence = {}
for _, pending in ipairs(manifest[4]) do
  for _, entry in ipairs(pending[3]) do presence[entry] = 2 end
end
for _, entry in ipairs(manifest[3]) do presence[entry] = 1 end

local answers = {}
for i = 4 + placed, #ARGV do
  local entry = ARGV[i]
  local is_there = redis.call('ZSCORE', index_of[string.sub(entry, 1, 4)], string.sub(entry, 5) .. id)
  table.insert(answers, is_there and (presence[entry] or 3) or 0)
end
return answers
