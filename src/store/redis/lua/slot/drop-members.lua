-- Removes members up to a score. KEYS[1]: an index. ARGV: member and highest score in turn.
-- Returns for each member 1 (it isn't in the index now) or 0 (its score is higher).
local dropped = {}
for at = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[at])
  local isKept = score and tonumber(score) > tonumber(ARGV[at + 1])
  if score and not isKept then redis.call('ZREM', KEYS[1], ARGV[at]) end
  dropped[#dropped + 1] = isKept and 0 or 1
end
return dropped
