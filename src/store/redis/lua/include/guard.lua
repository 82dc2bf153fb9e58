-- The guard of a write: nil if the hash still has the `updated_at` of the decision, or without one its payload (empty:
-- neither), and after a '=' that status (empty: any). Else 0, or the error of a key of the wrong type.
local function guard(hash, seen, status, payloadRules)
  if seen == '' and status == '' and redis.call('EXISTS', hash) == 0 then return end
  local now = redis.pcall('HGET', hash, 'updated_at')
  if not now or now == '' then now = redis.pcall('HGET', hash, 'payload') end
  if type(now) == 'table' then return now end
  local isSame = (now or '') == seen or payloadRules and seen ~= '' and redis.call('HGET', hash, 'payload') == seen
  if not isSame then return 0 end
  if status ~= '' and '=' .. (redis.call('HGET', hash, 'status') or '') ~= status then return 0 end
end
