-- KEYS mark, bucket, dirty, index keys
-- ARGV nonce, id, revision, write ('' for none), outcome (put, delete, abort, restore), entity tag, the placed indexes as
--      'number:generation' in order, number of placed indexes, their numbers in the order of KEYS, every entry of the document
local failure = lost(KEYS[2], 4, #KEYS)
if failure then return failure end
local id, rev, write, outcome = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local placed = tonumber(ARGV[8])
local index_of = {}
for i = 1, placed do index_of[ARGV[8 + i]] = KEYS[3 + i] end

local manifest = read_manifest(KEYS[2], id) or { 0, 0, {}, {}, '' }
local before = manifest[1]
local own
-- The highest revision that was applied before the truth turned out to be a lower one.
local earlier_life = 0
for _, pending in ipairs(manifest[4]) do
  if pending[1] == '' then
    earlier_life = pending[2]
  elseif pending[1] == write then
    own = pending
  end
end

-- Whether this tells something newer than what is applied, or tells that the applied revision is of an earlier life of
-- the document: a repair says so itself; a write says so by an announcement that came after the applied revision and
-- whose put was carried out all the same. Without its announcement, what is not above the earlier life belongs to it.
local is_repair = outcome == 'restore'
local is_newer = (rev > before and (is_repair or own or rev > earlier_life)) 
  or (rev == before and (is_repair or own))
local is_older_truth = rev < before and (is_repair or (outcome ~= 'abort' and own and own[2] < before))
local applies = outcome ~= 'abort' and (is_newer or is_older_truth)
local is_left_over = is_older_truth and #manifest[3] > 0

local leaving, is_needed = {}, {}
if applies then
  local entries = {}
  for i = 9 + placed, #ARGV do
    local entry = ARGV[i]
    table.insert(entries, entry)
    redis.call('ZADD', index_of[string.sub(entry, 1, 4)], 0, string.sub(entry, 5) .. id)
  end
  if is_newer then
    for _, entry in ipairs(manifest[3]) do leaving[entry] = true end
  elseif rev > 0 or #manifest[3] > 0 then
    -- It may be a late message after all: what is applied stays needed until a revision after both is committed.
    table.insert(manifest[4], { '', before, manifest[3] })
  end
  manifest[1], manifest[2], manifest[3], manifest[5] = rev, outcome == 'delete' and 1 or 0, entries, ARGV[6]
  manifest[6] = ARGV[7]
end

-- An announcement leaves with its own outcome, or once a revision after its base is applied: its put can no longer win.
-- Entries of an earlier life leave once their own revision, or a later one, is applied.
local kept, earlier, is_unresolved = {}, nil, is_left_over
for _, pending in ipairs(manifest[4]) do
  if pending == own or (applies and (pending[2] < rev or (pending[1] == '' and pending[2] == rev))) then
    for _, entry in ipairs(pending[3]) do leaving[entry] = true end
  elseif pending[1] == '' and earlier then
    earlier[2] = math.max(earlier[2], pending[2])
    local is_known = {}
    for _, entry in ipairs(earlier[3]) do is_known[entry] = true end
    for _, entry in ipairs(pending[3]) do
      if not is_known[entry] then table.insert(earlier[3], entry) end
    end
  else
    if pending[1] == '' then earlier = pending else is_unresolved = true end
    table.insert(kept, pending)
  end
end
manifest[4] = kept

for _, entry in ipairs(manifest[3]) do is_needed[entry] = true end
for _, pending in ipairs(kept) do
  for _, entry in ipairs(pending[3]) do is_needed[entry] = true end
end

-- The manifest before the removals: an error in between leaves entries too many, never too few.
if manifest[1] == 0 and #manifest[3] == 0 and #kept == 0 then
  redis.call('HDEL', KEYS[2], id)
else
  redis.call('HSET', KEYS[2], id, cmsgpack.pack(manifest))
end
for entry in pairs(leaving) do
  local index = index_of[string.sub(entry, 1, 4)]
  -- An index that is no longer placed is gone as a whole.
  if index and not is_needed[entry] then redis.call('ZREM', index, string.sub(entry, 5) .. id) end
end
if not is_unresolved then
  redis.call('ZREM', KEYS[3], id)
elseif is_left_over then
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[3], now[1] * 1000 + math.floor(now[2] / 1000), id)
end
return applies and 1 or 0
