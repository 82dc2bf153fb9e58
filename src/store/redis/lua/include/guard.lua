-- The one guard of writes and removals (`seenTexts` in copies.ts): nil if a task's hash is as it was seen, else 0, or the error
-- of a key of the wrong type. seen: '-' for no hash, or '=' and its status; updated: its `updated_at`; payload: '=' and its
-- payload if that may have the time, else empty.
local function guard(hash, seen, updated, payload)
  if seen == '-' and redis.call('EXISTS', hash) == 0 then return end
  local now = redis.pcall('HMGET', hash, 'status', 'updated_at')
  if now.err then return now end
  if '=' .. (now[1] or '') ~= seen or (now[2] or '') ~= updated then return 0 end
  if payload ~= '' and '=' .. (redis.call('HGET', hash, 'payload') or '') ~= payload then return 0 end
  if not (now[1] or now[2]) and redis.call('EXISTS', hash) == 0 then return 0 end
end
