-- Reads fields of a hash. Returns 1 for a hash, 0 for none, else the error of a key of another type, in a full view that type; and the
-- values.
local function readHash(key, view, fields)
  local hash = redis.pcall('HMGET', key, unpack(fields))
  if hash.err then return view == 'full' and redis.call('TYPE', key).ok or hash, {} end
  for field = 1, #fields do
    if hash[field] then return 1, hash end
  end
  return redis.call('EXISTS', key), hash
end
