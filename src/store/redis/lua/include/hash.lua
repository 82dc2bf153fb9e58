-- Reads a hash. Returns 1 for a hash, 0 for none, else the error of a key of another type, in a full view that type; and the
-- fields in ARGV from one index to another.
local function readHash(key, view, first, last)
  local hash = redis.pcall('HMGET', key, unpack(ARGV, first, last))
  if hash.err then return view == 'full' and redis.call('TYPE', key).ok or hash, {} end
  for field = 1, last - first + 1 do
    if hash[field] then return 1, hash end
  end
  return redis.call('EXISTS', key), hash
end
