-- Every script: KEYS[1] is the mark. ARGV[1] is the nonce of the instance that the caller expects.
--
-- The run of the server: its process, and the history of data that it tells its replicas. The process alone does not do: a
-- primary that steps down takes over what another one has, and may be promoted again; each promotion begins a new history.
-- So does the first replica of a server that had none, which costs going on with what is there. Redis 6.2 takes one section
-- at a time.
local function run_id()
  local process = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  return process .. (history or '')
end

-- Why nothing here may be trusted, or nil. The mark names the instance and the run of the server: a flush, another
-- database, a restart from an old snapshot, a failover and the way back from it all change one of them. Each sorted set and each manifest
-- bucket holds an empty sentinel: a single key that was evicted or deleted misses it.
local function lost(bucket, first_index, last_index)
  local mark = redis.call('GET', KEYS[1])
  if not mark then return redis.error_reply('EPOCH there is no mark') end
  if mark ~= ARGV[1] .. '|' .. run_id() then return redis.error_reply('EPOCH the mark is of another instance or run') end
  if bucket and redis.call('HEXISTS', bucket, '') == 0 then return redis.error_reply('EPOCH a manifest bucket is gone') end
  for i = first_index, last_index do
    if not redis.call('ZSCORE', KEYS[i], '') then return redis.error_reply('EPOCH an index key is gone') end
  end
  return nil
end

-- Makes the index keys that this instance did not make yet, each with its sentinel. One that it made is left as it is: a
-- new sentinel in a key that was lost would hide the loss. The list has a sentinel of its own for the same reason.
local function make(list, first_index, last_index)
  if redis.call('SISMEMBER', list, '') == 0 then return redis.error_reply('EPOCH the list of index keys is gone') end
  for i = first_index, last_index do
    if redis.call('SADD', list, KEYS[i]) == 1 then redis.call('ZADD', KEYS[i], 0, '') end
  end
  return nil
end

-- A manifest: { applied revision, deleted?, committed entries, pending announcements, entity tag, the indexes that the
-- committed entries are all of, 'number:generation' in order }. A pending
-- announcement: { nonce, base revision, entries }. An entry: 4 bytes of index number, then the value.
local function read_manifest(bucket, id)
  local stored = redis.call('HGET', bucket, id)
  return stored and cmsgpack.unpack(stored) or nil
end


-- The queue of a lock: a sorted set of waiters, and a hash of the times until which each is believed to be there. A waiter is
-- called '<20 characters of its process>/<its own>'.
local function milliseconds()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end

-- The first waiter that is there, or nil. Those before it that were silent for too long are dropped.
local function first_waiter(queue, heard)
  local now = milliseconds()
  while true do
    local first = redis.call('ZRANGE', queue, 0, 0)[1]
    if not first then return nil end
    if tonumber(redis.call('HGET', heard, first) or '0') >= now then return first end
    redis.call('ZREM', queue, first)
    redis.call('HDEL', heard, first)
  end
end

local function wake_first(queue, heard)
  local first = first_waiter(queue, heard)
  if first then redis.call('PUBLISH', 'sb:wake:' .. string.sub(first, 1, 20), string.sub(first, 22)) end
end
