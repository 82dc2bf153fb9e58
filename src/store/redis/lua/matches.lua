-- Compares hashes with values.
-- KEYS: hashes. ARGV: the number of fields, the fields, and for each hash the values.
-- Returns a text of one '1' or '0' for each hash, so no content is sent back.
local width = tonumber(ARGV[1])
local matches = {}
for i = 1, #KEYS do
  local before = 1 + width * i
  local hash = redis.pcall('HMGET', KEYS[i], unpack(ARGV, 2, 1 + width))
  local isSame = not hash.err
  for field = 1, width do isSame = isSame and hash[field] == ARGV[before + field] end
  matches[i] = isSame and '1' or '0'
end
return table.concat(matches)
