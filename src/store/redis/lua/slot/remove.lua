-- Removes a hash that is as it was when the removal was decided on.
-- KEYS[1]: the hash. ARGV: fields and values in turn (an empty value also matches a missing field); without any, the hash
-- must be missing.
-- Returns 1 (the hash is gone) or 0 (refused).
local exists = redis.call('EXISTS', KEYS[1])
if #ARGV == 0 then return 1 - exists end
if exists == 0 then return 0 end
for at = 1, #ARGV, 2 do
  local now = redis.pcall('HGET', KEYS[1], ARGV[at])
  if type(now) == 'table' then return now end
  if (now or '') ~= ARGV[at + 1] then return 0 end
end
redis.call('UNLINK', KEYS[1])
return 1
